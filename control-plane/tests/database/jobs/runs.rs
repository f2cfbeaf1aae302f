//! One job: when it runs, how often, and what is left of it.

use super::*;

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
