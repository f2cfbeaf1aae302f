//! Who stands how in an organization.

use agentidp_shared::ids::{AgentId, OrganizationId};
use sqlx::PgConnection;

use super::store;
use crate::app::App;
use crate::infra::db::TenantTx;
use crate::infra::http::error::ApiError;
use crate::policy::Role;

/// Makes the agent a member.
pub async fn add_member(
    tx: &mut PgConnection,
    app: &App,
    organization: OrganizationId,
    agent: AgentId,
    role: Role,
) -> Result<(), sqlx::Error> {
    store::insert_member(tx, organization, agent, role, app.now()).await
}

/// Ends the agent's membership, if it has one.
pub async fn remove_member(
    tx: &mut PgConnection,
    organization: OrganizationId,
    agent: AgentId,
) -> Result<(), sqlx::Error> {
    store::delete_member(tx, organization, agent).await
}

/// An error if the agent is the only active owner: an organization is never left without one. Holds off other changes of
/// owners until the transaction ends, so that of two owners leaving at once one stays.
pub async fn refuse_last_owner(
    tx: &mut TenantTx,
    organization: OrganizationId,
    agent: AgentId,
) -> Result<(), ApiError> {
    store::lock_owners(tx, organization).await?;
    let owners = store::active_owners(tx, organization).await?;
    if owners == [agent] {
        let message = "the agent is its organization's last owner; make another agent an owner first";
        return Err(ApiError::conflict("LAST_OWNER", message));
    }
    Ok(())
}
