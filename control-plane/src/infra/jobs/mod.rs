//! The job queue: work that is asked for in the transaction that makes it necessary, and done afterwards, by whichever process
//! takes it.
//!
//! [`enqueue`] is an INSERT in the caller's transaction, so a job exists just if that commits. A worker takes due jobs
//! (`FOR UPDATE SKIP LOCKED`) under a lease, which it renews while it works. A handler returns the transaction with its effects,
//! still open; the worker records the job as done in it and commits. So effects in the database happen once; effects elsewhere
//! may happen again, after a crash between them and the commit.
//!
//! A lease that ran out lets another worker take the job. The one that lost it cannot complete it: the number of its lease
//! (`fence`) is no longer the job's. So correctness does not hang on clocks; only how soon a job is taken over does.

mod backoff;
mod enqueue;
mod listen;
mod manage;
mod metrics;
mod registry;
mod run;
mod schedule;
mod store;
mod worker;

use std::time::Duration;

use agentidp_shared::ids::OrganizationId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

pub use backoff::Backoff;
pub use enqueue::{NewJob, enqueue};
pub use manage::{JobFilter, JobInfo, Retried, list, retry};
pub use metrics::sample;
pub use registry::Registry;
pub use schedule::{enqueue_due, slot_of};
pub use worker::{run_due, spawn};

use super::db::{SystemTx, TenantTx};
use crate::app::App;

/// A kind of work, and what is to be done for one job of it. The payload is the type itself as JSON: jobs of an older version may
/// be waiting, so members are only ever added, with a default.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Stored with each job: never renamed.
    const KIND: &'static str;
    /// After so many failures the job is dead: kept, and run again only when somebody says so.
    const MAX_ATTEMPTS: i32 = 12;
    /// A run that takes longer is ended, and counts as a failure.
    const TIMEOUT: Duration = Duration::from_mins(1);
    const BACKOFF: Backoff = Backoff::DEFAULT;

    /// Does it. The transaction that is returned is committed together with the job's completion.
    fn run(self, work: Work) -> impl Future<Output = Result<Effects, JobError>> + Send;
}

/// One run of a job.
#[derive(Debug, Clone)]
pub struct Work {
    pub app: App,
    pub job_id: Uuid,
    /// From 1.
    pub attempt: i32,
    organization: Option<OrganizationId>,
}

impl Work {
    /// Begins the transaction of the effects, for a job of the instance.
    pub async fn system(&self) -> Result<SystemTx, sqlx::Error> {
        self.app.db.system().await
    }

    /// Begins the transaction of the effects, as the job's organization.
    pub async fn tenant(&self) -> Result<TenantTx, JobError> {
        let missing = || JobError::Never(anyhow::anyhow!("the job belongs to no organization"));
        Ok(self.app.db.tenant(self.organization.ok_or_else(missing)?).await?)
    }
}

/// What a job did in the database, not committed yet.
#[derive(Debug)]
pub enum Effects {
    System(SystemTx),
    Tenant(TenantTx),
}

impl From<SystemTx> for Effects {
    fn from(tx: SystemTx) -> Self {
        Self::System(tx)
    }
}

impl From<TenantTx> for Effects {
    fn from(tx: TenantTx) -> Self {
        Self::Tenant(tx)
    }
}

impl Effects {
    fn connection(&mut self) -> &mut PgConnection {
        match self {
            Self::System(tx) => tx,
            Self::Tenant(tx) => tx,
        }
    }

    async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::System(tx) => tx.commit().await,
            Self::Tenant(tx) => tx.commit().await,
        }
    }
}

/// Why a job was not done. Kept with the job and shown to operators: no secrets.
#[derive(Debug)]
pub enum JobError {
    /// It may go better another time.
    Again(anyhow::Error),
    /// It never will.
    Never(anyhow::Error),
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for JobError {
    fn from(error: E) -> Self {
        Self::Again(error.into())
    }
}

/// A job that was taken, by whoever knows its `fence`.
#[derive(Debug, Clone)]
struct Taken {
    id: Uuid,
    organization: Option<OrganizationId>,
    kind: String,
    payload: serde_json::Value,
    fence: i64,
    attempts: i32,
}

/// When a lease taken or renewed at `now` ends.
fn lease_end(app: &App, now: OffsetDateTime) -> OffsetDateTime {
    now + app.config.jobs.lease
}

/// How many jobs, of all organizations, are dead and were not run again.
pub async fn count_dead(tx: &mut PgConnection) -> Result<i64, sqlx::Error> {
    store::count_dead_any_tenant(tx).await
}

/// Forgets jobs that were done more than a day ago. Dead ones are kept.
pub async fn purge_done(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    store::purge_done(tx, now - time::Duration::DAY).await
}
