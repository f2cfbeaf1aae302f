//! Taking an agent's tokens back.

use agentidp_shared::exceptions::{ScopeLimit, Standing};
use agentidp_shared::ids::AgentId;
use agentidp_shared::scopes::ScopeSet;

use super::model::AgentStatus;
use super::store;
use crate::access::Permit;
use crate::app::App;
use crate::edge_feed::{self, Charge};
use crate::infra::clock::unix_seconds;
use crate::infra::config::LONGEST_TOKEN;
use crate::infra::db::TenantTx;
use crate::tenancy::NotAdmitted;

/// Sets the agent's status and tells the edges. With `revoke_tokens`, tokens issued so far stay refused whatever becomes of
/// the agent.
pub(super) async fn set_standing(
    tx: &mut TenantTx,
    app: &App,
    permit: Permit,
    status: AgentStatus,
    revoke_tokens: bool,
    charge: Charge,
) -> Result<(), NotAdmitted> {
    store::set_status(tx, permit, status, revoke_tokens, app.now()).await?;
    tell_edges(tx, app, permit.agent(), charge).await
}

/// Refuses, from now on, every token issued so far that holds more than `scopes` by the agent's right.
pub(super) async fn limit_scopes(
    tx: &mut TenantTx,
    app: &App,
    permit: Permit,
    scopes: &ScopeSet,
    charge: Charge,
) -> Result<(), NotAdmitted> {
    store::limit_scopes(tx, permit, scopes, app.now(), LONGEST_TOKEN).await?;
    tell_edges(tx, app, permit.agent(), charge).await
}

async fn tell_edges(tx: &mut TenantTx, app: &App, agent: AgentId, charge: Charge) -> Result<(), NotAdmitted> {
    let Some(standing) = store::standing(tx, agent).await? else { return Ok(()) };
    let not_before = standing.not_before.map(unix_seconds);
    let limit =
        standing.scope_limit.map(|(scopes, until)| ScopeLimit { scopes, issued_until: unix_seconds(until) });
    let stands = (standing_of(standing.status), not_before);
    edge_feed::agent_limited(tx, app, agent, stands, limit, charge).await
}

pub(super) fn standing_of(status: AgentStatus) -> Standing {
    match status {
        AgentStatus::Active => Standing::Active,
        AgentStatus::Suspended => Standing::Suspended,
        AgentStatus::Decommissioned => Standing::Gone,
    }
}

/// Tells the edges that copies of the agent's public documents are no longer good, by repeating how it stands: they keep no
/// copy across anything that is said of its agent.
pub async fn documents_changed(
    tx: &mut TenantTx,
    app: &App,
    agent: AgentId,
    charge: Charge,
) -> Result<(), NotAdmitted> {
    let Some(standing) = store::standing(tx, agent).await? else { return Ok(()) };
    let not_before = standing.not_before.map(unix_seconds);
    let stands = (standing_of(standing.status), not_before);
    edge_feed::agent_documents_changed(tx, app, agent, stands, charge).await
}

/// Refuses, from now on, every token the agent was issued or obtained for others so far. The agent stays as it is.
pub async fn revoke_tokens(tx: &mut TenantTx, app: &App, permit: Permit) -> Result<(), NotAdmitted> {
    let status = store::lock_status(tx, permit.agent()).await?.ok_or(sqlx::Error::RowNotFound)?;
    set_standing(tx, app, permit, status, true, Charge::Always).await
}

/// Does the same if a token issued at `issued_at` (Unix seconds) is not refused yet.
pub async fn revoke_tokens_until(
    tx: &mut TenantTx,
    app: &App,
    permit: Permit,
    issued_at: u64,
) -> Result<(), NotAdmitted> {
    let status = store::lock_status(tx, permit.agent()).await?.ok_or(sqlx::Error::RowNotFound)?;
    let standing = store::standing(tx, permit.agent()).await?;
    let not_before = standing.and_then(|standing| standing.not_before).map(unix_seconds);
    if not_before.is_some_and(|not_before| not_before >= issued_at) {
        return Ok(());
    }
    set_standing(tx, app, permit, status, true, Charge::Always).await
}
