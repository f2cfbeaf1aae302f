//! SQL of credentials that are public keys, and of the assertions they signed.

use agentidp_shared::ids::{AgentId, CredentialId, OrganizationId};
use agentidp_shared::jwk::Jwk;
use aws_lc_rs::digest::{SHA256, digest};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};

use super::public_key::PublicKey;
use crate::infra::clock::from_unix_seconds;
use crate::infra::db::{TenantTx, decode};
use crate::organizations::IssuerKind;

/// A used assertion is remembered for so much longer than it is good, for servers whose clocks differ.
const REMEMBERED_LONGER: Duration = Duration::minutes(10);

/// Whose key an assertion names.
pub(super) struct Owner {
    pub credential: CredentialId,
    pub organization: OrganizationId,
    pub issuer_kind: IssuerKind,
}

/// The agent's key with this `kid`, and whose it is, if it is neither revoked nor expired nor replaced for good; or else `stand_in`,
/// which comes back the same way, so that a key that is not there takes as long as one that is. Without `kid`, the key of an agent
/// that has no other: none is ever tried after another.
pub(super) async fn usable_any_tenant(
    tx: &mut PgConnection,
    agent: AgentId,
    kid: Option<&str>,
    stand_in: &Jwk,
    now: OffsetDateTime,
) -> Result<(Jwk, Option<Owner>), sqlx::Error> {
    let row = sqlx::query!(
        r#"select found.id as "credential?", found.organization_id as "organization?", issuer_kind as "issuer_kind?",
             coalesce(jwk, $4) as "jwk!: Json<Jwk>"
           from (values (1)) always
           left join lateral (
             select id, organization_id, jwk, count(*) over () as candidates
             from credentials
             cross join lateral (values (public_jwk), (case when previous_valid_until > $2 then previous_public_jwk end)) keys (jwk)
             where agent_id = $1 and status = 'active' and (expires_at is null or expires_at > $2)
               and jwk is not null and ($3::text is null or jwk->>'kid' = $3)
             limit 1) found on $3 is not null or candidates = 1
           left join organizations on organizations.id = coalesce(found.organization_id, $1)"#,
        agent.as_uuid(),
        now,
        kid,
        Json(stand_in) as _
    )
    .fetch_one(tx)
    .await?;
    let owner = match (row.credential, row.organization, row.issuer_kind) {
        (Some(credential), Some(organization), Some(issuer_kind)) => Some(Owner {
            credential: credential.into(),
            organization: organization.into(),
            issuer_kind: decode(&issuer_kind)?,
        }),
        _ => None,
    };
    Ok((row.jwk.0, owner))
}

/// Whether `key` may not become a credential of the agent: one that can be used has its `kid`, or one has or had the key itself
/// and was not merely left to expire. Asked while the agent's row is locked.
pub(super) async fn is_taken(
    tx: &mut TenantTx,
    agent: AgentId,
    key: &PublicKey,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (
             select from credentials
             cross join lateral (values (public_jwk), (case when previous_valid_until > $2 then previous_public_jwk end)) keys (jwk)
             where organization_id = $5 and agent_id = $1 and (status = 'revoked' or expires_at is null or expires_at > $2)
               and (coalesce(jwk->>'n', jwk->>'x') = $4 or (status = 'active' and jwk->>'kid' = $3))) as "taken!""#,
        agent.as_uuid(),
        now,
        key.kid(),
        key.material(),
        tx.organization_id().as_uuid()
    )
    .fetch_one(&mut **tx)
    .await
}

/// Notes that an assertion was used; false if it already was. `refused_from` is in Unix seconds.
pub(super) async fn use_assertion(
    tx: &mut PgConnection,
    agent: AgentId,
    jti: &str,
    refused_from: u64,
) -> Result<bool, sqlx::Error> {
    let jti_hash = digest(&SHA256, jti.as_bytes());
    sqlx::query!(
        "insert into used_assertions (agent_id, jti_hash, expires_at) values ($1, $2, $3) on conflict do nothing",
        agent.as_uuid(),
        jti_hash.as_ref(),
        from_unix_seconds(refused_from)
    )
    .execute(tx)
    .await
    .map(|done| done.rows_affected() == 1)
}

pub(super) async fn purge_used(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from used_assertions where expires_at < $1", now - REMEMBERED_LONGER)
        .execute(tx)
        .await
        .map(|_| ())
}
