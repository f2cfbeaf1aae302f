//! The job queue, with workers that run when the test says so and a clock that only it moves.

mod runs;
mod schedules;
mod workers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration as Wait, Instant};

use agentidp::app::App;
use agentidp::infra::jobs::{self, Backoff, Effects, Job, JobError, JobFilter, NewJob, Registry, Work};
use agentidp_shared::ids::OrganizationId;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use time::Duration;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::support::{Instance, execute, refusal, unique};

const LEASE: Duration = Duration::seconds(31);

/// What a job does before its one effect, which is to count itself in the database.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Does {
    Nothing,
    Fail,
    FailForGood,
    Panic,
    /// Waits for [`Gate::open`] if it is the first attempt.
    WaitOnce,
    /// Never ends.
    Hang,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    name: String,
    does: Does,
}

impl Step {
    fn new(does: Does) -> Self {
        Self { name: unique(), does }
    }
}

/// What is known of a running step.
#[derive(Debug)]
struct Gate {
    running: Mutex<(usize, usize)>,
    entered: Semaphore,
    opened: Semaphore,
}

static GATES: Mutex<BTreeMap<String, Arc<Gate>>> = Mutex::new(BTreeMap::new());

fn gate(name: &str) -> Arc<Gate> {
    let mut gates = GATES.lock().unwrap_or_else(PoisonError::into_inner);
    let new = || {
        Arc::new(Gate { running: Mutex::default(), entered: Semaphore::new(0), opened: Semaphore::new(0) })
    };
    Arc::clone(gates.entry(name.to_owned()).or_insert_with(new))
}

impl Gate {
    async fn entered(&self) {
        self.entered.acquire().await.unwrap().forget();
    }

    fn open(&self) {
        self.opened.add_permits(1);
    }

    fn most_at_once(&self) -> usize {
        self.running.lock().unwrap().1
    }
}

/// Counts a run while it lasts.
struct Running(Arc<Gate>);

impl Running {
    fn begin(gate: &Arc<Gate>) -> Self {
        let mut running = gate.running.lock().unwrap();
        running.0 += 1;
        running.1 = running.1.max(running.0);
        drop(running);
        gate.entered.add_permits(1);
        Self(Arc::clone(gate))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.lock().unwrap().0 -= 1;
    }
}

impl Job for Step {
    const KIND: &'static str = "test.step";
    const MAX_ATTEMPTS: i32 = 3;
    const BACKOFF: Backoff = Backoff { first: Wait::from_secs(10), longest: Wait::from_secs(15) };

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let gate = gate(&self.name);
        let _running = Running::begin(&gate);
        if matches!(self.does, Does::WaitOnce) && work.attempt == 1 {
            gate.opened.acquire().await.unwrap().forget();
        }
        let mut tx = work.system().await?;
        sqlx::query(
            "insert into login_throttle (key, failures, last_failure_at) values ($1, 1, now())
             on conflict (key) do update set failures = login_throttle.failures + 1",
        )
        .bind(&self.name)
        .execute(&mut *tx)
        .await?;
        match self.does {
            Does::Nothing | Does::WaitOnce => {}
            Does::Fail => return Err(JobError::Again(anyhow::anyhow!("the step failed"))),
            Does::FailForGood => return Err(JobError::Never(anyhow::anyhow!("the step cannot be done"))),
            Does::Panic => panic!("the step panicked"),
            Does::Hang => std::future::pending().await,
        }
        Ok(tx.into())
    }
}

/// A step that may take no time.
#[derive(Debug, Serialize, Deserialize)]
struct Hurried(Step);

impl Job for Hurried {
    const KIND: &'static str = "test.hurried";
    const TIMEOUT: Wait = Wait::from_millis(20);

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        self.0.run(work).await
    }
}

/// Registers nothing but says whose it is.
#[derive(Debug, Serialize, Deserialize)]
struct OfTenant {}

impl Job for OfTenant {
    const KIND: &'static str = "test.of-tenant";

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let mut tx = work.tenant().await?;
        let seen: i64 = sqlx::query_scalar("select count(*) from organizations").fetch_one(&mut *tx).await?;
        assert_eq!(seen, 1, "another organization is seen");
        Ok(tx.into())
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Recurring {}

impl Job for Recurring {
    const KIND: &'static str = "test.recurring";

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        Ok(work.system().await?.into())
    }
}

fn kinds() -> Registry {
    Registry::default().with::<Step>().with::<Hurried>().with::<OfTenant>()
}

async fn enqueue<J: Job>(app: &App, new: NewJob<'_, J>) -> Option<Uuid> {
    let mut tx = app.db.system().await.unwrap();
    let id = jobs::enqueue(&mut tx, app, new).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn enqueue_step(app: &App, step: &Step) -> Uuid {
    enqueue(app, NewJob::new(step)).await.unwrap()
}

async fn run_due(app: &App) -> usize {
    jobs::run_due(app, &kinds()).await.unwrap()
}

async fn job(app: &App, id: Uuid) -> jobs::JobInfo {
    let mut tx = app.db.system().await.unwrap();
    let all = jobs::list(&mut tx, &JobFilter::default()).await.unwrap();
    all.into_iter().find(|job| job.id == id).unwrap()
}

async fn state(app: &App, id: Uuid) -> String {
    job(app, id).await.state
}

/// How often the step's effect is there.
async fn effects(instance: &Instance, step: &Step) -> i64 {
    let name = &step.name;
    instance
        .number(&format!(
            "select coalesce(sum(failures), 0)::bigint from login_throttle where key = '{name}'"
        ))
        .await
}
