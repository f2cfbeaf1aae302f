//! Scopes that change, and what becomes of the tokens that hold them.

use serde_json::json;
use time::Duration;

use crate::delegation::{claims, delegate};
use crate::support::{Agent, Answer, Instance, Tenant};

const HELD: [&str; 3] = ["agents:read", "audit:read", "tokens:read"];

async fn set(tenant: &Tenant, agent: &Agent, scopes: &[&str]) -> Answer {
    tenant.api.put(&format!("{}/scopes", agent.path()), &json!({"scopes": scopes})).await
}

async fn token(tenant: &Tenant, agent: &Agent, scope: &str) -> String {
    let asked = [("grant_type", "client_credentials"), ("scope", scope)];
    let answer = tenant.api.with_basic(&agent.id, &agent.secret).form("/oauth2/token", &asked).await;
    answer.expect(200).text("access_token")
}

#[tokio::test]
async fn reduced_scopes_end_the_tokens_that_hold_more_and_no_others() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&HELD).await;
    let (more, less) =
        (token(&tenant, &agent, "agents:read audit:read").await, token(&tenant, &agent, "agents:read").await);
    let changed = set(&tenant, &agent, &["agents:read", "tokens:read"]).await.expect(200).json();
    assert_eq!(changed["scopes"], json!(["agents:read", "tokens:read"]));
    assert!(!tenant.is_active(&more).await);
    assert!(tenant.is_active(&less).await);
    tenant.api.with_token(&more).get(&agent.path()).await.expect(401);
    tenant.api.with_token(&less).get(&agent.path()).await.expect(200);
    let event = tenant.events("agent.scopes_changed").await.remove(0);
    assert_eq!(
        (&event["metadata"]["removed"], &event["metadata"]["added"]),
        (&json!(["audit:read"]), &json!([]))
    );
    // A new token lives, within the same second too.
    let next = token(&tenant, &agent, "agents:read tokens:read").await;
    assert!(tenant.is_active(&next).await);
}

#[tokio::test]
async fn resurrection_attack_giving_a_scope_back_does_not_wake_old_tokens() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&HELD).await;
    let old = token(&tenant, &agent, "audit:read").await;
    set(&tenant, &agent, &["agents:read"]).await.expect(200);
    set(&tenant, &agent, &HELD).await.expect(200);
    assert!(!tenant.is_active(&old).await);
    // Nor does taking another away.
    instance.advance(Duration::seconds(2));
    set(&tenant, &agent, &["agents:read", "audit:read"]).await.expect(200);
    assert!(!tenant.is_active(&old).await);
    let new = token(&tenant, &agent, "audit:read").await;
    assert!(tenant.is_active(&new).await);
}

#[tokio::test]
async fn resurrection_attack_an_earlier_limit_holds_as_long_as_a_token_under_it_is_accepted() {
    let instance =
        Instance::start_with(|settings| settings.with("AGENTIDP_TOKEN_TTL_SECONDS", "86400")).await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&HELD).await;
    let (old, less) =
        (token(&tenant, &agent, "agents:read audit:read").await, token(&tenant, &agent, "agents:read").await);
    set(&tenant, &agent, &["agents:read"]).await.expect(200);
    set(&tenant, &agent, &HELD).await.expect(200);
    // Past its end, and within the clock difference that is forgiven.
    instance.advance(Duration::seconds(86_405));
    let tenant = tenant.again().await;
    assert!(!tenant.is_active(&old).await);
    set(&tenant, &agent, &["agents:read", "audit:read"]).await.expect(200);
    assert!(!tenant.is_active(&old).await);
    assert!(tenant.is_active(&less).await);
}

#[tokio::test]
async fn escalation_attack_nobody_gives_what_it_does_not_hold() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let manager = tenant.create_agent(&["agents:read", "agents:write"]).await;
    tenant.set_role(&manager, "manager").await;
    let agent = tenant.create_agent(&["agents:read", "audit:read"]).await;
    let api = manager.log_in(&tenant.api).await;
    let path = format!("{}/scopes", agent.path());
    let more = json!({"scopes": ["agents:read", "audit:read", "tokens:read"]});
    assert_eq!(api.put(&path, &more).await.expect(403).code(), "SCOPE_NOT_HELD");
    let own = format!("{}/scopes", manager.path());
    assert_eq!(api.put(&own, &json!({"scopes": ["admin:orgs"]})).await.expect(403).code(), "SCOPE_NOT_HELD");
    let unknown = api.put(&path, &json!({"scopes": ["no:such", "neither:this"]})).await.expect(400).json();
    assert_eq!(unknown["details"]["errors"].as_array().unwrap().len(), 2, "{unknown}");
    // The valid twins: what the agent has stays, what the caller holds is added.
    api.put(&path, &json!({"scopes": ["agents:write", "audit:read"]})).await.expect(200);
}

#[tokio::test]
async fn delegated_and_borrowed_tokens_die_with_the_scope_they_hold() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let (subject, other) =
        (tenant.create_agent(&HELD).await, tenant.create_agent(&["admin:orgs", "audit:read"]).await);
    tenant.set_role(&other, "admin").await;
    let root = token(&tenant, &subject, "agents:read audit:read").await;
    let with = delegate(&tenant.api, &root, &other, &["audit:read"]).await;
    let without = delegate(&tenant.api, &root, &other, &["agents:read"]).await;
    let asked = [("grant_type", "client_credentials"), ("agent_id", &*subject.id)];
    let borrowed = tenant.api.with_basic(&other.id, &other.secret).form("/oauth2/token", &asked).await;
    let borrowed = borrowed.expect(200).text("access_token");
    assert_eq!(claims(&borrowed)["scope"], "audit:read");
    // What the borrower may ask for itself bounds what it borrows, and not what is delegated to it.
    set(&tenant, &other, &["admin:orgs"]).await.expect(200);
    assert!(!tenant.is_active(&borrowed).await);
    assert!(tenant.is_active(&with).await);
    set(&tenant, &subject, &["agents:read"]).await.expect(200);
    assert!(!tenant.is_active(&with).await);
    assert!(tenant.is_active(&without).await);
}
