//! Taking an agent's tokens back.

use agentidp_shared::exceptions::Standing;
use agentidp_shared::ids::AgentId;

use super::model::AgentStatus;
use super::store;
use crate::app::App;
use crate::edge_feed;
use crate::infra::clock::unix_seconds;
use crate::infra::db::TenantTx;

/// Sets the agent's status and tells the edges. With `revoke_tokens`, tokens issued so far stay refused whatever becomes of
/// the agent.
pub(super) async fn set_standing(
    tx: &mut TenantTx,
    app: &App,
    agent: AgentId,
    status: AgentStatus,
    revoke_tokens: bool,
) -> Result<(), sqlx::Error> {
    let not_before = store::set_status(tx, agent, status, revoke_tokens, app.now()).await?;
    edge_feed::agent_changed(tx, app, agent, standing_of(status), not_before.map(unix_seconds)).await
}

fn standing_of(status: AgentStatus) -> Standing {
    match status {
        AgentStatus::Active => Standing::Active,
        AgentStatus::Suspended => Standing::Suspended,
        AgentStatus::Decommissioned => Standing::Gone,
    }
}

/// Tells the edges that copies of the agent's public documents are no longer good, by repeating how it stands: they keep no
/// copy across anything that is said of its agent.
pub async fn documents_changed(tx: &mut TenantTx, app: &App, agent: AgentId) -> Result<(), sqlx::Error> {
    let Some((status, not_before)) = store::standing(tx, agent).await? else { return Ok(()) };
    edge_feed::agent_documents_changed(tx, app, agent, standing_of(status), not_before.map(unix_seconds))
        .await
}

/// Refuses, from now on, every token the agent was issued or obtained for others so far. The agent stays as it is.
pub async fn revoke_tokens(tx: &mut TenantTx, app: &App, agent: AgentId) -> Result<(), sqlx::Error> {
    let status = store::lock_status(tx, agent).await?.ok_or(sqlx::Error::RowNotFound)?;
    set_standing(tx, app, agent, status, true).await
}
