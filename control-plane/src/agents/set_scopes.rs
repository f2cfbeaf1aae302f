//! `PUT /api/v1/agents/{agentId}/scopes`: what an agent may ask for from now on.

use agentidp_shared::ids::AgentId;
use agentidp_shared::scopes::ScopeSet;
use axum::Json;
use axum::extract::State;
use serde_json::json;
use utoipa::ToSchema;

use super::model::{Agent, AgentStatus};
use super::revocation::limit_scopes;
use super::{lock_status, not_found, store};
use crate::access::{Act, Caller, Owners};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::edge_feed::Charge;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::infra::http::path::Id;
use crate::resources;

/// The scopes that replace the agent's.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct SetAgentScopesRequest {
    /// All that the agent may ask for from now on. A scope that it has not had yet must be held by the access token in use and by
    /// the caller itself.
    #[schema(value_type = Vec<String>, max_items = 64, examples(json!(["agents:read"])))]
    scopes: ScopeSet,
}

impl FromFields for SetAgentScopesRequest {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let scopes = input.required("scopes", |input| input.optional_scopes("scopes"))?;
        Some(Self { scopes })
    }
}

/// Replace an agent's scopes
///
/// Tokens issued so far that hold a scope that is taken away are refused from now on, at the edges within seconds. All others
/// stay valid.
#[utoipa::path(put, path = "/api/v1/agents/{agentId}/scopes", operation_id = "set_agent_scopes", tag = "Agents",
    params(("agentId" = uuid::Uuid, Path, description = "The agent")),
    request_body = SetAgentScopesRequest,
    responses(
        (status = 200, description = "The agent as it is now", body = Agent),
        (status = 400, description = "The list is malformed, or names a scope that does not exist", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, the agent's rank is above the caller's, or the caller does not hold what it would give", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 409, description = "The agent was decommissioned, or the organization's last owner could no longer administer it", body = ErrorBody),
        (status = 429, description = "The organization's changes reached the edges as often in this minute as its tier allows; a request that only takes scopes away is never refused for that", body = ErrorBody)))]
pub(super) async fn set_agent_scopes(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(agent): Id<AgentId>,
    StrictJson(request): StrictJson<SetAgentScopesRequest>,
) -> Result<Json<Agent>, ApiError> {
    let wanted = request.scopes;
    let mut tx = app.db.tenant(caller.organization_id).await?;
    resources::hold(&mut tx, &wanted).await?;
    let permit = caller.permit(&mut tx, Act::ChangeScopes, agent).await?;
    let owners = Owners::lock(&mut tx, caller.organization_id, app.now()).await?;
    if lock_status(&mut tx, agent).await? == AgentStatus::Decommissioned {
        return Err(ApiError::conflict(
            "AGENT_DECOMMISSIONED",
            "the agent was decommissioned, which is final",
        ));
    }
    let current = store::scopes(&mut tx, agent).await?.ok_or_else(not_found)?;
    let (added, removed) = (wanted.difference(&current), current.difference(&wanted));
    resources::require_grantable(&mut tx, &app, &caller, &added).await?;
    if !added.is_empty() || !removed.is_empty() {
        store::set_scopes(&mut tx, permit, &wanted, app.now()).await?;
        if !removed.is_empty() {
            // What gives as well as takes can be sent again and again.
            let charge = if added.is_empty() { Charge::Always } else { Charge::Limited };
            limit_scopes(&mut tx, &app, permit, &wanted, charge).await?;
        }
        owners.refuse_if_gone(&mut tx).await?;
        let metadata =
            json!({ "actorId": caller.actor(), "scopes": wanted, "added": added, "removed": removed });
        let event = NewEvent::new(caller.organization_id, Action::AgentScopesChanged)
            .agent(agent)
            .client(&client)
            .metadata(metadata);
        audit::record(&mut tx, &app, event).await?;
    }
    let updated = store::find(&mut tx, &app.config.issuer, caller.organization_id, agent).await?;
    tx.commit().await?;
    updated.map(Json).ok_or_else(not_found)
}
