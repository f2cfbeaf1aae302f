//! `GET /agents/{agentId}/did.json`: the DID document of an agent. Public: whoever meets the agent may ask.

use agentidp_shared::did::MEDIA_TYPE;
use agentidp_shared::ids::AgentId;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::document;
use crate::agents;
use crate::app::App;
use crate::did;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;

/// The DID document of an agent
#[utoipa::path(get, path = "/agents/{agentId}/did.json", operation_id = "get_agent_did", tag = "Discovery",
    params(("agentId" = uuid::Uuid, Path, description = "The agent")),
    responses(
        (status = 200, description = "The document of `did:web:HOST:agents:ID`", content_type = "application/did+json", body = Object),
        (status = 304, description = "Unchanged"),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 410, description = "The agent was decommissioned, and its DID with it", body = ErrorBody)))]
pub(super) async fn get_agent_did(
    State(app): State<App>,
    Id(agent): Id<AgentId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut tx = app.db.system().await?;
    let found = did::did_any_tenant(&mut tx, agent, app.now()).await?;
    tx.commit().await?;
    let found = found.ok_or_else(agents::not_found)?;
    if found.is_decommissioned {
        return Err(agents::gone());
    }
    document::answer(&headers, MEDIA_TYPE, &found.document(&app.config.issuer))
}

/// The DID document of an agent (alias)
#[utoipa::path(get, path = "/api/v1/agents/{agentId}/did", operation_id = "get_agent_did_alias", tag = "Discovery",
    params(("agentId" = uuid::Uuid, Path, description = "The agent")),
    responses(
        (status = 200, description = "The document of `did:web:HOST:agents:ID`", content_type = "application/did+json", body = Object),
        (status = 304, description = "Unchanged"),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 410, description = "The agent was decommissioned, and its DID with it", body = ErrorBody)))]
pub(super) async fn get_agent_did_alias(
    state: State<App>,
    id: Id<AgentId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    get_agent_did(state, id, headers).await
}
