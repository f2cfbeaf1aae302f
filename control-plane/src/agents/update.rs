//! `PATCH /api/v1/agents/{agentId}`: the description of an agent, and suspending or reactivating it.

use agentidp_shared::ids::AgentId;
use axum::Json;
use axum::extract::State;
use serde_json::json;
use utoipa::ToSchema;

use super::fields::{self, DESCRIPTION_LENGTH, NAME_LENGTH, OWNER_LENGTH};
use super::model::{Agent, AgentStatus, AgentType, AlreadyDecommissioned, DeploymentEnv};
use super::revocation::{documents_changed, set_standing};
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

/// What to change; what is absent stays as it is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct UpdateAgentRequest {
    pub agent_type: Option<AgentType>,
    #[schema(max_length = 64)]
    pub version: Option<String>,
    pub capabilities: Option<Vec<String>>,
    #[schema(min_length = 1, max_length = 128)]
    pub owner: Option<String>,
    pub deployment_env: Option<DeploymentEnv>,
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    #[schema(min_length = 1, max_length = 1_000)]
    pub description: Option<String>,
    pub is_public: Option<bool>,
    /// Where it answers A2A (JSON-RPC), for its card: an https URL.
    #[schema(max_length = 2_048)]
    pub a2a_url: Option<String>,
    /// `suspended` refuses the agent and every token it has so far; `active` lets it get new ones.
    #[schema(value_type = Option<SettableStatus>)]
    pub status: Option<AgentStatus>,
    /// Refuses every token the agent was issued so far, without suspending it.
    pub revoke_tokens: Option<bool>,
}

/// The statuses a request may ask for.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "documents the values")]
enum SettableStatus {
    Active,
    Suspended,
}

impl FromFields for UpdateAgentRequest {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let request = Self {
            agent_type: fields::agent_type(input),
            version: fields::version(input),
            capabilities: fields::capabilities(input),
            owner: input.optional_string("owner", OWNER_LENGTH),
            deployment_env: fields::deployment_env(input),
            name: input.optional_string("name", NAME_LENGTH),
            description: input.optional_string("description", DESCRIPTION_LENGTH),
            is_public: input.optional_bool("isPublic"),
            a2a_url: fields::a2a_url(input),
            status: input.optional_parsed("status", "active or suspended"),
            revoke_tokens: input.optional_bool("revokeTokens"),
        };
        if request.status == Some(AgentStatus::Decommissioned) {
            input.error("status", "must be active or suspended; DELETE decommissions an agent");
        }
        Some(request)
    }
}

impl UpdateAgentRequest {
    /// The names of the descriptive fields to change.
    fn changed_fields(&self) -> Vec<&'static str> {
        [
            ("agentType", self.agent_type.is_some()),
            ("version", self.version.is_some()),
            ("capabilities", self.capabilities.is_some()),
            ("owner", self.owner.is_some()),
            ("deploymentEnv", self.deployment_env.is_some()),
            ("name", self.name.is_some()),
            ("description", self.description.is_some()),
            ("isPublic", self.is_public.is_some()),
            ("a2aUrl", self.a2a_url.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, changed)| changed.then_some(name))
        .collect()
    }
}

/// Change, suspend or reactivate an agent
#[utoipa::path(patch, path = "/api/v1/agents/{agentId}", operation_id = "update_agent", tag = "Agents",
    params(("agentId" = uuid::Uuid, Path, description = "The agent")),
    request_body = UpdateAgentRequest,
    responses(
        (status = 200, description = "The agent as it is now", body = Agent),
        (status = 400, description = "Fields are unknown or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the agent is not the caller's to manage", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 409, description = "The agent was decommissioned, or is its organization's last owner", body = ErrorBody),
        (status = 429, description = "The organization's changes reached the edges as often in this minute as its tier allows; suspending and revoking are never refused for that", body = ErrorBody)))]
pub(super) async fn update_agent(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(agent): Id<AgentId>,
    StrictJson(request): StrictJson<UpdateAgentRequest>,
) -> Result<Json<Agent>, ApiError> {
    let revoke_tokens = request.revoke_tokens == Some(true);
    let act = match request.status {
        Some(AgentStatus::Suspended) => Act::SuspendAgent,
        Some(AgentStatus::Active) => Act::ReactivateAgent,
        _ if revoke_tokens => Act::RevokeTokens,
        _ => Act::UpdateAgent,
    };
    let event = |action: Action| NewEvent::new(caller.organization_id, action).agent(agent).client(&client);
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let permit = caller.permit(&mut tx, act, agent).await?;
    let owners = Owners::lock(&mut tx, caller.organization_id, app.now()).await?;
    let current = lock_status(&mut tx, agent).await?;
    let wanted = current.change_to(request.status.unwrap_or(current)).map_err(decommissioned)?;
    let was_public = store::find(&mut tx, &app.config.issuer, caller.organization_id, agent)
        .await?
        .is_some_and(|agent| agent.is_public);
    let is_public = request.is_public.unwrap_or(was_public);
    let takes_away =
        wanted == AgentStatus::Suspended && wanted != current || revoke_tokens || was_public && !is_public;
    // A reactivation gives, whatever it takes away: otherwise it could be sent with a suspension again and again.
    let gives = wanted == AgentStatus::Active && wanted != current;
    let charge = if takes_away && !gives { Charge::Always } else { Charge::Limited };
    let changed = request.changed_fields();
    if !changed.is_empty() {
        store::update(&mut tx, agent, &request, app.now()).await?;
        let metadata = json!({ "actorId": caller.actor(), "fields": changed });
        audit::record(&mut tx, &app, event(Action::AgentUpdated).metadata(metadata)).await?;
    }
    if wanted != current || revoke_tokens {
        let revoke_tokens = revoke_tokens || wanted == AgentStatus::Suspended;
        set_standing(&mut tx, &app, permit, wanted, revoke_tokens, charge).await?;
        owners.refuse_if_gone(&mut tx).await?;
        let action = match wanted {
            AgentStatus::Suspended if wanted != current => Action::AgentSuspended,
            AgentStatus::Active if wanted != current => Action::AgentReactivated,
            _ => Action::TokenRevoked,
        };
        let metadata = json!({ "actorId": caller.actor(), "allTokens": revoke_tokens });
        audit::record(&mut tx, &app, event(action).metadata(metadata)).await?;
    }
    let updated = store::find(&mut tx, &app.config.issuer, caller.organization_id, agent).await?;
    if !changed.is_empty() && (was_public || is_public) {
        documents_changed(&mut tx, &app, agent, charge).await?;
    }
    tx.commit().await?;
    updated.map(Json).ok_or_else(not_found)
}

pub(super) fn decommissioned(_: AlreadyDecommissioned) -> ApiError {
    ApiError::conflict("AGENT_DECOMMISSIONED", "the agent was decommissioned, which is final")
}
