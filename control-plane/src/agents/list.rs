//! `GET /api/v1/agents`.

use axum::Json;
use axum::extract::State;

use super::fields::AGENT_TYPES;
use super::model::{Agent, AgentStatus, AgentType};
use super::store;
use crate::access::Caller;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::pagination::{Page, PageParameters, Paginated, SortKey, list};
use crate::infra::http::query::StrictQuery;
use crate::infra::lists;

#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the parameters; `AgentFilter` reads them")]
pub(super) struct ListAgentsParameters {
    /// Exactly this owner.
    owner: Option<String>,
    agent_type: Option<AgentType>,
    status: Option<AgentStatus>,
    /// Part of the name, the e-mail address, the owner or the description; case does not matter.
    #[param(max_length = 100)]
    q: Option<String>,
}

/// What to list.
#[derive(Debug)]
pub(super) struct AgentFilter {
    pub owner: Option<String>,
    pub agent_type: Option<AgentType>,
    pub status: Option<AgentStatus>,
    pub q: Option<String>,
    pub page: Page,
}

impl FromFields for AgentFilter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            owner: fields.optional_string("owner", 1..=128),
            agent_type: fields.optional_parsed("agentType", AGENT_TYPES),
            status: fields.optional_parsed("status", "active, suspended or decommissioned"),
            q: fields.optional_string("q", 1..=100),
            page: Page::read(fields, list::AGENTS),
        })
    }
}

/// The organization's agents, newest first
#[utoipa::path(get, path = "/api/v1/agents", operation_id = "list_agents", tag = "Agents",
    params(ListAgentsParameters, PageParameters),
    responses(
        (status = 200, description = "One page", body = Paginated<Agent>),
        (status = 400, description = "A parameter is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 408, description = "The search takes too long: narrow it", body = ErrorBody),
        (status = 429, description = "The organization has as many lists running as it may at once", body = ErrorBody),
        (status = 503, description = "As many lists run as there is room for", body = ErrorBody)))]
pub(super) async fn list_agents(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(filter): StrictQuery<AgentFilter>,
) -> Result<Json<Paginated<Agent>>, ApiError> {
    let mut tx = app.list(caller.organization_id).await?;
    let listed = store::list(&mut tx, &app.config.issuer, caller.organization_id, &filter).await;
    let (agents, total) = listed.map_err(lists::error)?;
    tx.commit().await?;
    let key = |agent: &Agent| SortKey { at: agent.created_at, id: agent.id.as_uuid() };
    Ok(Json(filter.page.of(agents, total, key)))
}
