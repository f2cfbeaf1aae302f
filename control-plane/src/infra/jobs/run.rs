//! One run of one job, from its lease to its outcome.

use std::time::{Duration, Instant};

use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::registry::Kind;
use super::store::Renewal;
use super::{JobError, Taken, Work, lease_end, store};
use crate::app::App;

/// Longest error kept with a job, in bytes.
const MAX_ERROR: usize = 1_000;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// It failed, and will be tried again.
    Retried,
    /// It failed for the last time.
    Dead,
    /// The process stops; another does it.
    Released,
    /// Another worker has it: the lease had run out.
    Lost,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retried => "retried",
            Self::Dead => "dead",
            Self::Released => "released",
            Self::Lost => "lost",
        }
    }
}

/// What a handler came to.
enum End {
    Done,
    Lost,
    Stopped,
    Failed(JobError),
}

/// Runs the job until it is done, fails, takes too long, loses its lease, or `stop` is cancelled, and notes which.
pub(super) async fn run(app: &App, kind: &Kind, taken: &Taken, stop: &CancellationToken) -> Outcome {
    let started = Instant::now();
    let end = if taken.attempts > kind.max_attempts {
        // The last attempt ended with its worker. So may the next, and the next worker with it.
        End::Failed(JobError::Never(anyhow::anyhow!("its worker died, or lost its lease, each time")))
    } else {
        handle(app, kind, taken, stop).await
    };
    let outcome = note(app, kind, taken, end).await.unwrap_or_else(|error| {
        tracing::warn!(job = %taken.id, kind = kind.name, %error, "how a job ended could not be noted; it runs again when its lease ends");
        Outcome::Lost
    });
    metrics::histogram!("agentidp_job_duration_seconds", "kind" => kind.name)
        .record(started.elapsed().as_secs_f64());
    metrics::counter!("agentidp_job_runs_total", "kind" => kind.name, "outcome" => outcome.as_str())
        .increment(1);
    outcome
}

async fn handle(app: &App, kind: &Kind, taken: &Taken, stop: &CancellationToken) -> End {
    // A task of its own: a panic is then a failure of the job and of nothing else.
    let mut handler = AbortOnDropHandle::new(tokio::spawn(perform(app.clone(), *kind, taken.clone())));
    let end = tokio::select! {
        ended = &mut handler => return flatten(ended),
        () = tokio::time::sleep(kind.timeout) => {
            End::Failed(JobError::Again(anyhow::anyhow!("it took longer than {} s", kind.timeout.as_secs_f64())))
        }
        () = keep_lease(app, taken) => End::Lost,
        () = stop.cancelled() => End::Stopped,
    };
    handler.abort();
    // It may have ended before the abort reached it.
    match handler.await {
        Err(error) if error.is_cancelled() => end,
        ended => flatten(ended),
    }
}

fn flatten(ended: Result<Result<bool, JobError>, JoinError>) -> End {
    match ended {
        Ok(Ok(true)) => End::Done,
        Ok(Ok(false)) => End::Lost,
        Ok(Err(error)) => End::Failed(error),
        Err(error) => End::Failed(JobError::Again(anyhow::anyhow!("the handler panicked: {error}"))),
    }
}

/// Does the work and records it as done in the transaction of its effects; false if the lease was lost, and nothing is kept then.
async fn perform(app: App, kind: Kind, taken: Taken) -> Result<bool, JobError> {
    let work = Work {
        app: app.clone(),
        job_id: taken.id,
        attempt: taken.attempts,
        organization: taken.organization,
    };
    let mut effects = (kind.run)(taken.payload.clone(), work).await?;
    store::become_system(effects.connection()).await?;
    if !store::complete(effects.connection(), &taken, app.now()).await? {
        return Ok(false);
    }
    effects.commit().await?;
    Ok(true)
}

/// Renews the lease as long as the job is this worker's. While the database cannot be asked, the handler goes on: what it could
/// not be told, it is told when it completes.
async fn keep_lease(app: &App, taken: &Taken) {
    loop {
        tokio::time::sleep(app.config.jobs.lease / 3).await;
        let renewal = async {
            let mut tx = app.db.system().await?;
            let renewal = store::renew(&mut tx, taken, lease_end(app, app.now())).await?;
            tx.commit().await?;
            Ok::<_, sqlx::Error>(renewal)
        };
        match renewal.await {
            Ok(Renewal::Kept) => {}
            // The handler's own commit came first.
            Ok(Renewal::Ended) => std::future::pending().await,
            Ok(Renewal::Lost) => return,
            Err(error) => tracing::warn!(job = %taken.id, %error, "a job's lease could not be renewed"),
        }
    }
}

async fn note(app: &App, kind: &Kind, taken: &Taken, end: End) -> Result<Outcome, sqlx::Error> {
    let error = match end {
        End::Done => return Ok(Outcome::Done),
        End::Lost => {
            tracing::warn!(job = %taken.id, kind = kind.name, "a job's lease was lost; nothing of this run is kept");
            return Ok(Outcome::Lost);
        }
        End::Stopped => {
            let mut tx = app.db.system().await?;
            // It did not fail: the attempt does not count.
            let released = store::put_back(&mut tx, taken, app.now(), taken.attempts - 1, None).await?;
            tx.commit().await?;
            return Ok(if released { Outcome::Released } else { Outcome::Lost });
        }
        End::Failed(error) => error,
    };
    let (error, may_go_better) = match error {
        JobError::Again(error) => (error, taken.attempts < kind.max_attempts),
        JobError::Never(error) => (error, false),
    };
    let text = shortened(&format!("{error:#}"));
    let mut tx = app.db.system().await?;
    let (kept, outcome) = if may_go_better {
        let wait = kind.backoff.wait(taken.attempts, &*app.rng);
        tracing::warn!(job = %taken.id, kind = kind.name, attempt = taken.attempts, error = text, ?wait, "a job failed; it will be tried again");
        (
            store::put_back(&mut tx, taken, app.now() + wait, taken.attempts, Some(&text)).await?,
            Outcome::Retried,
        )
    } else {
        tracing::error!(job = %taken.id, kind = kind.name, attempt = taken.attempts, error = text, "a job is dead: `agentidp jobs retry` runs it again");
        (store::bury(&mut tx, taken, app.now(), &text).await?, Outcome::Dead)
    };
    tx.commit().await?;
    Ok(if kept { outcome } else { Outcome::Lost })
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(MAX_ERROR);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().replace('\0', "")
}

/// How long a run may still take once its process is told to stop: half of what the process has.
pub(super) fn grace(app: &App) -> Duration {
    app.config.shutdown / 2
}
