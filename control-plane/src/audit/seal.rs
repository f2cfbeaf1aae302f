//! The sealer: numbers committed events without a gap and extends the hash chain. One at a time in the whole deployment,
//! by an advisory lock.

use std::time::Duration;

use agentidp_shared::audit_chain::{Hash, genesis, hash};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{checkpoint, seals, tree};
use crate::app::App;
use crate::infra::db::SystemTx;

/// `pg_try_advisory_xact_lock` key of the sealer ("seal" in ASCII).
const SEALER_LOCK: i64 = 0x7365_616c;
/// Events sealed in one transaction.
const BATCH: i64 = 1_000;
/// After a round of so many the next follows at once.
const FULL: usize = 500;
/// Between two rounds while events keep coming: a round costs by its dozen trips to the database, and hardly by its events.
const GATHER: Duration = Duration::from_millis(200);
/// How long a committed event may wait for its seal when the log is quiet.
const IDLE: Duration = Duration::from_millis(500);
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// Months of partitions kept ready ahead of time.
const MONTHS_AHEAD: i32 = 3;
const PARTITION_CHECK: Duration = Duration::from_hours(6);

/// Whether this transaction is the one that may add to the log's seals, tree and checkpoints.
pub(super) async fn lead(tx: &mut SystemTx) -> Result<bool, sqlx::Error> {
    tx.try_lock(SEALER_LOCK).await
}

/// Seals up to [`BATCH`] committed events; returns how many rows were waiting. Does nothing while another process seals.
pub async fn seal_committed(app: &App) -> Result<usize, sqlx::Error> {
    let mut tx = app.db.system().await?;
    if !lead(&mut tx).await? {
        return Ok(0);
    }
    // The oldest first, and then each one's event, by indices: of a log that was not sealed for long nothing else is touched. A plan
    // that was made while there was little would read all of it, again in each round.
    sqlx::query!("select set_config('enable_seqscan', 'off', true)").fetch_one(&mut *tx).await?;
    let waiting = seals::waiting(&mut tx, BATCH).await?;
    if waiting.ids.is_empty() {
        // Ended here, not whenever the connection is next used: until then it would be the leader.
        tx.commit().await?;
        return Ok(0);
    }
    let events = seals::due(&mut tx, &waiting).await?;
    let false_rows = waiting.ids.len().saturating_sub(events.len());
    if false_rows > 0 {
        tracing::error!(
            rows = false_rows,
            "rows that waited for a seal without an event to seal were deleted"
        );
    }
    let last = sqlx::query!("select sequence, hash from audit_seals order by sequence desc limit 1")
        .fetch_optional(&mut *tx)
        .await?;
    let (mut sequence, mut previous): (i64, Hash) = match last {
        Some(last) => (
            last.sequence,
            last.hash.try_into().map_err(|_| corrupt("the last seal's hash has not 32 bytes"))?,
        ),
        None => (0, genesis(app.feed.instance())),
    };

    let count = events.len();
    let (mut ids, mut organizations) = (Vec::<Uuid>::with_capacity(count), Vec::<Uuid>::with_capacity(count));
    let mut times = Vec::<OffsetDateTime>::with_capacity(count);
    let (mut sequences, mut previous_hashes, mut hashes) = (
        Vec::<i64>::with_capacity(count),
        Vec::<Vec<u8>>::with_capacity(count),
        Vec::<Vec<u8>>::with_capacity(count),
    );
    for event in &events {
        sequence += 1;
        let sealed = event.as_sealed(sequence).ok_or_else(|| corrupt("a sequence or time out of range"))?;
        let sealed = hash(&previous, &sealed);
        ids.push(event.event_id);
        organizations.push(event.organization_id);
        times.push(event.occurred_at);
        sequences.push(sequence);
        previous_hashes.push(previous.to_vec());
        hashes.push(sealed.to_vec());
        previous = sealed;
    }
    sqlx::query!(
        "insert into audit_seals (sequence, event_id, organization_id, occurred_at, previous_hash, hash)
         select * from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::bytea[], $6::bytea[])",
        &sequences,
        &ids,
        &organizations,
        &times,
        &previous_hashes,
        &hashes
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "delete from audit_unsealed where (occurred_at, event_id) in (select * from unnest($1::timestamptz[], $2::uuid[]))",
        &waiting.times,
        &waiting.ids
    )
    .execute(&mut *tx)
    .await?;
    tree::grow(&mut tx).await?;
    tx.commit().await?;
    Ok(waiting.ids.len())
}

fn corrupt(what: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}

/// Seals as events come, and keeps the monthly partitions ahead of time.
pub(super) fn spawn(app: &App) {
    let sealer = app.clone();
    app.tasks.spawn(async move {
        loop {
            let pause = match seal_committed(&sealer).await {
                Ok(0) => IDLE,
                Ok(count) if count < FULL => GATHER,
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(%error, "sealing the audit log failed; it will be tried again");
                    AFTER_FAILURE
                }
            };
            if let Err(error) = checkpoint::sign_if_due(&sealer).await {
                tracing::error!(%error, "the audit log's head could not be signed; it will be tried again");
            }
            if sealer.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    });
    let keeper = app.clone();
    app.tasks.spawn(async move {
        loop {
            let pause = match ensure_partitions(&keeper).await {
                Ok(()) => PARTITION_CHECK,
                Err(error) => {
                    tracing::warn!(%error, "the next months' partitions could not be created; it will be tried again");
                    AFTER_FAILURE
                }
            };
            if keeper.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    });
}

async fn ensure_partitions(app: &App) -> Result<(), sqlx::Error> {
    let mut tx = app.db.system().await?;
    // Two processes that start together must not create the same table.
    sqlx::query!("select pg_advisory_xact_lock($1)", SEALER_LOCK + 1).fetch_one(&mut *tx).await?;
    sqlx::query!("select ensure_partitions($1, $2)", app.now().date(), MONTHS_AHEAD)
        .fetch_one(&mut *tx)
        .await?;
    tx.commit().await
}
