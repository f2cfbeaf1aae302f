//! The worker: takes due jobs and runs some at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Registry, Taken, lease_end, listen, run, schedule, store};
use crate::app::App;

/// How long a job may wait if its notification was lost, or if it became due by itself.
const POLL: Duration = Duration::from_secs(1);
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Takes up to `limit` due jobs.
async fn take(app: &App, registry: &Registry, limit: usize) -> Result<Vec<Taken>, sqlx::Error> {
    let now = app.now();
    let mut tx = app.db.system().await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let taken = store::take(&mut tx, &registry.names(), limit, now, lease_end(app, now)).await?;
    tx.commit().await?;
    Ok(taken)
}

async fn run_one(app: App, registry: Arc<Registry>, taken: Taken, stop: CancellationToken) {
    // Nothing is taken that is not in the registry.
    if let Some(kind) = registry.get(&taken.kind) {
        run::run(&app, kind, &taken, &stop).await;
    }
}

/// Takes what is due now and runs it to its end; returns how many jobs that were. What they enqueue is left for the next time.
pub async fn run_due(app: &App, registry: &Registry) -> Result<usize, sqlx::Error> {
    let registry = Arc::new(registry.clone());
    let taken = take(app, &registry, app.config.jobs.concurrency).await?;
    let count = taken.len();
    let mut running = JoinSet::new();
    for job in taken {
        running.spawn(run_one(app.clone(), Arc::clone(&registry), job, app.shutdown.clone()));
    }
    while running.join_next().await.is_some() {}
    Ok(count)
}

/// Runs jobs, and enqueues scheduled ones, until the process stops. Then what runs gets some time to finish; what does not, is
/// given back.
pub fn spawn(app: &App, registry: Registry) {
    schedule::spawn(app, &registry);
    let bell = listen::spawn(app);
    let (app, registry) = (app.clone(), Arc::new(registry));
    app.tasks.clone().spawn(async move {
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        loop {
            let free = app.config.jobs.concurrency.saturating_sub(running.len());
            let taken = if free == 0 { Ok(vec![]) } else { take(&app, &registry, free).await };
            let (taken, pause) = taken.map_or_else(
                |error| {
                    tracing::warn!(%error, "jobs could not be taken; it will be tried again");
                    (vec![], AFTER_FAILURE)
                },
                |taken| (taken, POLL),
            );
            for job in taken {
                running.spawn(run_one(app.clone(), Arc::clone(&registry), job, stop.clone()));
            }
            tokio::select! {
                () = app.shutdown.cancelled() => break,
                _ = running.join_next(), if !running.is_empty() => {}
                _ = tokio::time::timeout(pause, bell.notified()) => {}
            }
        }
        let all = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(run::grace(&app), all).await.is_err() {
            stop.cancel();
            while running.join_next().await.is_some() {}
        }
    });
}
