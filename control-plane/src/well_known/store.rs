//! SQL of the public documents.

use agentidp_shared::ids::{AgentId, OrganizationId};
use sqlx::PgConnection;

pub(super) struct DidKey {
    pub public_jwk: serde_json::Value,
    pub decommissioned: bool,
}

/// The public key behind an agent's DID. DIDs are public, so there is no tenant to begin with.
pub(super) async fn did_key_any_tenant(
    tx: &mut PgConnection,
    agent: AgentId,
) -> Result<Option<DidKey>, sqlx::Error> {
    sqlx::query_as!(
        DidKey,
        r#"select did_public_jwk as public_jwk, status = 'decommissioned' as "decommissioned!" from agents where id = $1"#,
        agent.as_uuid()
    )
    .fetch_optional(tx)
    .await
}

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
