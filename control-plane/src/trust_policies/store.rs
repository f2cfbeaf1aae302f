//! SQL of trust policies, and of the tokens that were used.

use agentidp_shared::ids::{AgentId, OrganizationId, TrustPolicyId};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::model::{NewPolicy, Pinned, Policy, Provider, Rule};
use crate::infra::clock::from_unix_seconds;
use crate::infra::db::{TenantTx, decode};
use crate::infra::http::pagination::Page;

/// A used token is remembered for so much longer than it is good, for servers whose clocks differ.
const REMEMBERED_LONGER: Duration = Duration::minutes(10);

struct Row {
    id: Uuid,
    organization_id: Uuid,
    provider: String,
    issuer: String,
    rule: Json<Rule>,
    pinned: Json<Pinned>,
    agent_id: Uuid,
    is_bootstrap: bool,
    created_at: OffsetDateTime,
    last_used_at: Option<OffsetDateTime>,
}

impl TryFrom<Row> for Policy {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id.into(),
            organization: row.organization_id.into(),
            provider: decode(&row.provider)?,
            issuer: row.issuer,
            rule: row.rule.0,
            pinned: row.pinned.0,
            agent: row.agent_id.into(),
            is_bootstrap: row.is_bootstrap,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        })
    }
}

pub(super) async fn count(tx: &mut TenantTx) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from trust_policies where organization_id = $1"#,
        tx.organization_id().as_uuid()
    )
    .fetch_one(&mut **tx)
    .await
}

pub(super) async fn insert(
    tx: &mut TenantTx,
    id: TrustPolicyId,
    new: &NewPolicy,
    issuer: &str,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into trust_policies (id, organization_id, provider, issuer, rule, pinned, agent_id, is_bootstrap, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id.as_uuid(),
        tx.organization_id().as_uuid(),
        new.provider.as_str(),
        issuer,
        Json(&new.rule) as _,
        Json(&new.pinned) as _,
        agent.as_uuid(),
        new.agent.is_none(),
        now
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

pub(super) async fn list(tx: &mut TenantTx, page: Page) -> Result<Vec<Policy>, sqlx::Error> {
    let below = page.below();
    let rows = sqlx::query_as!(
        Row,
        r#"select id, organization_id, provider, issuer, rule as "rule: Json<Rule>", pinned as "pinned: Json<Pinned>",
             agent_id, is_bootstrap, created_at, last_used_at
           from trust_policies where organization_id = $1 and (created_at, id) < ($4, $5)
           order by created_at desc, id desc limit $2 offset $3"#,
        tx.organization_id().as_uuid(),
        page.fetched(),
        page.offset(),
        below.at,
        below.id
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter().map(Policy::try_from).collect()
}

/// The policies that a token of `issuer` could be about, the oldest first: for `agent`, or for registering agents. `None` is any
/// provider.
pub(super) async fn candidates(
    tx: &mut TenantTx,
    provider: Option<Provider>,
    issuer: &str,
    agent: Option<AgentId>,
) -> Result<Vec<Policy>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, organization_id, provider, issuer, rule as "rule: Json<Rule>", pinned as "pinned: Json<Pinned>",
             agent_id, is_bootstrap, created_at, last_used_at
           from trust_policies
           where organization_id = $1 and ($2::text is null or provider = $2) and issuer = $3
             and (($4::uuid is null and is_bootstrap) or (agent_id = $4 and not is_bootstrap))
           order by created_at, id"#,
        tx.organization_id().as_uuid(),
        provider.map(Provider::as_str),
        issuer,
        agent.map(AgentId::as_uuid)
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter().map(Policy::try_from).collect()
}

/// The policy as it is now, with its row locked.
pub(super) async fn lock(tx: &mut TenantTx, id: TrustPolicyId) -> Result<Option<Policy>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, organization_id, provider, issuer, rule as "rule: Json<Rule>", pinned as "pinned: Json<Pinned>",
             agent_id, is_bootstrap, created_at, last_used_at
           from trust_policies where organization_id = $1 and id = $2 for update"#,
        tx.organization_id().as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(Policy::try_from).transpose()
}

/// Notes a use, and the ids that the policy is pinned to from now on.
pub(super) async fn note_use(
    tx: &mut TenantTx,
    id: TrustPolicyId,
    pinned: &Pinned,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update trust_policies set pinned = $3, last_used_at = $4 where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid(),
        Json(pinned) as _,
        now
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

pub(super) async fn delete(tx: &mut TenantTx, id: TrustPolicyId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from trust_policies where organization_id = $1 and id = $2",
        tx.organization_id().as_uuid(),
        id.as_uuid()
    )
    .execute(&mut **tx)
    .await
    .map(|_| ())
}

/// Whether there is such an organization.
pub(super) async fn organization_exists(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from organizations where id = $1 and status = 'active') as "exists!""#,
        organization.as_uuid()
    )
    .fetch_one(tx)
    .await
}

/// Notes that a token was used; false if it already was. `refused_from` is in Unix seconds.
pub(super) async fn use_token(
    tx: &mut PgConnection,
    used_by: [u8; 32],
    refused_from: u64,
) -> Result<bool, sqlx::Error> {
    sqlx::query!(
        "insert into used_outside_tokens (used_by, expires_at) values ($1, $2) on conflict do nothing",
        &used_by[..],
        from_unix_seconds(refused_from)
    )
    .execute(tx)
    .await
    .map(|done| done.rows_affected() == 1)
}

pub(super) async fn purge_used(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from used_outside_tokens where expires_at < $1", now - REMEMBERED_LONGER)
        .execute(tx)
        .await
        .map(|_| ())
}
