//! Processes that run jobs: how they hear of them, keep them, and stop.

use super::*;

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
