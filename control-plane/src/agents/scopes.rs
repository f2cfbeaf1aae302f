//! Taking scopes from agents, across organizations: for what the platform may have agents have no longer.

use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::scopes::Scope;
use sqlx::PgConnection;

use super::{revocation, scopes_store};
use crate::app::App;
use crate::edge_feed;
use crate::infra::clock::unix_seconds;
use crate::infra::db::SystemTx;

/// An agent that holds scopes which its organization may not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub organization_id: OrganizationId,
    pub agent_id: AgentId,
    /// At least one.
    pub scopes: Vec<String>,
}

/// The agents of these organizations that hold some of `scopes` although their organization may not have them.
pub async fn holders_any_tenant(
    tx: &mut SystemTx,
    organizations: &[OrganizationId],
    scopes: &[String],
    of_policy: &[String],
) -> Result<Vec<Holder>, sqlx::Error> {
    scopes_store::holders_any_tenant(tx, organizations, scopes, of_policy).await
}

/// Every scope that an agent of the organization holds.
pub async fn scopes_held_any_tenant(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<Vec<Scope>, sqlx::Error> {
    scopes_store::held(tx, organization).await
}

/// Takes `scopes` from the agent, which may be none, and refuses from now on every token that it was issued or obtained for others so
/// far. False if there is no such agent that is not decommissioned.
pub async fn take_scopes(
    tx: &mut SystemTx,
    app: &App,
    organization: OrganizationId,
    agent: AgentId,
    scopes: &[String],
) -> Result<bool, sqlx::Error> {
    let taken = scopes_store::take(tx, organization, agent, scopes, app.now()).await?;
    let Some((status, not_before)) = taken else { return Ok(false) };
    edge_feed::agent_changed(tx, app, agent, revocation::standing_of(status), Some(unix_seconds(not_before)))
        .await?;
    Ok(true)
}
