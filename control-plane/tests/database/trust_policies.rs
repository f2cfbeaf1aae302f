//! What of trust policies needs a look at the log and the tables: events in the same transaction, what is forgotten, and what
//! is refused to whoever holds less.

use serde_json::json;
use time::Duration;

use crate::support::{Instance, Tenant, new_agent};

const PATH: &str = "/api/v1/oidc/trust-policies";

async fn trust(tenant: &Tenant, agent: Option<&str>) -> String {
    let body =
        json!({"provider": "github", "repository": "octo-org/octo-repo", "branch": "main", "agentId": agent});
    tenant.api.post(PATH, &body).await.expect(201).text("policyId")
}

#[tokio::test]
async fn a_policy_is_shown_with_the_audience_that_tokens_must_name() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let id = trust(&tenant, Some(&agent.id)).await;
    let list = tenant.api.get(PATH).await.expect(200).json();
    let shown = &list["data"][0];
    assert_eq!((list["total"].as_u64(), &shown["policyId"]), (Some(1), &json!(id)));
    assert_eq!(shown["audience"], format!("https://id.example/organizations/{}", tenant.organization_id));
    assert_eq!(shown["issuer"], "https://token.actions.githubusercontent.com");
    assert_eq!((&shown["ref"], &shown["agentId"]), (&json!("refs/heads/main"), &json!(agent.id)));
    assert_eq!(shown["pinned"], json!({}));
}

#[tokio::test]
async fn making_and_ending_a_policy_is_in_the_log() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let id = trust(&tenant, Some(&agent.id)).await;
    tenant.api.delete(&format!("{PATH}/{id}")).await.expect(204);
    for action in ["oidc.trust_policy_created", "oidc.trust_policy_deleted"] {
        let events = tenant.events(action).await;
        assert_eq!(events.len(), 1, "{action}");
        assert_eq!(events[0]["agentId"], agent.id);
        assert_eq!(events[0]["metadata"]["policyId"], id);
        assert_eq!(events[0]["metadata"]["actorId"], tenant.admin.id);
    }
    tenant.api.delete(&format!("{PATH}/{id}")).await.expect(404);
    assert_eq!(tenant.api.get(PATH).await.expect(200).json()["total"], 0);
}

#[tokio::test]
async fn a_policy_without_agent_has_one_that_goes_with_it() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let id = trust(&tenant, None).await;
    let made = tenant.api.get("/api/v1/agents?q=Registers").await.expect(200).json();
    let agent = made["data"][0]["agentId"].as_str().unwrap().to_owned();
    assert_eq!(made["data"][0]["scopes"], json!(["agents:write"]));
    tenant.api.delete(&format!("{PATH}/{id}")).await.expect(204);
    let gone = tenant.api.get(&format!("/api/v1/agents/{agent}")).await.expect(200);
    assert_eq!(gone.text("status"), "decommissioned");
    assert_eq!(
        instance.number(&format!("select count(*) from agent_did_keys where agent_id = '{agent}' and private_key_ciphertext <> ''")).await,
        0
    );
}

#[tokio::test]
async fn a_policy_of_an_agent_counts_neither_as_agent_nor_ends_it() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let id = trust(&tenant, Some(&agent.id)).await;
    tenant.api.delete(&format!("{PATH}/{id}")).await.expect(204);
    agent.token(&tenant.api).await;
}

#[tokio::test]
async fn borrowed_power_attack_nobody_trusts_a_workload_for_an_agent_that_may_do_more_than_he() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let strong = tenant.create_agent(&["admin:orgs", "audit:read"]).await;
    let weak = tenant.create_agent(&["admin:orgs"]).await;
    tenant.set_role(&weak, "admin").await;
    let weak = weak.log_in(&tenant.api).await;
    let body = json!({"provider": "github", "repository": "octo-org/octo-repo", "agentId": strong.id});
    assert_eq!(weak.post(PATH, &body).await.expect(403).code(), "SCOPE_NOT_HELD");
    let owner = json!({"provider": "github", "repository": "octo-org/octo-repo", "agentId": tenant.admin.id});
    weak.post(PATH, &owner).await.expect(403);
    tenant.api.post(PATH, &body).await.expect(201);
}

#[tokio::test]
async fn a_repeated_request_makes_one_policy() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let api = tenant.api.with("idempotency-key", "once");
    let body = json!({"provider": "github", "repository": "octo-org/octo-repo"});
    let first = api.post(PATH, &body).await.expect(201);
    assert_eq!(api.post(PATH, &body).await.expect(201).body, first.body);
    assert_eq!(tenant.api.get(PATH).await.expect(200).json()["total"], 1);
}

#[tokio::test]
async fn an_agent_that_only_registers_counts_as_one_of_the_tier() {
    let instance = Instance::start().await;
    let tenant = instance.platform().await.create_organization("free").await;
    let mut refused = None;
    for _ in 0..200 {
        let answer = tenant.api.post("/api/v1/agents", &new_agent()).await;
        if answer.status == 403 {
            refused = Some(answer);
            break;
        }
    }
    assert_eq!(refused.expect("the free tier has a limit").code(), "TIER_LIMIT");
    let body = json!({"provider": "github", "repository": "octo-org/octo-repo"});
    assert_eq!(tenant.api.post(PATH, &body).await.expect(403).code(), "TIER_LIMIT");
}

#[tokio::test]
async fn used_tokens_are_forgotten_when_they_have_expired() {
    let instance = Instance::start().await;
    instance
        .execute(&format!(
            "insert into used_outside_tokens (used_by, expires_at) values ('\\x01', '{0}'), ('\\x02', '{1}')",
            instance.now() - Duration::minutes(11),
            instance.now() - Duration::minutes(9)
        ))
        .await;
    agentidp::housekeeping::run(&instance.app).await.unwrap();
    assert_eq!(instance.number("select count(*) from used_outside_tokens").await, 1);
}

#[tokio::test]
async fn lending_attack_a_workload_registers_agents_only_if_who_trusts_it_may() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let body = json!({"provider": "github", "repository": "octo-org/octo-repo"});
    let agent = tenant.create_agent(&["admin:orgs"]).await;
    tenant.set_role(&agent, "admin").await;
    let narrowed = [("grant_type", "client_credentials"), ("scope", "admin:orgs")];
    let narrowed =
        tenant.api.with_basic(&tenant.admin.id, &tenant.admin.secret).form("/oauth2/token", &narrowed).await;
    let narrowed = tenant.api.with_token(&narrowed.expect(200).text("access_token"));
    for api in [agent.log_in(&tenant.api).await, narrowed] {
        assert_eq!(api.post(PATH, &body).await.expect(403).code(), "SCOPE_NOT_HELD");
    }
    tenant.api.post(PATH, &body).await.expect(201);
}
