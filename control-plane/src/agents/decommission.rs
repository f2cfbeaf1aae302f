//! `DELETE /api/v1/agents/{agentId}`: the end of an agent, with its credentials, tokens and DID in one transaction.

use agentidp_shared::ids::AgentId;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use super::model::AgentStatus;
use super::revocation::set_standing;
use super::update::decommissioned;
use super::{lock_status, store};
use crate::access::{Act, Caller, Owners};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::edge_feed::Charge;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;
use crate::{credentials, organizations};

/// Decommission an agent
///
/// Final. Its credentials and tokens are refused from now on and its DID is gone (410); the record stays for auditors.
#[utoipa::path(delete, path = "/api/v1/agents/{agentId}", operation_id = "decommission_agent", tag = "Agents",
    params(("agentId" = uuid::Uuid, Path, description = "The agent")),
    responses(
        (status = 204, description = "The agent is decommissioned"),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the agent is not the caller's to manage", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 409, description = "The agent already was, or is its organization's last owner", body = ErrorBody)))]
pub(super) async fn decommission_agent(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(agent): Id<AgentId>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let permit = caller.permit(&mut tx, Act::DecommissionAgent, agent).await?;
    let owners = Owners::lock(&mut tx, caller.organization_id, app.now()).await?;
    let status = lock_status(&mut tx, agent).await?;
    status.change_to(AgentStatus::Decommissioned).map_err(decommissioned)?;
    set_standing(&mut tx, &app, permit, AgentStatus::Decommissioned, true, Charge::Always).await?;
    store::forget_did_key(&mut tx, agent).await?;
    organizations::remove_member(&mut tx, caller.organization_id, permit).await?;
    let revoked = credentials::revoke_all(&mut tx, caller.organization_id, permit, app.now()).await?.len();
    owners.refuse_if_gone(&mut tx).await?;
    let event = NewEvent::new(caller.organization_id, Action::AgentDecommissioned)
        .agent(agent)
        .client(&client)
        .metadata(json!({ "actorId": caller.actor(), "revokedCredentials": revoked }));
    audit::record(&mut tx, &app, event).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
