//! SQL of delegations.

use agentidp_shared::claims::Claims;
use agentidp_shared::delegation::{Chain, Hop};
use agentidp_shared::ids::{AgentId, TokenId};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::infra::clock::from_unix_seconds;
use crate::infra::db::TenantTx;

/// How long a delegation is kept after it expired, so that taking it back late is answered as it should be.
const KEPT: Duration = Duration::days(1);

/// Whether a token counts by the database: neither it nor any it was derived from was revoked, and everyone the authority went
/// through is still there.
pub async fn stands(tx: &mut PgConnection, claims: &Claims) -> Result<bool, sqlx::Error> {
    let mut hops = vec![
        Hop { sub: claims.sub, jti: claims.jti, iat: claims.iat },
        Hop { sub: claims.client_id, jti: claims.jti, iat: claims.iat },
    ];
    hops.extend(claims.delegation.as_ref().map(Chain::hops).unwrap_or_default());
    let agents: Vec<_> = hops.iter().map(|hop| hop.sub.as_uuid()).collect();
    let tokens: Vec<_> = hops.iter().map(|hop| hop.jti.as_uuid()).collect();
    let times: Vec<_> = hops.iter().map(|hop| i64::try_from(hop.iat).unwrap_or(i64::MAX)).collect();
    sqlx::query_scalar!(
        r#"select not exists (
             select from unnest($2::uuid[], $3::uuid[], $4::bigint[]) as hop (agent_id, jti, iat)
             left join agents on agents.id = hop.agent_id and agents.organization_id = $1
             left join organizations on organizations.id = agents.organization_id
             where agents.status is distinct from 'active' or organizations.status is distinct from 'active'
               or agents.not_before >= to_timestamp(hop.iat::float8)
               or organizations.not_before >= to_timestamp(hop.iat::float8)
               or exists (select from revoked_tokens where organization_id = $1 and jti = hop.jti)) as "stands!""#,
        claims.organization_id.as_uuid(),
        &agents,
        &tokens,
        &times
    )
    .fetch_one(tx)
    .await
}

/// Keeps that `claims` were delegated by `delegator`.
pub(super) async fn insert(
    tx: &mut TenantTx,
    claims: &Claims,
    delegator: AgentId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into delegations (chain_id, organization_id, subject_id, delegator_id, delegatee_id, issued_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        claims.jti.as_uuid(),
        tx.organization_id().as_uuid(),
        claims.sub.as_uuid(),
        delegator.as_uuid(),
        claims.client_id.as_uuid(),
        from_unix_seconds(claims.iat),
        from_unix_seconds(claims.exp)
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// A delegation, as far as taking it back needs it.
pub(super) struct Delegation {
    pub subject_id: AgentId,
    pub delegator_id: AgentId,
    pub delegatee_id: AgentId,
    pub expires_at: OffsetDateTime,
    pub is_revoked: bool,
}

/// Finds a delegation and locks it: of two that take it back at once, the second finds it taken back.
pub(super) async fn lock(tx: &mut TenantTx, chain: TokenId) -> Result<Option<Delegation>, sqlx::Error> {
    let row = sqlx::query!(
        "select subject_id, delegator_id, delegatee_id, expires_at, revoked_at from delegations
         where organization_id = $1 and chain_id = $2 for update",
        tx.organization_id().as_uuid(),
        chain.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| Delegation {
        subject_id: row.subject_id.into(),
        delegator_id: row.delegator_id.into(),
        delegatee_id: row.delegatee_id.into(),
        expires_at: row.expires_at,
        is_revoked: row.revoked_at.is_some(),
    }))
}

pub(super) async fn revoke(
    tx: &mut TenantTx,
    chain: TokenId,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update delegations set revoked_at = $3 where organization_id = $1 and chain_id = $2",
        tx.organization_id().as_uuid(),
        chain.as_uuid(),
        now
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// Deletes delegations that expired a while ago.
pub async fn purge_expired(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from delegations where expires_at < $1", now - KEPT).execute(tx).await.map(|_| ())
}
