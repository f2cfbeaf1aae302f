//! SQL of credentials that expire, across organizations.

use agentidp_shared::ids::AgentId;
use time::OffsetDateTime;

use super::expiring::Notice;
use crate::infra::db::SystemTx;

/// Notes up to `limit` credentials that came under a threshold (days, ascending) and returns those that were not noted before.
/// One that comes under several at once is noted for the smallest.
pub(super) async fn notice(
    tx: &mut SystemTx,
    thresholds: &[i32],
    now: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Notice>, sqlx::Error> {
    let rows = sqlx::query!(
        "insert into credential_expiry_notices (credential_id, threshold_days, organization_id, agent_id, expires_at, noticed_at)
         select credentials.id, threshold.days, organization_id, agent_id, expires_at, $2 from credentials
         cross join lateral (
           select min(days) as days from unnest($1::integer[]) days where expires_at <= $2::timestamptz + days * interval '24 hours') threshold
         where status = 'active' and expires_at > $2 and threshold.days is not null
           and not exists (select from credential_expiry_notices told
             where told.credential_id = credentials.id and told.threshold_days = threshold.days)
         order by expires_at, credentials.id limit $3
         on conflict do nothing
         returning credential_id, threshold_days, organization_id, agent_id, expires_at",
        thresholds,
        now,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    let notices = rows.into_iter().map(|row| Notice {
        credential: row.credential_id.into(),
        agent: row.agent_id.into(),
        organization: row.organization_id.into(),
        expires_at: row.expires_at,
        threshold_days: row.threshold_days,
    });
    Ok(notices.collect())
}

/// The agents with credentials that expire between `now` and `until`, and how many, those first whose expire first.
pub(super) async fn expiring_any_tenant(
    tx: &mut SystemTx,
    now: OffsetDateTime,
    until: OffsetDateTime,
    limit: i64,
) -> Result<Vec<(AgentId, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select agent_id, count(*) as "count!" from credentials
           where status = 'active' and expires_at > $1 and expires_at <= $2
           group by agent_id order by min(expires_at), agent_id limit $3"#,
        now,
        until,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.agent_id.into(), row.count)).collect())
}
