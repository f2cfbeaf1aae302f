//! Jobs that come back.

use super::*;

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
