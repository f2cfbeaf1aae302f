//! Ways to an API that the platform did not give, each beside the valid one.

use serde_json::json;

use super::{ORDERS, READ, WRITE, ask, scene};
use crate::support::{Agent, Tenant, new_agent};

async fn register(api: &crate::support::Api, scopes: &[&str]) -> crate::support::Answer {
    let mut body = new_agent();
    body["scopes"] = json!(scopes);
    api.post("/api/v1/agents", &body).await
}

#[tokio::test]
async fn new_organization_attack_its_first_administrator_gets_no_token_for_the_operators_own_api() {
    let (instance, platform, tenant) = scene().await;
    platform.create_resource(ORDERS, &[READ], &json!([])).await;
    let api = instance.api();
    let admin = &tenant.admin;
    for (parameters, error) in [
        (vec![("resource", ORDERS)], "invalid_target"),
        (vec![("scope", READ)], "invalid_scope"),
        (vec![("scope", READ), ("resource", ORDERS)], "invalid_scope"),
        (vec![("scope", "agents:read"), ("resource", ORDERS)], "invalid_target"),
    ] {
        assert_eq!(ask(&api, admin, &parameters).await.expect(400).text("error"), error, "{parameters:?}");
    }
    // Neither by an agent that it registers, nor by what it lets itself have.
    let refused = register(&tenant.api, &[READ]).await.expect(400);
    let unheard = register(&tenant.api, &["unheard:of"]).await.expect(400);
    assert_eq!(
        refused.body.replace(READ, "S"),
        unheard.body.replace("unheard:of", "S"),
        "it learns of no API"
    );

    platform.let_have(&tenant, &json!({"allowedResources": [ORDERS], "allowedScopes": [READ]})).await;
    let agent = tenant.create_agent(&[READ]).await;
    let answer = ask(&api, &agent, &[("scope", READ), ("resource", ORDERS)]).await.expect(200);
    assert_eq!(answer.text("scope"), READ);
}

#[tokio::test]
async fn redefinition_attack_no_api_has_a_scope_of_the_management_api() {
    let (_instance, platform, _tenant) = scene().await;
    for scope in
        ["admin:orgs", "agents:write", "openid", "platform:write", "platform:anything", "billing:write"]
    {
        let body = json!({"identifier": ORDERS, "name": "x", "scopes": [{"name": scope}]});
        let refused = platform.api.post("/api/v1/resources", &body).await.expect(400);
        assert_eq!(super::bad_fields(&refused), ["scopes[0].name"], "{scope}");
    }
    platform.create_resource(ORDERS, &["agents:readx", "Agents:read"], &json!([])).await;
}

#[tokio::test]
async fn platform_only_attack_an_organizations_owner_changes_no_api() {
    let (_instance, platform, tenant) = scene().await;
    let id = platform.create_resource(ORDERS, &[READ], &json!([tenant.organization_id])).await;
    let body = json!({"identifier": "https://mine.example.com", "name": "x", "organizations": "all"});
    assert_eq!(tenant.api.post("/api/v1/resources", &body).await.expect(403).code(), "INSUFFICIENT_SCOPE");
    for path in
        [format!("/api/v1/resources/{id}"), "/api/v1/resources/0198c5a4-0000-7000-8000-00000000dead".into()]
    {
        let change = json!({"organizations": "all"});
        assert_eq!(tenant.api.patch(&path, &change).await.expect(403).code(), "INSUFFICIENT_SCOPE");
        assert_eq!(tenant.api.delete(&path).await.expect(403).code(), "INSUFFICIENT_SCOPE");
    }
    platform
        .api
        .patch(&format!("/api/v1/resources/{id}"), &json!({"organizations": "all"}))
        .await
        .expect(200);
}

/// Who gives what the organization may have, and who does not.
#[tokio::test]
async fn lending_attack_only_an_administrator_in_person_gives_what_the_organization_may_have() {
    let (instance, platform, tenant) = scene().await;
    platform.create_resource(ORDERS, &[READ], &json!([tenant.organization_id])).await;
    let api = instance.api();
    let narrowed =
        ask(&api, &tenant.admin, &[("scope", "agents:write")]).await.expect(200).text("access_token");
    let member = tenant.create_agent(&["agents:write", "admin:orgs"]).await;
    let holder = tenant.create_agent(&["agents:write", READ]).await;
    let lent = ask(&api, &tenant.admin, &[("agent_id", &member.id)]).await.expect(200).text("access_token");
    for (who, token) in [
        ("an owner's token without admin:orgs", narrowed),
        ("a member with admin:orgs and no role", member.token(&api).await),
        ("a token borrowed from a member", lent),
    ] {
        let refused = register(&api.with_token(&token), &[READ]).await.expect(403);
        assert_eq!(refused.code(), "SCOPE_NOT_HELD", "{who}");
    }
    // The owner; and whoever holds it.
    register(&tenant.api, &[READ]).await.expect(201);
    register(&api.with_token(&holder.token(&api).await), &[READ]).await.expect(201);
}

#[tokio::test]
async fn stale_grant_attack_a_scope_that_ended_is_issued_to_nobody() {
    let (instance, platform, tenant) = scene().await;
    platform.create_resource(ORDERS, &[READ, WRITE], &json!([])).await;
    platform.let_have(&tenant, &json!({"allowedScopes": [READ, WRITE]})).await;
    let agent = tenant.create_agent(&["agents:read", READ, WRITE]).await;
    // As if the agent had been overlooked.
    instance.execute("update organizations set allowed_scopes = '{orders:read}' where not is_system").await;
    let api = instance.api();
    assert_eq!(ask(&api, &agent, &[("scope", WRITE)]).await.expect(400).text("error"), "invalid_scope");
    assert_eq!(ask(&api, &agent, &[]).await.expect(200).text("scope"), format!("agents:read {READ}"));
    let root = ask(&api, &agent, &[]).await.expect(200).text("access_token");
    let exchanged = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("client_id", agent.id.as_str()),
        ("client_secret", agent.secret.as_str()),
        ("subject_token", root.as_str()),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ];
    api.form("/oauth2/token", &exchanged).await.expect(200);
    instance.execute("update organizations set allowed_scopes = '{}' where not is_system").await;
    assert_eq!(api.form("/oauth2/token", &exchanged).await.expect(400).text("error"), "invalid_scope");
    let body = json!({"delegateeId": tenant.admin.id, "scopes": [READ], "ttlSeconds": 60});
    let caller = api.with_token(&root);
    assert_eq!(caller.post("/oauth2/token/delegate", &body).await.expect(403).code(), "SCOPE_NOT_ALLOWED");
    instance.execute("update organizations set allowed_scopes = '{orders:read}' where not is_system").await;
    caller.post("/oauth2/token/delegate", &body).await.expect(201);
}

async fn grant(from: &Tenant, to: &Tenant) {
    let body = json!({"granteeId": to.organization_id, "scopes": [READ]});
    from.api.post("/api/v1/federation/grants", &body).await.expect(201);
}

#[tokio::test]
async fn lending_abroad_attack_an_organization_passes_an_api_on_to_none_that_may_not_have_it() {
    let (instance, platform, home) = scene().await;
    let other = platform.create_organization("enterprise").await;
    let id = platform.create_resource(ORDERS, &[READ], &json!([home.organization_id])).await;
    let subject: Agent = home.create_agent(&[READ]).await;
    let delegatee = other.create_agent(&["agents:read"]).await;
    // A grant is of what the caller holds.
    platform.let_have(&home, &json!({"allowedScopes": [READ]})).await;
    let owner = home.create_agent(&[READ, "admin:orgs"]).await;
    home.set_role(&owner, "admin").await;
    let home = Tenant { api: owner.log_in(&home.api).await, ..home };
    grant(&home, &other).await;
    grant_nothing(&other, &home).await;
    let body = json!({"delegateeId": delegatee.id, "scopes": [READ], "ttlSeconds": 600});
    let caller = home.api.with_token(&subject.token(&home.api).await);
    assert_eq!(caller.post("/oauth2/token/delegate", &body).await.expect(403).code(), "SCOPE_NOT_ALLOWED");

    let path = format!("/api/v1/resources/{id}");
    let both = json!({"organizations": [home.organization_id, other.organization_id]});
    platform.api.patch(&path, &both).await.expect(200);
    let token = caller.post("/oauth2/token/delegate", &body).await.expect(201).text("delegationToken");
    instance.sequence().await;
    let edge = instance.edge("osaka");
    assert!(edge.accepts(&edge.begin().await, &token));
    // What the other loses again, its agents lose with it.
    platform.api.patch(&path, &json!({"organizations": [home.organization_id]})).await.expect(200);
    instance.sequence().await;
    assert!(!edge.accepts(&edge.begin().await, &token));
}

async fn grant_nothing(from: &Tenant, to: &Tenant) {
    let body = json!({"granteeId": to.organization_id, "scopes": []});
    from.api.post("/api/v1/federation/grants", &body).await.expect(201);
}
