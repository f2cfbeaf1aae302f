//! `GET /.well-known/agent-card.json`: the A2A card of this instance.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::{model, sign};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::keys::Signer;
use crate::well_known::document;

/// The A2A card of this instance
///
/// Signed with a key of the JWK Set, named by `kid`.
#[utoipa::path(get, path = "/.well-known/agent-card.json", operation_id = "get_instance_card", tag = "Cards",
    responses(
        (status = 200, description = "The card", body = Object),
        (status = 304, description = "Unchanged"),
        (status = 503, description = "The instance has no key to sign with yet", body = ErrorBody)))]
pub(super) async fn get_instance_card(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let signed = sign::sign(model::instance_card(&app.config.issuer), &*signer(&app)?)?;
    document::answer_tagged(
        &headers,
        document::JSON,
        document::CACHE_CONTROL,
        signed.card.to_string(),
        &signed.tag,
    )
}

/// The key that documents are signed with.
pub(super) fn signer(app: &App) -> Result<std::sync::Arc<Signer>, ApiError> {
    app.document_keys.signer().ok_or_else(|| {
        let message = "this instance is about to make its first key for documents; ask again";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "NO_DOCUMENT_KEY", message)
            .header(header::RETRY_AFTER, "2".into())
    })
}
