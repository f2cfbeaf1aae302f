//! `GET /api/v1/agents/{agentId}/did/resolve`: DID resolution (W3C DID Resolution §4, §12).

use agentidp_shared::did::{self, MEDIA_TYPE};
use agentidp_shared::ids::AgentId;
use axum::extract::{RawPathParams, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::store;
use crate::access::Caller;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};

/// The media type of a resolution result.
const RESULT_TYPE: &str = "application/did-resolution";

/// Resolve an agent's DID
///
/// Of an agent of the caller's organization. The answer is a DID resolution result, also where it is an error; with
/// `Accept: application/did+json` it is the document alone.
#[utoipa::path(get, path = "/api/v1/agents/{agentId}/did/resolve", operation_id = "resolve_agent_did", tag = "DIDs",
    params(("agentId" = uuid::Uuid, Path, description = "The agent")),
    responses(
        (status = 200, description = "The document with its metadata", content_type = "application/did-resolution", body = Object),
        (status = 400, description = "`invalidDid`: the id is malformed", content_type = "application/did-resolution", body = Object),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "`notFound`: the organization has no such agent", content_type = "application/did-resolution", body = Object),
        (status = 406, description = "`representationNotSupported`", content_type = "application/did-resolution", body = Object),
        (status = 410, description = "The agent was decommissioned; `deactivated` is true", content_type = "application/did-resolution", body = Object)))]
pub(super) async fn resolve_agent_did(
    State(app): State<App>,
    caller: Caller,
    path: RawPathParams,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Some(wanted) = Wanted::of(&headers) else {
        return Ok(refused(StatusCode::NOT_ACCEPTABLE, "representationNotSupported"));
    };
    let id = path.iter().find_map(|(name, value)| (name == "agentId").then_some(value));
    let Some(agent) = id.and_then(|id| id.parse::<AgentId>().ok()) else {
        return Ok(refused(StatusCode::BAD_REQUEST, "invalidDid"));
    };
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let found = store::did(&mut tx, agent, app.now()).await?;
    tx.commit().await?;
    let Some(state) = found else { return Ok(refused(StatusCode::NOT_FOUND, "notFound")) };
    if state.is_decommissioned {
        return Ok(result(StatusCode::GONE, &json!({}), &Value::Null, &state.metadata()));
    }
    let document = state.document(&app.config.issuer);
    Ok(match wanted {
        Wanted::Document => answer(StatusCode::OK, MEDIA_TYPE, &document),
        Wanted::Result => {
            let resolution =
                json!({ "contentType": MEDIA_TYPE, "did": did::agent_did(&app.config.issuer, agent) });
            result(StatusCode::OK, &resolution, &document, &state.metadata())
        }
    })
}

/// What the caller takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Result,
    Document,
}

impl Wanted {
    /// By `Accept`; the first that we have, whatever its weight. `None` if we have none of them.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut accepted = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
            .filter(|range| !range.is_empty())
            .peekable();
        if accepted.peek().is_none() {
            return Some(Self::Result);
        }
        accepted.find_map(|range| match &*range {
            RESULT_TYPE | "application/json" | "application/*" | "*/*" => Some(Self::Result),
            MEDIA_TYPE => Some(Self::Document),
            // What a result was called until 2024.
            range if range.starts_with("application/ld+json") => Some(Self::Result),
            _ => None,
        })
    }
}

fn refused(status: StatusCode, error: &str) -> Response {
    result(status, &json!({ "error": error }), &Value::Null, &json!({}))
}

fn result(status: StatusCode, resolution: &Value, document: &Value, metadata: &Value) -> Response {
    let body = json!({
        "@context": "https://w3id.org/did-resolution/v1",
        "didResolutionMetadata": resolution,
        "didDocument": document,
        "didDocumentMetadata": metadata,
    });
    answer(status, RESULT_TYPE, &body)
}

fn answer(status: StatusCode, media_type: &'static str, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_given_unless_the_document_is_asked_for() {
        let of =
            |accept: &str| Wanted::of(&HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]));
        assert_eq!(Wanted::of(&HeaderMap::new()), Some(Wanted::Result));
        for accept in ["*/*", "application/json", "text/html, application/did-resolution;q=0.5", ""] {
            assert_eq!(of(accept), Some(Wanted::Result), "{accept}");
        }
        assert_eq!(of("Application/DID+JSON"), Some(Wanted::Document));
        assert_eq!(of("text/html"), None);
    }
}
