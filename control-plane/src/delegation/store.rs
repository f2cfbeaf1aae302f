//! SQL of delegations.

use agentidp_shared::claims::Claims;
use agentidp_shared::delegation::{Chain, Hop};
use agentidp_shared::ids::{AgentId, OrganizationId, TokenId};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::infra::clock::from_unix_seconds;
use crate::infra::db::{SystemTx, TenantTx};

/// How long a delegation is kept after it expired, so that taking it back late is answered as it should be.
const KEPT: Duration = Duration::days(1);

/// Whether a token counts by the database: neither it nor any it was derived from was revoked, and everyone the authority went
/// through is still there, in the organization that the token says. Of several organizations, so it takes a system transaction.
pub async fn stands(tx: &mut SystemTx, claims: &Claims) -> Result<bool, sqlx::Error> {
    let mut hops = vec![
        Hop { sub: claims.sub, jti: claims.jti, iat: claims.iat, organization_id: None },
        Hop {
            sub: claims.client_id,
            jti: claims.jti,
            iat: claims.iat,
            organization_id: Some(claims.holder_organization()),
        },
    ];
    hops.extend(claims.delegation.as_ref().map(Chain::hops).unwrap_or_default());
    let agents: Vec<_> = hops.iter().map(|hop| hop.sub.as_uuid()).collect();
    let tokens: Vec<_> = hops.iter().map(|hop| hop.jti.as_uuid()).collect();
    let organizations: Vec<_> =
        hops.iter().map(|hop| hop.organization_id.unwrap_or(claims.organization_id).as_uuid()).collect();
    let times: Vec<_> = hops.iter().map(|hop| i64::try_from(hop.iat).unwrap_or(i64::MAX)).collect();
    let limited: Vec<_> = match &claims.delegation {
        Some(_) => vec![claims.sub.as_uuid()],
        None => vec![claims.sub.as_uuid(), claims.client_id.as_uuid()],
    };
    let scopes: Vec<String> = claims.scopes.iter().map(ToString::to_string).collect();
    sqlx::query_scalar!(
        r#"select not exists (
             select from unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[]) as hop (agent_id, jti, iat, organization_id)
             left join agents on agents.id = hop.agent_id and agents.organization_id = hop.organization_id
             left join organizations on organizations.id = agents.organization_id
             where agents.status is distinct from 'active' or organizations.status is distinct from 'active'
               or agents.not_before >= to_timestamp(hop.iat::float8)
               or organizations.not_before >= to_timestamp(hop.iat::float8)
               -- Delegated scopes are the subject's; those of a borrowed token are its client's too.
               or (agents.id = any($6) and agents.scope_limit_at >= to_timestamp(hop.iat::float8) and not agents.scope_limit @> $7)
               or exists (select from revoked_tokens where organization_id = $1 and jti = hop.jti)) as "stands!""#,
        claims.organization_id.as_uuid(),
        &agents,
        &tokens,
        &times,
        &organizations,
        &limited,
        &scopes
    )
    .fetch_one(&mut **tx)
    .await
}

/// Keeps that `claims` were delegated by `delegator`.
pub(super) async fn insert(
    tx: &mut PgConnection,
    claims: &Claims,
    delegator: AgentId,
) -> Result<(), sqlx::Error> {
    let abroad = claims.delegation.as_ref().and_then(Chain::foreign_holder);
    sqlx::query!(
        "insert into delegations (chain_id, organization_id, subject_id, delegator_id, delegatee_id, issued_at, expires_at,
           delegatee_organization_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        claims.jti.as_uuid(),
        claims.organization_id.as_uuid(),
        claims.sub.as_uuid(),
        delegator.as_uuid(),
        claims.client_id.as_uuid(),
        from_unix_seconds(claims.iat),
        from_unix_seconds(claims.exp),
        abroad.map(OrganizationId::as_uuid)
    )
    .execute(tx)
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

/// A delegation that was ended with others.
#[derive(Debug)]
pub struct Ended {
    pub chain_id: TokenId,
    pub organization_id: OrganizationId,
    pub subject_id: AgentId,
    pub delegator_id: AgentId,
    pub delegatee_id: AgentId,
    pub expires_at: OffsetDateTime,
}

/// Takes back all that was passed on from agents of one of two organizations to agents of the other. The edges are not told yet.
pub async fn end_between(
    tx: &mut SystemTx,
    one: OrganizationId,
    other: OrganizationId,
    now: OffsetDateTime,
) -> Result<Vec<Ended>, sqlx::Error> {
    let rows = sqlx::query!(
        "with ended as (
           update delegations set revoked_at = $3
           where (organization_id, delegatee_organization_id) in (($1, $2), ($2, $1)) and revoked_at is null and expires_at > $3
           returning chain_id, organization_id, subject_id, delegator_id, delegatee_id, expires_at),
         revoked as (
           insert into revoked_tokens (jti, organization_id, agent_id, expires_at, revoked_at)
           select chain_id, organization_id, subject_id, expires_at, $3 from ended on conflict (jti) do nothing)
         select chain_id, organization_id, subject_id, delegator_id, delegatee_id, expires_at from ended order by chain_id",
        one.as_uuid(),
        other.as_uuid(),
        now
    )
    .fetch_all(&mut **tx)
    .await?;
    let ended = rows.into_iter().map(|row| Ended {
        chain_id: row.chain_id.into(),
        organization_id: row.organization_id.into(),
        subject_id: row.subject_id.into(),
        delegator_id: row.delegator_id.into(),
        delegatee_id: row.delegatee_id.into(),
        expires_at: row.expires_at,
    });
    Ok(ended.collect())
}

/// The agents of these organizations that act for another organization's agent by a delegation that has not ended.
pub async fn delegatees_from_abroad_any_tenant(
    tx: &mut PgConnection,
    organizations: &[OrganizationId],
    now: OffsetDateTime,
) -> Result<Vec<(OrganizationId, AgentId)>, sqlx::Error> {
    let organizations: Vec<_> = organizations.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        r#"select distinct delegatee_organization_id as "organization_id!", delegatee_id from delegations
           where delegatee_organization_id = any ($1) and revoked_at is null and expires_at > $2"#,
        &organizations,
        now
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.delegatee_id.into())).collect())
}

/// Deletes delegations that expired a while ago.
pub async fn purge_expired(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from delegations where expires_at < $1", now - KEPT).execute(tx).await.map(|_| ())
}
