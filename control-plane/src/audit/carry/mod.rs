//! Carrying every signed head to places outside the database: whoever can write all of the database can write the heads in it anew,
//! and not those that are elsewhere.
//!
//! One job per place, enqueued in the transaction that signs a head, takes all heads there that are not there yet, in order. A place
//! that is away is tried again for ever: how far it is lies in `audit_carried`, so nothing is lost and nothing piles up. Before
//! anything is added, the newest head of the place is compared with the log: one that this log contradicts is left alone, and
//! nothing more is carried until somebody has looked.

mod destination;
mod store;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use self::destination::Destination;
use super::{checkpoint, tree};
use crate::app::App;
use crate::infra::db::SystemTx;
use crate::infra::jobs::{self, Backoff, Effects, Job, JobError, NewJob, Work};
use crate::infra::metrics::LabelledGauge;

/// `pg_advisory_xact_lock` key ("carr" in ASCII): between a head that is signed and a job that ends without having seen it.
const CARRY_LOCK: i64 = 0x6361_7272;
/// Heads carried from one noting of progress to the next.
const BATCH: i64 = 100;
/// A place that is behind for so long is worth a look, and one for longer fails the control of audit integrity.
const DEGRADED: time::Duration = time::Duration::minutes(10);
const FAILING: time::Duration = time::Duration::HOUR;

static LAG: LabelledGauge<1> = LabelledGauge::new("agentidp_audit_checkpoint_lag_seconds", ["destination"]);

/// A kind of place. The names are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    Folder,
    Url,
    Webhook,
}

impl Place {
    const ALL: [Self; 3] = [Self::Folder, Self::Url, Self::Webhook];

    fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Url => "url",
            Self::Webhook => "webhook",
        }
    }
}

/// Carries what is not there yet.
#[derive(Debug, Serialize, Deserialize)]
pub struct CarryCheckpoints {
    to: Place,
}

impl Job for CarryCheckpoints {
    const KIND: &'static str = "audit.carry";
    /// It never gives up.
    const MAX_ATTEMPTS: i32 = i32::MAX;
    const TIMEOUT: Duration = Duration::from_mins(10);
    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_mins(5) };

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let app = &work.app;
        let tx = work.system().await?;
        let Some(destination) = Destination::of(app, self.to)? else { return Ok(tx.into()) };
        tx.commit().await?;
        compare(app, &destination).await?;
        loop {
            let mut tx = work.system().await?;
            let heads = pending(&mut tx, &destination, BATCH).await?;
            tx.commit().await?;
            for (_, note) in &heads {
                destination.put(app, note).await?;
            }
            let Some((tree_size, note)) = heads.last() else {
                let mut tx = work.system().await?;
                lock(&mut tx).await?;
                if pending(&mut tx, &destination, 1).await?.is_empty() {
                    return Ok(tx.into());
                }
                tx.commit().await?;
                continue;
            };
            destination.put_latest(note).await?;
            let mut tx = work.system().await?;
            store::put(&mut tx, self.to.as_str(), &destination.target(), *tree_size, app.now()).await?;
            tx.commit().await?;
        }
    }
}

async fn lock(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock($1)", CARRY_LOCK).fetch_one(tx).await?;
    Ok(())
}

/// Asks for heads to be carried, in the transaction that signs one.
pub(super) async fn enqueue(tx: &mut SystemTx, app: &App) -> Result<(), sqlx::Error> {
    let places = configured(app);
    if places.is_empty() {
        return Ok(());
    }
    lock(tx).await?;
    for to in places {
        jobs::enqueue(tx, app, NewJob::new(&CarryCheckpoints { to }).once(to.as_str())).await?;
    }
    Ok(())
}

fn configured(app: &App) -> Vec<Place> {
    let places = &app.config.checkpoints;
    let set = |place: &Place| match place {
        Place::Folder => places.folder.is_some(),
        Place::Url => places.url.is_some(),
        Place::Webhook => places.webhook.is_some(),
    };
    Place::ALL.into_iter().filter(set).collect()
}

/// Heads that are not there yet. To a new place the newest is the first: it covers all before.
async fn pending(
    tx: &mut SystemTx,
    destination: &Destination,
    limit: i64,
) -> Result<Vec<(u64, String)>, sqlx::Error> {
    let carried = store::carried(tx, destination.place.as_str(), &destination.target()).await?;
    if let Some(tree_size) = carried {
        return checkpoint::notes_above(tx, tree_size, limit).await;
    }
    let newest = checkpoint::latest(tx).await?;
    Ok(newest.into_iter().map(|newest| (newest.head.tree_size, newest.note)).collect())
}

/// An error if the newest head that is there is none of this log.
async fn compare(app: &App, destination: &Destination) -> Result<(), JobError> {
    let Some(note) = destination.latest().await? else { return Ok(()) };
    let place = destination.place.as_str();
    let kept = checkpoint::read(app, &note).map_err(|_| {
        JobError::Again(anyhow::anyhow!("the {place} holds a head that this instance did not sign"))
    })?;
    let mut tx = app.db.system().await?;
    let size = tree::size(&mut tx).await?;
    let contradiction = if size < kept.tree_size {
        Some(format!("a head of {} events, and the log has only {size}: it was rolled back", kept.tree_size))
    } else if tree::root(&mut tx, kept.tree_size).await? == kept.root_hash {
        None
    } else {
        Some(format!("another head of {} events than the log: it was written anew", kept.tree_size))
    };
    tx.commit().await?;
    match contradiction {
        None => Ok(()),
        Some(found) => {
            tracing::error!(place, found, "THE AUDIT LOG IS NOT THE ONE WHOSE HEADS WERE CARRIED");
            Err(JobError::Again(anyhow::anyhow!("the {place} holds {found}")))
        }
    }
}

/// How long the oldest head waits that is not at each place.
async fn lags(tx: &mut SystemTx, app: &App) -> Result<Vec<(Place, time::Duration)>, sqlx::Error> {
    let mut lags = vec![];
    for place in configured(app) {
        let target = destination::target(app, place);
        let since = store::waiting_since(tx, place.as_str(), &target).await?;
        let lag = since.map_or(time::Duration::ZERO, |since| app.now() - since);
        lags.push((place, lag));
    }
    Ok(lags)
}

/// Whether a place is behind for longer than a hiccup; `None` if none is configured.
pub async fn is_behind(app: &App) -> Result<Option<bool>, sqlx::Error> {
    if configured(app).is_empty() {
        return Ok(None);
    }
    let mut tx = app.db.system().await?;
    let lags = lags(&mut tx, app).await?;
    tx.commit().await?;
    Ok(Some(lags.iter().any(|(_, lag)| *lag > DEGRADED)))
}

/// The places that are behind for so long that the log is in fact not kept elsewhere.
pub(super) async fn problems(tx: &mut SystemTx, app: &App) -> Result<Vec<String>, sqlx::Error> {
    let late = lags(tx, app).await?.into_iter().filter(|(_, lag)| *lag > FAILING);
    let shown = |(place, lag): (Place, time::Duration)| {
        let minutes = lag.whole_minutes();
        format!(
            "heads were not carried to the {} for {minutes} minutes: see the job audit.carry",
            place.as_str()
        )
    };
    Ok(late.map(shown).collect())
}

/// Sets the gauge of each place.
pub async fn sample(app: &App) -> Result<(), sqlx::Error> {
    if configured(app).is_empty() {
        return Ok(());
    }
    let mut tx = app.db.system().await?;
    let lags = lags(&mut tx, app).await?;
    tx.commit().await?;
    LAG.set(lags.into_iter().map(|(place, lag)| ([place.as_str().to_owned()], lag.as_seconds_f64())));
    Ok(())
}
