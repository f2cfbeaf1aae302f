//! SQL of the checks and their results. They are the instance's: every organization's rows are looked at, and none is shown.

use std::collections::BTreeMap;

use agentidp_shared::ids::OrganizationId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::model::{Control, Finding};
use crate::infra::db::SystemTx;

pub(super) struct Stored {
    pub passing: Option<bool>,
    pub checked_at: OffsetDateTime,
}

pub(super) async fn put(
    tx: &mut PgConnection,
    control: Control,
    finding: &Finding,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into compliance_results (control, passing, detail, checked_at) values ($1, $2, $3, $4)
         on conflict (control) do update set passing = $2, detail = $3, checked_at = $4",
        control.id(),
        finding.passing,
        finding.detail,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// The last result of each control, by its id.
pub(super) async fn all(tx: &mut SystemTx) -> Result<BTreeMap<String, Stored>, sqlx::Error> {
    let rows = sqlx::query!("select control, passing, checked_at from compliance_results")
        .fetch_all(&mut **tx)
        .await?;
    let stored = rows
        .into_iter()
        .map(|row| (row.control, Stored { passing: row.passing, checked_at: row.checked_at }));
    Ok(stored.collect())
}

/// How many client secrets in use are not kept as an HMAC under the key.
pub(super) async fn count_secrets_not_under(
    tx: &mut SystemTx,
    hmac_key_id: &str,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from credentials
           where status = 'active'
             and (length(secret_hmac) <> 32 or hmac_key_id <> $1 or length(previous_secret_hmac) <> 32)"#,
        hmac_key_id
    )
    .fetch_one(&mut **tx)
    .await
}

/// The keys that have signed since before `before`.
pub(super) async fn keys_signing_since(
    tx: &mut SystemTx,
    before: OffsetDateTime,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select kid from signing_keys where status = 'active' and coalesce(activated_at, created_at) < $1 order by kid",
        before
    )
    .fetch_all(&mut **tx)
    .await
}

/// Counts client secrets of the system organization that can be used at `now` and were made before `before`.
pub(super) async fn count_platform_secrets_before(
    tx: &mut SystemTx,
    before: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from credentials
           where organization_id = (select id from organizations where is_system)
             and status = 'active' and (expires_at is null or expires_at > $2) and coalesce(rotated_at, created_at) < $1
             and secret_hmac is not null"#,
        before,
        now
    )
    .fetch_one(&mut **tx)
    .await
}

/// Counts the same of every organization that has some: up to `limit` organizations, those with the most first.
pub(super) async fn overdue_secrets_any_tenant(
    tx: &mut SystemTx,
    before: OffsetDateTime,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Vec<(OrganizationId, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select organization_id, count(*) as "count!" from credentials
           where status = 'active' and (expires_at is null or expires_at > $2) and coalesce(rotated_at, created_at) < $1
             and secret_hmac is not null
           group by organization_id order by count(*) desc, organization_id limit $3"#,
        before,
        now,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.count)).collect())
}
