//! The first administrator, however many processes begin at once.

use agentidp::bootstrap;
use futures_util::future::join_all;

use crate::support::{Agent, Instance};

#[tokio::test]
async fn processes_that_bootstrap_at_once_make_one_organization_and_one_administrator() {
    let instance = Instance::start().await;
    let (second, third) = (instance.another_process().await, instance.another_process().await);
    let apps = [&instance.app, &second, &third, &instance.app, &second];
    let made: Vec<_> =
        join_all(apps.map(|app| bootstrap::run(app, false))).await.into_iter().map(Result::unwrap).collect();
    let who = |made: &bootstrap::Bootstrap| (made.organization_id, made.agent_id);
    assert!(made.iter().all(|one| who(one) == who(&made[0])));
    assert_eq!(
        made.iter().filter(|made| made.credential.is_some()).count(),
        1,
        "one of them shows the secret"
    );
    for (table, rows) in
        [("organizations", 1), ("agents", 1), ("organization_members", 1), ("credentials", 1)]
    {
        assert_eq!(instance.number(&format!("select count(*) from {table}")).await, rows, "{table}");
    }
    assert_eq!(instance.number("select count(*) from audit_events").await, 2, "the agent and its credential");
}

#[tokio::test]
async fn renewing_gives_a_further_credential_and_leaves_the_first() {
    let instance = Instance::start().await;
    let first = bootstrap::run(&instance.app, false).await.unwrap();
    let again = bootstrap::run(&instance.app, false).await.unwrap();
    assert!(again.credential.is_none(), "nothing to do");
    let second = bootstrap::run(&instance.app, true).await.unwrap();
    assert_eq!((first.organization_id, first.agent_id), (second.organization_id, second.agent_id));
    let (one, other) = (first.credential.unwrap(), second.credential.unwrap());
    assert_ne!(one.0, other.0);
    for (credential_id, secret) in [one, other] {
        let agent = Agent {
            id: first.agent_id.to_string(),
            email: String::new(),
            credential_id: credential_id.to_string(),
            secret: secret.expose().clone(),
        };
        let api = agent.log_in(&instance.api()).await;
        api.get("/api/v1/organizations").await.expect(200);
    }
}

#[tokio::test]
async fn renewals_at_once_all_count() {
    let instance = Instance::start().await;
    let renewals = join_all((0..4).map(|_| bootstrap::run(&instance.app, true))).await;
    for renewed in renewals {
        let renewed = renewed.unwrap();
        let secret = renewed.credential.unwrap().1;
        instance.api().token(&renewed.agent_id.to_string(), secret.expose()).await.expect(200);
    }
    assert_eq!(instance.number("select count(*) from organizations").await, 1);
}
