//! SQL of the protected APIs that the platform lets an organization have.

use agentidp_shared::ids::OrganizationId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::resources::Allowed;

pub(super) async fn allowed(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<Option<Allowed>, sqlx::Error> {
    sqlx::query_as!(
        Allowed,
        "select allowed_resources, allowed_scopes from organizations where id = $1",
        organization.as_uuid()
    )
    .fetch_optional(tx)
    .await
}

pub(super) async fn set_allowed(
    tx: &mut PgConnection,
    organization: OrganizationId,
    allowed: &Allowed,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update organizations set allowed_resources = $2, allowed_scopes = $3, updated_at = $4 where id = $1",
        organization.as_uuid(),
        &allowed.allowed_resources,
        &allowed.allowed_scopes,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}
