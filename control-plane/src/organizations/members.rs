//! Who stands how in an organization.

use agentidp_shared::ids::OrganizationId;
use sqlx::PgConnection;

use super::store;
use crate::access::{Permit, Role};
use crate::app::App;

/// Makes the agent a member.
pub async fn add_member(
    tx: &mut PgConnection,
    app: &App,
    organization: OrganizationId,
    permit: Permit,
    role: Role,
) -> Result<(), sqlx::Error> {
    store::insert_member(tx, organization, permit, role, app.now()).await
}

/// Ends the agent's membership, if it has one.
pub async fn remove_member(
    tx: &mut PgConnection,
    organization: OrganizationId,
    permit: Permit,
) -> Result<(), sqlx::Error> {
    store::delete_member(tx, organization, permit).await
}
