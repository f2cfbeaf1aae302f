//! The job queue, with workers that run when the test says so and a clock that only it moves.

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

#[tokio::test]
async fn a_job_exists_just_if_its_transaction_commits() {
    let instance = Instance::start().await;
    let (undone, done) = (Step::new(Does::Nothing), Step::new(Does::Nothing));
    let mut tx = instance.app.db.system().await.unwrap();
    jobs::enqueue(&mut tx, &instance.app, NewJob::new(&undone)).await.unwrap().unwrap();
    assert_eq!(run_due(&instance.app).await, 0, "it is not committed yet");
    drop(tx);
    let id = enqueue_step(&instance.app, &done).await;
    assert_eq!(run_due(&instance.app).await, 1);
    assert_eq!((effects(&instance, &undone).await, effects(&instance, &done).await), (0, 1));
    assert_eq!(state(&instance.app, id).await, "done");
    assert_eq!(run_due(&instance.app).await, 0);
}

#[tokio::test]
async fn several_workers_at_once_run_each_job_once() {
    let instance = Instance::start().await;
    let others = [instance.another_process().await, instance.another_process().await];
    let steps: Vec<Step> = (0..60).map(|_| Step::new(Does::Nothing)).collect();
    for step in &steps {
        enqueue_step(&instance.app, step).await;
    }
    let work = async |app: &App| {
        let mut count = 0;
        loop {
            match run_due(app).await {
                0 => return count,
                some => count += some,
            }
        }
    };
    let counts = join_all([&instance.app, &others[0], &others[1]].map(work)).await;
    assert_eq!(counts.iter().sum::<usize>(), steps.len(), "{counts:?}");
    for step in &steps {
        assert_eq!(effects(&instance, step).await, 1);
        assert_eq!(gate(&step.name).most_at_once(), 1);
    }
}

#[tokio::test]
async fn a_job_whose_worker_died_runs_again_and_has_its_effect_once() {
    let instance = Instance::start().await;
    let step = Step::new(Does::WaitOnce);
    let id = enqueue_step(&instance.app, &step).await;
    let app = instance.app.clone();
    let worker = tokio::spawn(async move { run_due(&app).await });
    gate(&step.name).entered().await;
    worker.abort();
    assert!(worker.await.unwrap_err().is_cancelled());

    let other = instance.another_process().await;
    assert_eq!(run_due(&other).await, 0, "the lease has not ended");
    instance.advance(LEASE);
    assert_eq!(run_due(&other).await, 1);
    let job = job(&other, id).await;
    assert_eq!((job.state.as_str(), job.attempts), ("done", 2));
    assert_eq!(effects(&instance, &step).await, 1);
}

#[tokio::test]
async fn stale_worker_attack_who_lost_the_lease_completes_nothing() {
    let instance = Instance::start().await;
    let other = instance.another_process().await;
    let step = Step::new(Does::WaitOnce);
    let id = enqueue_step(&instance.app, &step).await;
    let slow = async {
        assert_eq!(run_due(&instance.app).await, 1);
    };
    let takes_over = async {
        gate(&step.name).entered().await;
        instance.advance(LEASE);
        assert_eq!(run_due(&other).await, 1);
        assert_eq!(state(&other, id).await, "done");
        gate(&step.name).open();
    };
    tokio::join!(slow, takes_over);
    let job = job(&other, id).await;
    assert_eq!((job.state.as_str(), job.attempts), ("done", 2));
    assert_eq!(effects(&instance, &step).await, 1, "the slow one's is not kept");
}

#[tokio::test]
async fn a_job_that_fails_waits_within_its_bound_and_dies_after_its_last_attempt() {
    let instance = Instance::start().await;
    let step = Step::new(Does::Fail);
    let id = enqueue_step(&instance.app, &step).await;
    for (attempt, bound) in [(1, 10), (2, 15)] {
        assert_eq!(run_due(&instance.app).await, 1);
        let job = job(&instance.app, id).await;
        assert_eq!((job.state.as_str(), job.attempts), ("ready", attempt));
        assert_eq!(job.last_error.as_deref(), Some("the step failed"));
        let wait = job.due_at - instance.now();
        assert!(wait >= Duration::ZERO && wait <= Duration::seconds(bound), "{wait}");
        instance.advance(Duration::seconds(bound));
    }
    assert_eq!(run_due(&instance.app).await, 1);
    assert_eq!(state(&instance.app, id).await, "dead");
    instance.advance(Duration::days(30));
    assert_eq!(run_due(&instance.app).await, 0);
    agentidp::housekeeping::run(&instance.app).await.unwrap();
    assert_eq!(state(&instance.app, id).await, "dead", "it is kept");
    assert_eq!(effects(&instance, &step).await, 0);
}

#[tokio::test]
async fn a_dead_job_runs_again_when_somebody_says_so() {
    let instance = Instance::start().await;
    let (step, living) = (Step::new(Does::FailForGood), Step::new(Does::Fail));
    let id = enqueue_step(&instance.app, &step).await;
    let living = enqueue_step(&instance.app, &living).await;
    run_due(&instance.app).await;
    assert_eq!(state(&instance.app, id).await, "dead", "at the first attempt");
    let heal =
        format!("update jobs set payload = jsonb_set(payload, '{{does}}', '\"Nothing\"') where id = '{id}'");
    instance.execute(&heal).await;
    let mut tx = instance.app.db.system().await.unwrap();
    let retried = jobs::retry(&mut tx, Some(&[id, living]), instance.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(retried.iter().map(|job| job.id).collect::<Vec<_>>(), [id], "only the dead one");
    run_due(&instance.app).await;
    assert_eq!(state(&instance.app, id).await, "done");
    assert_eq!(effects(&instance, &step).await, 1);
}

#[tokio::test]
async fn a_panic_is_a_failure_of_the_job_alone() {
    let instance = Instance::start().await;
    let (panics, works) = (Step::new(Does::Panic), Step::new(Does::Nothing));
    let id = enqueue_step(&instance.app, &panics).await;
    enqueue_step(&instance.app, &works).await;
    assert_eq!(run_due(&instance.app).await, 2);
    let job = job(&instance.app, id).await;
    assert!(job.state == "ready" && job.last_error.unwrap().contains("panicked"));
    assert_eq!((effects(&instance, &panics).await, effects(&instance, &works).await), (0, 1));
}

#[tokio::test]
async fn a_job_that_takes_too_long_is_ended_and_leaves_no_effect() {
    let instance = Instance::start().await;
    let step = Step::new(Does::Hang);
    let id = enqueue(&instance.app, NewJob::new(&Hurried(step.clone()))).await.unwrap();
    assert_eq!(run_due(&instance.app).await, 1);
    let job = job(&instance.app, id).await;
    assert!(job.state == "ready" && job.last_error.unwrap().contains("longer than"));
    assert_eq!(effects(&instance, &step).await, 0);
}

#[tokio::test]
async fn poison_attack_a_job_that_takes_its_workers_with_it_dies_in_the_end() {
    let instance = Instance::start().await;
    let step = Step::new(Does::Hang);
    let id = enqueue_step(&instance.app, &step).await;
    for _ in 0..Step::MAX_ATTEMPTS {
        let app = instance.app.clone();
        let worker = tokio::spawn(async move { run_due(&app).await });
        gate(&step.name).entered().await;
        worker.abort();
        let _ = worker.await;
        instance.advance(LEASE);
    }
    assert_eq!(run_due(&instance.app).await, 1);
    assert_eq!(state(&instance.app, id).await, "dead");
}

#[tokio::test]
async fn a_job_does_not_run_before_its_time() {
    let instance = Instance::start().await;
    let step = Step::new(Does::Nothing);
    let at = instance.now() + Duration::minutes(5);
    enqueue(&instance.app, NewJob::new(&step).at(at)).await.unwrap();
    assert_eq!(run_due(&instance.app).await, 0);
    instance.advance(Duration::minutes(5));
    assert_eq!(run_due(&instance.app).await, 1);
}

#[tokio::test]
async fn of_jobs_with_one_key_one_waits_and_another_may_follow_when_it_is_done() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let organization: OrganizationId = tenant.uuid().into();
    let step = Step::new(Does::Nothing);
    let keyed = || NewJob::new(&step).once("key");
    assert!(enqueue(&instance.app, keyed()).await.is_some());
    assert!(enqueue(&instance.app, keyed()).await.is_none());
    assert!(enqueue(&instance.app, NewJob::new(&step).once("other key")).await.is_some());
    assert!(enqueue(&instance.app, keyed().of(organization)).await.is_some(), "another organization's");
    while run_due(&instance.app).await > 0 {}
    assert!(enqueue(&instance.app, keyed()).await.is_some());
}

#[tokio::test]
async fn jobs_of_kinds_a_worker_does_not_know_are_left_to_others() {
    let instance = Instance::start().await;
    let id = enqueue(&instance.app, NewJob::new(&Recurring {})).await.unwrap();
    assert_eq!(run_due(&instance.app).await, 0);
    assert_eq!(state(&instance.app, id).await, "ready");
}

#[tokio::test]
async fn a_job_of_an_organization_runs_as_that_organization() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let organization: OrganizationId = tenant.uuid().into();
    let mut tx = instance.app.db.tenant(organization).await.unwrap();
    let new = NewJob::new(&OfTenant {}).of(organization).once("key");
    let id = jobs::enqueue(&mut tx, &instance.app, new).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(run_due(&instance.app).await, 1);
    let done = job(&instance.app, id).await;
    assert_eq!((done.state.as_str(), done.organization_id), ("done", Some(tenant.uuid())));

    let id = enqueue(&instance.app, NewJob::new(&OfTenant {})).await.unwrap();
    run_due(&instance.app).await;
    assert_eq!(state(&instance.app, id).await, "dead", "it belongs to nobody");
}

#[tokio::test]
async fn forged_job_attack_an_organization_asks_for_its_own_work_and_says_of_none_that_it_is_done() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let (one, other) =
        (platform.create_organization("free").await, platform.create_organization("free").await);
    let id = enqueue(&instance.app, NewJob::new(&OfTenant {}).of(one.uuid().into())).await.unwrap();
    for organization in [Some(OrganizationId::new(other.uuid())), None] {
        let mut tx = instance.app.db.tenant(one.uuid().into()).await.unwrap();
        let new = organization.map_or(NewJob::new(&OfTenant {}), |other| NewJob::new(&OfTenant {}).of(other));
        let refused = jobs::enqueue(&mut tx, &instance.app, new).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("42501"));
    }
    let mut connection = instance.database.login().await;
    let begin = format!(
        "begin; set local role agentidp_app; select set_config('app.organization_id', '{}', true)",
        one.organization_id
    );
    execute(&mut connection, &begin).await;
    for statement in [
        format!("update jobs set state = 'done' where id = '{id}'"),
        format!("delete from jobs where id = '{id}'"),
        format!(
            "insert into jobs (id, organization_id, kind, payload, due_at, created_at, state)
             values (gen_random_uuid(), '{}', 'x', '{{}}', now(), now(), 'done')",
            one.organization_id
        ),
        "select * from job_schedules".into(),
    ] {
        assert_eq!(refusal(&mut connection, &statement).await, "42501", "{statement}");
    }
}

#[tokio::test]
async fn each_slot_of_a_schedule_gets_one_job_whoever_leads() {
    let instance = Instance::start().await;
    let others = [instance.another_process().await, instance.another_process().await];
    let registry = Registry::default().every::<Recurring>(Some(Wait::from_mins(10)));
    for slots in 1..=5 {
        let leaders = [&instance.app, &others[0], &instance.app, &others[1]];
        let outcomes = join_all(leaders.map(|app| jobs::enqueue_due(app, &registry))).await;
        let enqueued: usize = outcomes.into_iter().map(|outcome| outcome.unwrap().unwrap_or(0)).sum();
        assert_eq!(enqueued, 1, "slot {slots}");
        while jobs::run_due(&instance.app, &registry).await.unwrap() > 0 {}
        instance.advance(Duration::minutes(9));
        for app in [&instance.app, &others[0]] {
            assert_eq!(jobs::enqueue_due(app, &registry).await.unwrap(), Some(0), "the slot had its job");
        }
        let all = "select count(*) from jobs where kind = 'test.recurring' and state = 'done'";
        assert_eq!(instance.number(all).await, slots);
        instance.advance(Duration::minutes(1));
    }
}

#[tokio::test]
async fn a_leader_that_dies_before_it_commits_leaves_the_slot_to_the_next() {
    let instance = Instance::start().await;
    let other = instance.another_process().await;
    let registry = Registry::default().every::<Recurring>(Some(Wait::from_mins(10)));
    let mut dead = instance.superuser().await;
    execute(
        &mut dead,
        "begin; select pg_advisory_xact_lock(x'73636865'::bigint);
         insert into job_schedules values ('test.recurring', '2030-01-15 12:00:00Z')",
    )
    .await;
    assert_eq!(jobs::enqueue_due(&other, &registry).await.unwrap(), None, "another leads");
    drop(dead);
    // The server notices the lost connection in its own time.
    let enqueued = loop {
        if let Some(enqueued) = jobs::enqueue_due(&other, &registry).await.unwrap() {
            break enqueued;
        }
    };
    assert_eq!(enqueued, 1);
}

#[tokio::test]
async fn slots_that_nobody_was_there_for_are_made_up_for_once_and_never_pile_up() {
    let instance = Instance::start().await;
    let registry = Registry::default().every::<Recurring>(Some(Wait::from_mins(10)));
    assert_eq!(jobs::enqueue_due(&instance.app, &registry).await.unwrap(), Some(1));
    for _ in 0..3 {
        instance.advance(Duration::days(1));
        assert_eq!(
            jobs::enqueue_due(&instance.app, &registry).await.unwrap(),
            Some(0),
            "the first still waits"
        );
    }
    while jobs::run_due(&instance.app, &registry).await.unwrap() > 0 {}
    instance.advance(Duration::days(1));
    assert_eq!(jobs::enqueue_due(&instance.app, &registry).await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_process_that_stops_gives_back_what_it_does_not_finish() {
    let instance = Instance::start_with(|settings| settings.with("AGENTIDP_SHUTDOWN_SECONDS", "1")).await;
    let step = Step::new(Does::WaitOnce);
    let id = enqueue_step(&instance.app, &step).await;
    jobs::spawn(&instance.app, kinds());
    gate(&step.name).entered().await;
    stop(&instance.app).await;
    let released = job(&instance.app, id).await;
    assert_eq!((released.state.as_str(), released.attempts), ("ready", 0), "no attempt was used up");
    assert_eq!(effects(&instance, &step).await, 0);
}

#[tokio::test]
async fn a_process_that_stops_finishes_what_it_can() {
    let instance = Instance::start().await;
    let step = Step::new(Does::WaitOnce);
    let id = enqueue_step(&instance.app, &step).await;
    jobs::spawn(&instance.app, kinds());
    gate(&step.name).entered().await;
    instance.app.shutdown.cancel();
    gate(&step.name).open();
    instance.app.tasks.close();
    instance.app.tasks.wait().await;
    assert_eq!(state(&instance.app, id).await, "done");
    assert_eq!(effects(&instance, &step).await, 1);
}

#[tokio::test]
async fn a_lease_is_renewed_while_the_work_goes_on() {
    let instance = Instance::start_with(|settings| settings.with("AGENTIDP_JOB_LEASE_SECONDS", "1")).await;
    let other = instance.another_process().await;
    let step = Step::new(Does::WaitOnce);
    let id = enqueue_step(&instance.app, &step).await;
    let work = run_due(&instance.app);
    let watch = async {
        gate(&step.name).entered().await;
        let first = job(&other, id).await.due_at;
        instance.advance(Duration::milliseconds(900));
        while job(&other, id).await.due_at <= first {}
        instance.advance(Duration::milliseconds(900));
        assert_eq!(run_due(&other).await, 0);
        gate(&step.name).open();
    };
    let (count, ()) = tokio::join!(work, watch);
    assert_eq!(count, 1);
    let done = job(&other, id).await;
    assert_eq!((done.state.as_str(), done.attempts), ("done", 1));
}

async fn stop(app: &App) {
    app.shutdown.cancel();
    app.tasks.close();
    app.tasks.wait().await;
}

#[tokio::test]
async fn a_waiting_worker_hears_of_a_job_when_its_transaction_commits() {
    let instance = Instance::start().await;
    jobs::spawn(&instance.app, kinds());
    let started = Instant::now();
    for _ in 0..30 {
        let step = Step::new(Does::Nothing);
        enqueue_step(&instance.app, &step).await;
        gate(&step.name).entered().await;
    }
    // Polling once a second, it would be thirty.
    assert!(started.elapsed() < Wait::from_secs(15), "{:?}", started.elapsed());
    stop(&instance.app).await;
}

#[tokio::test]
async fn a_worker_that_cannot_listen_finds_jobs_by_itself() {
    let instance = Instance::start().await;
    jobs::spawn(&instance.app, kinds());
    let deaf = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and query like 'LISTEN%'";
    while instance.number(deaf).await == 0 {}
    let step = Step::new(Does::Nothing);
    enqueue_step(&instance.app, &step).await;
    gate(&step.name).entered().await;
    stop(&instance.app).await;
    assert_eq!(effects(&instance, &step).await, 1);
}
