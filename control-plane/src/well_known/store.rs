//! SQL of the public documents.

use agentidp_shared::ids::OrganizationId;
use sqlx::PgConnection;

/// Whether the organization has an issuer of its own. Its metadata is public, so there is no tenant to begin with.
pub(super) async fn has_issuer_any_tenant(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from organizations
             where id = $1 and issuer_kind = 'organization' and status <> 'deleted') as "has!""#,
        organization.as_uuid()
    )
    .fetch_one(tx)
    .await
}
