//! SQL of shares: what an organization has, counted where it is, and what it used in the present window.

use agentidp_shared::ids::OrganizationId;
use agentidp_shared::tier::Tier;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Share;
use crate::infra::db::decode;

/// First key of the advisory locks under which shares are counted ("shar" in ASCII).
const SHARES_LOCK: i32 = 0x7368_6172;

pub(super) async fn tier(tx: &mut PgConnection, organization: OrganizationId) -> Result<Tier, sqlx::Error> {
    let tier = sqlx::query_scalar!("select tier from organizations where id = $1", organization.as_uuid())
        .fetch_one(tx)
        .await?;
    decode(&tier)
}

/// Until the transaction ends nobody else counts this share of the organization.
pub(super) async fn lock(
    tx: &mut PgConnection,
    organization: OrganizationId,
    share: Share,
) -> Result<(), sqlx::Error> {
    let name = format!("{share}/{organization}");
    sqlx::query!("select pg_advisory_xact_lock($1, hashtext($2))", SHARES_LOCK, name)
        .fetch_one(tx)
        .await
        .map(|_| ())
}

pub(super) async fn agents(tx: &mut PgConnection, organization: OrganizationId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from agents where organization_id = $1 and status <> 'decommissioned'"#,
        organization.as_uuid()
    )
    .fetch_one(tx)
    .await
}

pub(super) async fn partners(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from federation_partners where organization_id = $1"#,
        organization.as_uuid()
    )
    .fetch_one(tx)
    .await
}

pub(super) async fn trust_policies(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from trust_policies where organization_id = $1"#,
        organization.as_uuid()
    )
    .fetch_one(tx)
    .await
}

pub(super) async fn grants(tx: &mut PgConnection, organization: OrganizationId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from federation_grants where organization_id = $1"#,
        organization.as_uuid()
    )
    .fetch_one(tx)
    .await
}

/// About what a snapshot has of the organization's partners: what differs in each, and 256 bytes for the rest of its change.
pub(super) async fn feed_bytes(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(octet_length(keys::text) + octet_length(issuer)
             + octet_length(to_json(allowed_organizations)::text) + 256), 0)::bigint as "bytes!"
           from federation_partners where organization_id = $1"#,
        organization.as_uuid()
    )
    .fetch_one(tx)
    .await
}

/// The same of all organizations together.
pub(super) async fn feed_bytes_any_tenant(tx: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(octet_length(keys::text) + octet_length(issuer)
             + octet_length(to_json(allowed_organizations)::text) + 256), 0)::bigint as "bytes!"
           from federation_partners"#
    )
    .fetch_one(tx)
    .await
}

/// Adds a use to the window that begins at `window_start`; returns the uses in it. The row stays locked until the transaction ends.
pub(super) async fn spend(
    tx: &mut PgConnection,
    organization: OrganizationId,
    share: Share,
    window_start: OffsetDateTime,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        "insert into tenant_shares as known (organization_id, share, window_starts_at, used) values ($1, $2, $3, 1)
         on conflict (organization_id, share) do update set
           used = case when known.window_starts_at >= $3 then known.used + 1 else 1 end,
           window_starts_at = greatest(known.window_starts_at, $3)
         returning used",
        organization.as_uuid(),
        share.as_str(),
        window_start
    )
    .fetch_one(tx)
    .await
}

/// The uses in the window that begins at `window_start`.
pub(super) async fn spent(
    tx: &mut PgConnection,
    organization: OrganizationId,
    share: Share,
    window_start: OffsetDateTime,
) -> Result<i64, sqlx::Error> {
    let used = sqlx::query_scalar!(
        "select used from tenant_shares where organization_id = $1 and share = $2 and window_starts_at >= $3",
        organization.as_uuid(),
        share.as_str(),
        window_start
    )
    .fetch_optional(tx)
    .await?;
    Ok(used.unwrap_or(0))
}

/// Of each share that the database counts, the largest use of any organization of each tier.
pub(super) struct Largest {
    pub share: String,
    pub tier: String,
    pub used: i64,
}

pub(super) async fn largest_any_tenant(
    tx: &mut PgConnection,
    minute: OffsetDateTime,
    day: OffsetDateTime,
) -> Result<Vec<Largest>, sqlx::Error> {
    sqlx::query_as!(
        Largest,
        r#"select share as "share!", tier as "tier!", max(used)::bigint as "used!" from (
             select 'partners' as share, organization_id, count(*) as used from federation_partners group by 2
             union all select 'trust_policies', organization_id, count(*) from trust_policies group by 2
             union all select 'grants', organization_id, count(*) from federation_grants group by 2
             union all select 'feed_bytes', organization_id, sum(octet_length(keys::text) + octet_length(issuer)
                 + octet_length(to_json(allowed_organizations)::text) + 256)
               from federation_partners group by 2
             union all select share, organization_id, used from tenant_shares
               where window_starts_at >= case share when 'signing_algorithm_changes' then $2::timestamptz else $1 end) uses
           join organizations on organizations.id = uses.organization_id
           group by 1, 2"#,
        minute,
        day
    )
    .fetch_all(tx)
    .await
}

/// Bytes of all that a snapshot would carry now, as JSON.
pub(super) async fn snapshot_bytes_any_tenant(tx: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(octet_length(change::text)), 0)::bigint as "bytes!"
           from (select distinct on (key) change from edge_feed order by key, sequence desc) latest"#
    )
    .fetch_one(tx)
    .await
}

/// How many organizations that are not deleted each tier has.
pub(super) async fn organizations_by_tier_any_tenant(
    tx: &mut PgConnection,
) -> Result<Vec<(Tier, i64)>, sqlx::Error> {
    sqlx::query!(
        r#"select tier, count(*) as "count!" from organizations where status <> 'deleted' group by tier"#
    )
    .fetch_all(tx)
    .await?
    .into_iter()
    .map(|row| Ok((decode(&row.tier)?, row.count)))
    .collect()
}
