//! `GET /api/v1/agents/{agentId}`.

use agentidp_shared::ids::AgentId;
use axum::Json;
use axum::extract::State;

use super::model::Agent;
use super::{not_found, store};
use crate::access::Caller;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;

/// An agent
#[utoipa::path(get, path = "/api/v1/agents/{agentId}", operation_id = "get_agent", tag = "Agents",
    params(("agentId" = uuid::Uuid, Path, description = "The agent")),
    responses(
        (status = 200, description = "The agent", body = Agent),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody)))]
pub(super) async fn get_agent(
    State(app): State<App>,
    caller: Caller,
    Id(agent): Id<AgentId>,
) -> Result<Json<Agent>, ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let found = store::find(&mut tx, &app.config.issuer, caller.organization_id, agent).await?;
    tx.commit().await?;
    found.map(Json).ok_or_else(not_found)
}
