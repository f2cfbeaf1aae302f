//! Running dead jobs again is a change like any other: it is recorded where its organization sees it.

use agentidp::dead_letters::{self, RetryError};
use agentidp::infra::jobs::{self, JobFilter};
use uuid::Uuid;

use crate::support::{Instance, Tenant};

async fn dead_job(instance: &Instance, of: Option<&Tenant>) -> Uuid {
    let id = instance.app.new_id();
    let of = of.map_or("null".to_owned(), |tenant| format!("'{}'", tenant.organization_id));
    instance
        .execute(&format!(
            "insert into jobs (id, organization_id, kind, payload, state, attempts, due_at, created_at, finished_at)
             values ('{id}', {of}, 'gone', '{{}}', 'dead', 12, now(), now(), now())"
        ))
        .await;
    id
}

async fn dead(instance: &Instance) -> Vec<Uuid> {
    let mut tx = instance.app.db.system().await.unwrap();
    let filter = JobFilter { state: Some("dead".into()), kind: Some("gone".into()) };
    jobs::list(&mut tx, &filter).await.unwrap().into_iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn it_is_recorded_in_the_log_of_whose_job_it_is() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let tenant = platform.create_organization("free").await;
    let (theirs, ours) = (dead_job(&instance, Some(&tenant)).await, dead_job(&instance, None).await);
    dead_letters::retry(&instance.app, None).await.unwrap();
    assert!(dead(&instance).await.is_empty());
    for (who, job) in [(&tenant, theirs), (&platform, ours)] {
        let events = who.events("job.retried").await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["metadata"]["jobId"], job.to_string());
    }
}

#[tokio::test]
async fn with_an_id_that_is_not_dead_nothing_is_changed() {
    let instance = Instance::start().await;
    let id = dead_job(&instance, None).await;
    let unknown = instance.app.new_id();
    let refused = dead_letters::retry(&instance.app, Some(&[id, unknown])).await.unwrap_err();
    assert!(matches!(refused, RetryError::NotDead(ids) if ids == [unknown]));
    assert_eq!(dead(&instance).await, [id]);
    dead_letters::retry(&instance.app, Some(&[id])).await.unwrap();
    assert!(dead(&instance).await.is_empty());
    assert_eq!(instance.number("select attempts::bigint from jobs where kind = 'gone'").await, 0);
}
