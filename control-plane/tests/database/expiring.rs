//! Credentials that will expire are told of: in time, and once.

use agentidp::app::job_kinds;
use agentidp::credentials::NoticeExpiring;
use agentidp::infra::jobs::{self, NewJob};
use futures_util::future::join_all;
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::support::{Agent, Instance, Tenant};

async fn expiring_in(instance: &Instance, tenant: &Tenant, agent: &Agent, days: i64) -> String {
    let expires_at = (instance.now() + Duration::days(days)).format(&Rfc3339).unwrap();
    let body = json!({"expiresAt": expires_at});
    let path = format!("{}/credentials", agent.path());
    tenant.api.post(&path, &body).await.expect(201).text("credentialId")
}

async fn told(tenant: &Tenant) -> Vec<Value> {
    tenant.again().await.events("credential.expiring").await
}

#[tokio::test]
async fn a_credential_is_told_of_once_for_each_threshold() {
    let instance =
        Instance::start_with(|settings| settings.with("AGENTIDP_CREDENTIAL_EXPIRY_DAYS", "14,3")).await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let soon = expiring_in(&instance, &tenant, &agent, 15).await;
    expiring_in(&instance, &tenant, &agent, 100).await;
    instance.run_schedules().await;
    assert_eq!(told(&tenant).await, Vec::<Value>::new(), "not yet");
    let mut after = vec![];
    for _ in 1..=16 {
        instance.advance(Duration::days(1));
        instance.run_schedules().await;
        after.push(told(&tenant).await.len());
    }
    assert_eq!(after, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    let events = told(&tenant).await;
    let thresholds: Vec<_> = events.iter().map(|event| &event["metadata"]["thresholdDays"]).collect();
    assert_eq!(thresholds, [3, 14]);
    for event in &events {
        assert_eq!(event["metadata"]["credentialId"], soon.as_str());
        assert_eq!(event["agentId"], agent.id.as_str());
        assert_eq!(event["metadata"]["expiresAt"], "2030-01-30T12:00:00.25Z");
    }
}

#[tokio::test]
async fn one_that_comes_under_several_thresholds_at_once_is_told_of_for_the_nearest() {
    let instance =
        Instance::start_with(|settings| settings.with("AGENTIDP_CREDENTIAL_EXPIRY_DAYS", "3,30,14")).await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    expiring_in(&instance, &tenant, &agent, 10).await;
    instance.run_schedules().await;
    let events = told(&tenant).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["metadata"]["thresholdDays"], 14);
}

#[tokio::test]
async fn revoked_and_expired_credentials_are_not_told_of_and_no_other_organization_is_told() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let (one, other) =
        (platform.create_organization("enterprise").await, platform.create_organization("enterprise").await);
    let agent = one.create_agent(&["agents:read"]).await;
    let revoked = expiring_in(&instance, &one, &agent, 10).await;
    one.api.delete(&format!("{}/credentials/{revoked}", agent.path())).await.expect(204);
    expiring_in(&instance, &one, &agent, 1).await;
    instance.advance(Duration::days(1));
    instance.run_schedules().await;
    assert_eq!((told(&one).await.len(), told(&other).await.len()), (0, 0));

    let one = one.again().await;
    expiring_in(&instance, &one, &agent, 10).await;
    instance.advance(Duration::days(1));
    instance.run_schedules().await;
    assert_eq!((told(&one).await.len(), told(&other).await.len()), (1, 0));
}

#[tokio::test]
async fn several_looks_at_once_and_more_than_fit_into_one_tell_of_each_once() {
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "8")).await;
    let other = instance.another_process().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let id = expiring_in(&instance, &tenant, &agent, 10).await;
    instance
        .execute(&format!(
            "insert into credentials (id, organization_id, agent_id, secret_hmac, hmac_key_id, expires_at, created_at)
             select gen_random_uuid(), organization_id, agent_id, sha256(n::text::bytea), hmac_key_id, expires_at, created_at
             from credentials, generate_series(1, 1200) n where id = '{id}'"
        ))
        .await;
    let mut tx = instance.app.db.system().await.unwrap();
    for _ in 0..4 {
        jobs::enqueue(&mut tx, &instance.app, NewJob::new(&NoticeExpiring {})).await.unwrap();
    }
    tx.commit().await.unwrap();
    let registry = job_kinds(&instance.app);
    let work = async |app| while jobs::run_due(app, &registry).await.unwrap() > 0 {};
    join_all([&instance.app, &other].map(work)).await;
    instance.run_schedules().await;
    assert_eq!(instance.number("select count(*) from credential_expiry_notices").await, 1_201);
    let events = "select count(*) from audit_events where action = 'credential.expiring'";
    assert_eq!(instance.number(events).await, 1_201);
    let twice = "select count(*) - count(distinct metadata ->> 'credentialId') from audit_events
                 where action = 'credential.expiring'";
    assert_eq!(instance.number(twice).await, 0);
}
