//! SQL of usage reports.

use agentidp_shared::usage::Tally;
use sqlx::PgConnection;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// Notes that a batch is counted in this transaction; false if it was before. A batch that another transaction is counting is
/// waited for.
pub(super) async fn remember(
    tx: &mut PgConnection,
    edge: &str,
    batch: Uuid,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    sqlx::query!(
        "insert into edge_usage_batches (edge, batch_id, received_at) values ($1, $2, $3) on conflict do nothing",
        edge,
        batch,
        now
    )
    .execute(tx)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Adds what concerns agents that exist; returns how many calls that were, by decision.
pub(super) async fn add(
    tx: &mut PgConnection,
    tallies: &[(Tally, Date)],
) -> Result<Vec<(String, u64)>, sqlx::Error> {
    let organizations: Vec<Uuid> = tallies.iter().map(|(tally, _)| tally.organization_id.as_uuid()).collect();
    let agents: Vec<Uuid> = tallies.iter().map(|(tally, _)| tally.agent_id.as_uuid()).collect();
    let decisions: Vec<String> =
        tallies.iter().map(|(tally, _)| tally.decision.as_str().to_owned()).collect();
    let days: Vec<Date> = tallies.iter().map(|(_, day)| *day).collect();
    let counts: Vec<i64> =
        tallies.iter().map(|(tally, _)| i64::try_from(tally.count).unwrap_or(i64::MAX)).collect();
    // In one order, so that two batches never wait for each other.
    sqlx::query!(
        r#"with reported as (
             select organization_id, day, agent_id, decision, sum(tally.count)::bigint as count
             from unnest($1::uuid[], $2::date[], $3::uuid[], $4::text[], $5::bigint[])
               as tally (organization_id, day, agent_id, decision, count)
             where exists (select from agents
               where agents.organization_id = tally.organization_id and agents.id = tally.agent_id)
             group by organization_id, day, agent_id, decision),
           added as (
             insert into edge_usage (organization_id, day, agent_id, decision, count)
             select organization_id, day, agent_id, decision, count from reported order by 1, 2, 3, 4
             on conflict (organization_id, day, agent_id, decision) do update set count = edge_usage.count + excluded.count)
           select decision as "decision!", sum(count)::bigint as "count!" from reported group by decision"#,
        &organizations,
        &days,
        &agents,
        &decisions,
        &counts
    )
    .fetch_all(tx)
    .await?
    .into_iter()
    .map(|row| Ok((row.decision, super::store::unsigned(row.count)?)))
    .collect()
}

pub(super) async fn purge(tx: &mut PgConnection, before: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from edge_usage_batches where received_at < $1", before)
        .execute(tx)
        .await
        .map(|_| ())
}
