//! Jobs that come back: one for each slot of their interval, whichever process is there to enqueue it.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Job, NewJob, Registry, enqueue, store};
use crate::app::App;
use crate::infra::clock::from_unix_seconds;

/// `pg_try_advisory_xact_lock` key of who enqueues scheduled jobs ("sche" in ASCII).
const SCHEDULER_LOCK: i64 = 0x7363_6865;
/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// The dedup key of scheduled jobs: while one waits or runs, the next slot adds none.
const DEDUP_KEY: &str = "schedule";

type Enqueueing<'a> = Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + 'a>>;

#[derive(Clone, Copy)]
pub(super) struct Schedule {
    name: &'static str,
    interval: Duration,
    enqueue: for<'a> fn(&'a mut PgConnection, &'a App) -> Enqueueing<'a>,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} every {:?}", self.name, self.interval)
    }
}

impl Schedule {
    pub(super) fn of<J: Job + Default>(interval: Duration) -> Self {
        Self {
            name: J::KIND,
            interval,
            enqueue: |tx, app| {
                Box::pin(async move {
                    let job = J::default();
                    Ok(enqueue(tx, app, NewJob::new(&job).once(DEDUP_KEY)).await?.is_some())
                })
            },
        }
    }
}

/// The beginning of the slot that `now` lies in: slots are counted from 1970, so that every process counts the same ones.
pub fn slot_of(now: OffsetDateTime, interval: Duration) -> OffsetDateTime {
    let (now, interval) = (crate::infra::clock::unix_seconds(now), interval.as_secs().max(1));
    from_unix_seconds(now - now % interval)
}

/// Enqueues what is due, as the leader of this moment; returns how many jobs, `None` if another process leads. A slot and its job are
/// one transaction. Of slots that nobody was there for only the last is made up for.
pub async fn enqueue_due(app: &App, registry: &Registry) -> Result<Option<usize>, sqlx::Error> {
    let now = app.now();
    let mut tx = app.db.system().await?;
    if !tx.try_lock(SCHEDULER_LOCK).await? {
        return Ok(None);
    }
    let mut enqueued = 0;
    for schedule in &registry.schedules {
        if store::begin_slot(&mut tx, schedule.name, slot_of(now, schedule.interval)).await?
            && (schedule.enqueue)(&mut tx, app).await?
        {
            enqueued += 1;
        }
    }
    tx.commit().await?;
    Ok(Some(enqueued))
}

/// Runs [`enqueue_due`] whenever a slot begins that this process has not seen yet.
pub(super) fn spawn(app: &App, registry: &Registry) {
    let (app, registry) = (app.clone(), registry.clone());
    app.tasks.clone().spawn(async move {
        let mut seen = BTreeMap::new();
        loop {
            let now = app.now();
            let slots: BTreeMap<_, _> =
                registry.schedules.iter().map(|each| (each.name, slot_of(now, each.interval))).collect();
            if slots != seen {
                match enqueue_due(&app, &registry).await {
                    Ok(Some(_)) => seen = slots,
                    // The leader may end before it commits: looked at again until it is done.
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "scheduled jobs could not be enqueued; it will be tried again");
                    }
                }
            }
            if app.shutdown.run_until_cancelled(tokio::time::sleep(TICK)).await.is_none() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_begins_at_a_multiple_of_its_interval() {
        let slot = |seconds, interval| {
            let slot = slot_of(from_unix_seconds(seconds), Duration::from_secs(interval));
            slot.unix_timestamp()
        };
        assert_eq!([slot(0, 60), slot(59, 60), slot(60, 60), slot(61, 60)], [0, 0, 60, 60]);
        assert_eq!(slot(7, 0), 7, "no interval at all is a second");
    }
}
