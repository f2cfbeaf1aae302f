//! Agents: registered, described, suspended, decommissioned.
//!
//! Every way of taking an agent's rights away (suspension, decommissioning, revoking its tokens) changes the agent, records
//! the event and appends to the edge feed in one transaction.

mod create;
mod decommission;
mod fields;
mod get;
mod list;
mod model;
mod register;
mod revocation;
mod routes;
mod scopes;
mod scopes_store;
mod set_scopes;
mod store;
mod update;

pub use fields::email as read_email;
pub use model::{Agent, AgentStatus, AgentType, DeploymentEnv, NewAgent};
pub use register::{RegisterError, register};
pub use revocation::{documents_changed, revoke_tokens, revoke_tokens_until};
pub use routes::routes;
pub use scopes::{Holder, holders_any_tenant, scopes_held_any_tenant, take_scopes};
pub use store::let_only_register;

use agentidp_shared::ids::AgentId;
use axum::http::StatusCode;

use crate::access::Permit;
use crate::app::App;
use crate::edge_feed::Charge;
use crate::infra::db::TenantTx;
use crate::infra::http::error::ApiError;

/// The status of an agent of the transaction's organization; with the row locked against other changes of the agent.
pub async fn lock_status(tx: &mut TenantTx, agent: AgentId) -> Result<AgentStatus, ApiError> {
    store::lock_status(tx, agent).await?.ok_or_else(not_found)
}

/// As [`lock_status`], for callers that have an error of their own; `None` if there is no such agent.
pub async fn lock(tx: &mut TenantTx, agent: AgentId) -> Result<Option<AgentStatus>, sqlx::Error> {
    store::lock_status(tx, agent).await
}

/// An error unless the transaction's organization has this agent.
pub async fn require(tx: &mut TenantTx, agent: AgentId) -> Result<(), ApiError> {
    if store::exists(tx, agent).await? { Ok(()) } else { Err(not_found()) }
}

/// Ends an agent that has no credentials and no membership, with its tokens and its DID.
pub async fn end(tx: &mut TenantTx, app: &App, agent: AgentId) -> Result<(), ApiError> {
    if lock_status(tx, agent).await?.change_to(AgentStatus::Decommissioned).is_ok() {
        let permit = Permit::of_instance(agent);
        revocation::set_standing(tx, app, permit, AgentStatus::Decommissioned, true, Charge::Always).await?;
        store::forget_did_key(tx, agent).await?;
    }
    Ok(())
}

pub(crate) fn gone() -> ApiError {
    ApiError::new(StatusCode::GONE, "AGENT_DECOMMISSIONED", "the agent was decommissioned")
}

pub(crate) fn not_found() -> ApiError {
    ApiError::not_found("AGENT_NOT_FOUND", "there is no agent with this id")
}
