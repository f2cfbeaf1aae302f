//! Logins and tokens of many at once: each is answered and written down as if it had been alone.

use futures_util::future::join_all;

use crate::support::{Agent, Instance, Tenant};

/// Agents of three organizations.
async fn scene(instance: &Instance) -> Vec<(Tenant, Vec<Agent>)> {
    let platform = instance.platform().await;
    let mut scene = Vec::new();
    for _ in 0..3 {
        let tenant = platform.create_organization("enterprise").await;
        let mut agents = Vec::new();
        for _ in 0..4 {
            agents.push(tenant.create_agent(&["agents:read"]).await);
        }
        scene.push((tenant, agents));
    }
    scene
}

async fn count_of(instance: &Instance, table: &str, column: &str, id: &str) -> i64 {
    instance.number(&format!("select count(*) from {table} where {column} = '{id}'")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_many_organizations_issued_at_once_are_each_recorded_under_their_own() {
    let instance = Instance::start().await;
    let scene = scene(&instance).await;
    let requests = scene.iter().flat_map(|(tenant, agents)| {
        agents.iter().flat_map(move |agent| (0..5).map(move |_| agent.ask_token(&tenant.api)))
    });
    let answers = join_all(requests).await;
    assert_eq!(answers.len(), 60);
    for answer in answers {
        answer.expect(200);
    }
    for (tenant, agents) in &scene {
        for agent in agents {
            let issued = format!(
                "select count(*) from audit_events where action = 'token.issued' and agent_id = '{}'
                 and organization_id = '{}' and metadata->>'actorId' = '{}'",
                agent.id, tenant.organization_id, agent.id
            );
            assert_eq!(instance.number(&issued).await, 5);
            assert_eq!(count_of(&instance, "status_list_entries", "agent_id", &agent.id).await, 5);
        }
        let counted = format!(
            "select sum(count)::bigint from usage_counters where metric = 'tokens' and organization_id = '{}'",
            tenant.organization_id
        );
        // And the administrator's own.
        assert_eq!(instance.number(&counted).await, 21);
    }
    assert_eq!(
        instance.number("select count(*) from audit_events where action = 'token.issued'").await,
        instance.number("select count(*) from status_list_entries").await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_among_right_ones_is_refused_and_no_other() {
    let instance = Instance::start().await;
    let scene = scene(&instance).await;
    let logins = scene.iter().flat_map(|(tenant, agents)| {
        let others_secret = &agents[1].secret;
        agents.iter().zip(0..).map(move |(agent, number)| async move {
            let secret = if number == 0 { others_secret } else { &agent.secret };
            let form =
                [("grant_type", "client_credentials"), ("client_id", &agent.id), ("client_secret", secret)];
            let answer = tenant.api.form("/oauth2/token", &form).await;
            answer.expect(if number == 0 { 401 } else { 200 });
        })
    });
    join_all(logins).await;
    for (_, agents) in &scene {
        for (agent, issued) in agents.iter().zip([0, 1, 1, 1]) {
            assert_eq!(count_of(&instance, "status_list_entries", "agent_id", &agent.id).await, issued);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_database_refuses_to_record_is_not_given_out_and_the_others_are() {
    let instance = Instance::start().await;
    let scene = scene(&instance).await;
    let refused = &scene[1].1[2];
    let constraint = format!(
        "alter table status_list_entries add constraint planted check (agent_id <> '{}')",
        refused.id
    );
    instance.execute(&constraint).await;
    let requests = scene.iter().flat_map(|(tenant, agents)| {
        agents.iter().map(move |agent| async move {
            let answer = agent.ask_token(&tenant.api).await;
            answer.expect(if agent.id == refused.id { 500 } else { 200 });
        })
    });
    join_all(requests).await;
    for agent in scene.iter().flat_map(|(_, agents)| agents) {
        let issued = i64::from(agent.id != refused.id);
        assert_eq!(count_of(&instance, "status_list_entries", "agent_id", &agent.id).await, issued);
        let events = format!(
            "select count(*) from audit_events where action = 'token.issued' and agent_id = '{}'",
            agent.id
        );
        assert_eq!(instance.number(&events).await, issued);
    }
    instance.execute("alter table status_list_entries drop constraint planted").await;
}
