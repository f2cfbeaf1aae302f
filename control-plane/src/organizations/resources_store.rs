//! SQL of the APIs that an organization's agents may get tokens for.

use agentidp_shared::ids::OrganizationId;
use sqlx::PgConnection;
use time::OffsetDateTime;

pub(super) async fn allowed(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<Option<Vec<String>>, sqlx::Error> {
    sqlx::query_scalar!("select allowed_resources from organizations where id = $1", organization.as_uuid())
        .fetch_optional(tx)
        .await
}

pub(super) async fn set_allowed(
    tx: &mut PgConnection,
    organization: OrganizationId,
    allowed: &[String],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update organizations set allowed_resources = $2, updated_at = $3 where id = $1",
        organization.as_uuid(),
        allowed,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}
