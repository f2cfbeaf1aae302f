//! SQL of the queue. It serves all organizations: all but [`insert`] is for the system's role.

use agentidp_shared::ids::OrganizationId;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::manage::{JobFilter, JobInfo};
use super::{Taken, listen};
use crate::infra::db::SystemTx;

pub(super) struct NewRow<'a> {
    pub id: Uuid,
    pub organization: Option<OrganizationId>,
    pub kind: &'a str,
    pub payload: Value,
    pub dedup_key: Option<&'a str>,
    pub due_at: OffsetDateTime,
}

/// False if a job with this dedup key is there. Workers are notified when the transaction commits.
pub(super) async fn insert(
    tx: &mut PgConnection,
    row: &NewRow<'_>,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into jobs (id, organization_id, kind, payload, dedup_key, due_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        row.id,
        row.organization.map(OrganizationId::as_uuid),
        row.kind,
        row.payload,
        row.dedup_key,
        row.due_at,
        now
    )
    .execute(&mut *tx)
    .await?;
    let is_new = inserted.rows_affected() == 1;
    if is_new && row.due_at <= now {
        notify(tx).await?;
    }
    Ok(is_new)
}

async fn notify(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(r#"select pg_notify($1, '')::text as "sent""#, listen::CHANNEL)
        .fetch_one(tx)
        .await
        .map(|_| ())
}

/// Takes up to `limit` due jobs of these kinds until `lease_end`. Those of a worker that died are due when its lease ends.
pub(super) async fn take(
    tx: &mut SystemTx,
    kinds: &[String],
    limit: i64,
    now: OffsetDateTime,
    lease_end: OffsetDateTime,
) -> Result<Vec<Taken>, sqlx::Error> {
    let rows = sqlx::query!(
        "with due as (
           select id from jobs where state in ('ready', 'running') and due_at <= $2 and kind = any($1)
           order by due_at, id limit $3 for update skip locked)
         update jobs set state = 'running', due_at = $4, fence = fence + 1, attempts = attempts + 1
         from due where jobs.id = due.id
         returning jobs.id, organization_id, kind, payload, fence, attempts",
        kinds,
        now,
        limit,
        lease_end
    )
    .fetch_all(&mut **tx)
    .await?;
    let taken = rows.into_iter().map(|row| Taken {
        id: row.id,
        organization: row.organization_id.map(OrganizationId::new),
        kind: row.kind,
        payload: row.payload,
        fence: row.fence,
        attempts: row.attempts,
    });
    Ok(taken.collect())
}

/// Becomes the system again, in a transaction of whichever role.
pub(super) async fn become_system(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("select set_config('role', 'agentidp_system', true)").fetch_one(tx).await.map(|_| ())
}

/// What came of renewing a lease.
pub(super) enum Renewal {
    Kept,
    /// Under this very lease the job came to its end.
    Ended,
    Lost,
}

pub(super) async fn renew(
    tx: &mut PgConnection,
    taken: &Taken,
    lease_end: OffsetDateTime,
) -> Result<Renewal, sqlx::Error> {
    let state = sqlx::query_scalar!(
        "update jobs set due_at = case when state = 'running' then $3 else due_at end where id = $1 and fence = $2
         returning state",
        taken.id,
        taken.fence,
        lease_end
    )
    .fetch_optional(tx)
    .await?;
    Ok(match state.as_deref() {
        Some("running") => Renewal::Kept,
        Some(_) => Renewal::Ended,
        None => Renewal::Lost,
    })
}

/// False if the lease was lost: then the transaction must not be committed.
pub(super) async fn complete(
    tx: &mut PgConnection,
    taken: &Taken,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update jobs set state = 'done', finished_at = $3, last_error = null
         where id = $1 and fence = $2 and state = 'running'",
        taken.id,
        taken.fence,
        now
    );
    Ok(done.execute(tx).await?.rows_affected() == 1)
}

/// Lets it be taken again at `at`; false if the lease was lost.
pub(super) async fn put_back(
    tx: &mut PgConnection,
    taken: &Taken,
    at: OffsetDateTime,
    attempts: i32,
    error: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update jobs set state = 'ready', due_at = $3, attempts = $4, last_error = coalesce($5, last_error)
         where id = $1 and fence = $2 and state = 'running'",
        taken.id,
        taken.fence,
        at,
        attempts,
        error
    );
    Ok(done.execute(tx).await?.rows_affected() == 1)
}

/// Makes it a dead letter; false if the lease was lost.
pub(super) async fn bury(
    tx: &mut PgConnection,
    taken: &Taken,
    now: OffsetDateTime,
    error: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update jobs set state = 'dead', finished_at = $3, last_error = $4
         where id = $1 and fence = $2 and state = 'running'",
        taken.id,
        taken.fence,
        now,
        error
    );
    Ok(done.execute(tx).await?.rows_affected() == 1)
}

pub(super) async fn purge_done(tx: &mut PgConnection, before: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from jobs where state = 'done' and finished_at < $1", before)
        .execute(tx)
        .await
        .map(|_| ())
}

/// False if the slot, or a later one, has begun before.
pub(super) async fn begin_slot(
    tx: &mut SystemTx,
    name: &str,
    slot: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let begun = sqlx::query!(
        "insert into job_schedules (name, slot) values ($1, $2)
         on conflict (name) do update set slot = excluded.slot where job_schedules.slot < excluded.slot",
        name,
        slot
    );
    Ok(begun.execute(&mut **tx).await?.rows_affected() == 1)
}

/// Oldest first.
pub(super) async fn list_any_tenant(
    tx: &mut SystemTx,
    filter: &JobFilter,
    limit: i64,
) -> Result<Vec<JobInfo>, sqlx::Error> {
    sqlx::query_as!(
        JobInfo,
        "select id, organization_id, kind, state, attempts, due_at, created_at, finished_at, last_error from jobs
         where ($1::text is null or state = $1) and ($2::text is null or kind = $2)
         order by created_at, id limit $3",
        filter.state,
        filter.kind,
        limit
    )
    .fetch_all(&mut **tx)
    .await
}

/// Lets dead jobs run again at once, those of `ids` or all; returns them with organization and kind. One whose place another job has
/// taken meanwhile (by its dedup key) becomes one that may run beside it.
pub(super) async fn revive_any_tenant(
    tx: &mut SystemTx,
    ids: Option<&[Uuid]>,
    now: OffsetDateTime,
) -> Result<Vec<(Uuid, Option<OrganizationId>, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        "update jobs set state = 'ready', due_at = $2, attempts = 0, finished_at = null, dedup_key = null
         where state = 'dead' and ($1::uuid[] is null or id = any($1)) returning id, organization_id, kind",
        ids,
        now
    )
    .fetch_all(&mut **tx)
    .await?;
    notify(tx).await?;
    let revived = rows.into_iter();
    Ok(revived.map(|row| (row.id, row.organization_id.map(OrganizationId::new), row.kind)).collect())
}

/// The jobs of one kind and state that are not done.
pub(super) struct Depth {
    pub kind: String,
    pub state: String,
    pub count: i64,
    /// When the first of them became due, among those that are.
    pub oldest_due_at: Option<OffsetDateTime>,
}

pub(super) async fn depths_any_tenant(tx: &mut SystemTx) -> Result<Vec<Depth>, sqlx::Error> {
    sqlx::query_as!(
        Depth,
        // Two parts, each with an index, so that the many that are done are not read.
        r#"select kind as "kind!", state as "state!", count(*) as "count!", min(due_at) as oldest_due_at from jobs
             where state in ('ready', 'running') group by kind, state
           union all select kind, state, count(*), null from jobs where state = 'dead' group by kind, state"#
    )
    .fetch_all(&mut **tx)
    .await
}

pub(super) async fn count_dead_any_tenant(tx: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from jobs where state = 'dead'"#).fetch_one(tx).await
}
