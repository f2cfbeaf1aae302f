//! What a change takes from agents, and what it leaves them.

use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::strict::decode_base64url;
use agentidp_shared::verify::{self, Expectation, Verdict};
use serde_json::{Value, json};

use super::{ORDERS, READ, WRITE, ask, lists_of, put, scene};
use crate::support::{Agent, ISSUER, Instance, Tenant};

const BOTH: [&str; 2] = [READ, WRITE];

/// What the agent holds now.
async fn scopes(tenant: &Tenant, agent: &Agent) -> Value {
    tenant.api.get(&agent.path()).await.expect(200).json()["scopes"].clone()
}

/// Whether the token is good by introspection; the edge is told alike.
async fn is_good(instance: &Instance, tenant: &Tenant, token: &str) -> bool {
    let good = tenant.is_active(token).await;
    instance.sequence().await;
    let state = instance.edge("osaka").begin().await;
    let claims = decode_base64url(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let expected =
        Expectation { issuer: ISSUER, audience: claims["aud"].as_str().unwrap(), scopes: &ScopeSet::empty() };
    let now = instance.now().unix_timestamp().unsigned_abs();
    let at_edge = verify::verify(token, &state.keys, &state.exceptions, now, &expected);
    assert_eq!(matches!(at_edge, Verdict::Accepted(_)), good, "{at_edge:?}");
    good
}

async fn token_for(instance: &Instance, agent: &Agent, parameters: &[(&str, &str)]) -> String {
    ask(&instance.api(), agent, parameters).await.expect(200).text("access_token")
}

#[tokio::test]
async fn a_scope_that_agents_hold_ends_only_if_the_request_says_so_and_their_tokens_with_it() {
    let (instance, platform, tenant) = scene().await;
    let id = platform.create_resource(ORDERS, &BOTH, &json!("all")).await;
    let path = format!("/api/v1/resources/{id}");
    let (holder, other) = (
        tenant.create_agent(&["agents:read", READ, WRITE]).await,
        tenant.create_agent(&["agents:read", READ]).await,
    );
    let token = token_for(&instance, &holder, &[("scope", WRITE), ("resource", ORDERS)]).await;
    let of_other = token_for(&instance, &other, &[("resource", ORDERS)]).await;

    let change = json!({"scopes": [{"name": READ}]});
    let refused = platform.api.patch(&path, &change).await.expect(409);
    assert_eq!(refused.code(), "SCOPES_HELD");
    let details = json!({"agents": 1, "organizations": 1, "scopes": [{"name": WRITE, "agents": 1}]});
    assert_eq!(refused.json()["details"], details);
    assert_eq!(scopes(&tenant, &holder).await, json!(["agents:read", READ, WRITE]));
    assert!(is_good(&instance, &tenant, &token).await);

    platform.api.patch(&format!("{path}?revokeHeld=true"), &change).await.expect(200);
    assert_eq!(scopes(&tenant, &holder).await, json!(["agents:read", READ]));
    assert!(!is_good(&instance, &tenant, &token).await);
    assert!(is_good(&instance, &tenant, &of_other).await, "it did not hold the scope");
    let events = tenant.events("agent.scopes_changed").await;
    assert_eq!((events.len(), &events[0]["agentId"]), (1, &json!(holder.id)));
    assert_eq!(events[0]["metadata"]["scopesTaken"], json!([WRITE]));
    // What is left is given as before.
    token_for(&instance, &holder, &[("scope", READ), ("resource", ORDERS)]).await;

    let refused = platform.api.delete(&path).await.expect(409);
    assert_eq!(refused.json()["details"]["agents"], 2);
    platform.api.delete(&format!("{path}?revokeHeld=true")).await.expect(204);
    assert!(!is_good(&instance, &tenant, &of_other).await);
    assert_eq!(scopes(&tenant, &other).await, json!(["agents:read"]));
    assert_eq!(
        ask(&instance.api(), &other, &[("resource", ORDERS)]).await.expect(400).text("error"),
        "invalid_target"
    );
}

#[tokio::test]
async fn an_api_that_stops_serving_an_organization_takes_back_its_tokens_and_not_those_of_others() {
    let (instance, platform, one) = scene().await;
    let two = platform.create_organization("enterprise").await;
    let id = platform.create_resource(ORDERS, &[READ], &json!("all")).await;
    let path = format!("/api/v1/resources/{id}?revokeHeld=true");
    let mut tokens = vec![];
    for tenant in [&one, &two] {
        // One has a scope of the API, and one only got a token for it.
        let holder = tenant.create_agent(&["agents:read", READ]).await;
        let caller = tenant.create_agent(&["agents:read"]).await;
        let idle = tenant.create_agent(&["agents:read"]).await;
        tokens.push([
            token_for(&instance, &holder, &[]).await,
            token_for(&instance, &caller, &[("resource", ORDERS)]).await,
            token_for(&instance, &idle, &[]).await,
        ]);
    }
    platform.api.patch(&path, &json!({"organizations": [two.organization_id]})).await.expect(200);
    let mut good = vec![];
    for (tenant, tokens) in [&one, &two].into_iter().zip(&tokens) {
        for token in tokens {
            good.push(is_good(&instance, tenant, token).await);
        }
    }
    assert_eq!(good, [false, false, true, true, true, true]);
}

#[tokio::test]
async fn what_the_platform_takes_from_an_organization_its_agents_hold_no_longer() {
    let (instance, platform, tenant) = scene().await;
    platform.create_resource(ORDERS, &BOTH, &json!([])).await;
    platform.let_have(&tenant, &json!({"allowedResources": [ORDERS], "allowedScopes": BOTH})).await;
    let holder = tenant.create_agent(&[READ, WRITE]).await;
    let token = token_for(&instance, &holder, &[("resource", ORDERS)]).await;
    let path = lists_of(&tenant);

    // More takes nothing.
    put(&platform.api, &path, &json!({"allowedScopes": ["*"]})).await.expect(200);
    assert!(is_good(&instance, &tenant, &token).await);
    let less = json!({"allowedScopes": [READ]});
    assert_eq!(put(&platform.api, &path, &less).await.expect(409).code(), "SCOPES_HELD");
    put(&platform.api, &format!("{path}?revokeHeld=true"), &less).await.expect(200);
    assert_eq!(scopes(&tenant, &holder).await, json!([READ]));
    assert!(!is_good(&instance, &tenant, &token).await);

    // The audience alone: no scope is taken, and so there is nothing to confirm.
    let token = token_for(&instance, &holder, &[("resource", ORDERS)]).await;
    put(&platform.api, &path, &json!({"allowedResources": []})).await.expect(200);
    assert_eq!(scopes(&tenant, &holder).await, json!([READ]));
    assert!(!is_good(&instance, &tenant, &token).await);
}

#[tokio::test]
async fn a_deleted_apis_names_leave_the_lists_so_that_a_later_one_of_these_names_is_nobodys() {
    let (instance, platform, tenant) = scene().await;
    let id = platform.create_resource(ORDERS, &[READ], &json!([])).await;
    platform.let_have(&tenant, &json!({"allowedResources": [ORDERS], "allowedScopes": [READ]})).await;
    platform.api.delete(&format!("/api/v1/resources/{id}")).await.expect(204);
    let lists = tenant.api.get(&lists_of(&tenant)).await.expect(200).json();
    assert_eq!(lists, json!({"allowedResources": [], "allowedScopes": []}));
    platform.create_resource(ORDERS, &[READ], &json!([])).await;
    assert_eq!(
        ask(&instance.api(), &tenant.admin, &[("resource", ORDERS)]).await.expect(400).text("error"),
        "invalid_target"
    );
}

#[tokio::test]
async fn an_api_keeps_its_identifier_and_can_change_all_else() {
    let (_instance, platform, tenant) = scene().await;
    let id = platform.create_resource(ORDERS, &[READ], &json!([])).await;
    let path = format!("/api/v1/resources/{id}");
    platform.api.patch(&path, &json!({"identifier": "https://other.example.com"})).await.expect(400);
    let change = json!({"name": "New", "scopes": [{"name": READ, "description": "Read"}, {"name": WRITE}], "organizations": "all"});
    let changed = platform.api.patch(&path, &change).await.expect(200).json();
    assert_eq!((&changed["name"], &changed["organizations"]), (&json!("New"), &json!("all")));
    assert_eq!(changed["scopes"][0], json!({"name": READ, "description": "Read"}));
    assert_eq!(tenant.api.get(&path).await.expect(200).json()["scopes"].as_array().unwrap().len(), 2);
    platform
        .api
        .patch("/api/v1/resources/0198c5a4-0000-7000-8000-00000000dead", &json!({}))
        .await
        .expect(404);
}

#[tokio::test]
async fn a_deleted_organization_leaves_the_lists_so_that_what_is_shown_can_be_sent_back() {
    let (_instance, platform, one) = scene().await;
    let two = platform.create_organization("enterprise").await;
    let both = json!([one.organization_id, two.organization_id]);
    let id = platform.create_resource(ORDERS, &[READ], &both).await;
    platform.api.delete(&format!("/api/v1/organizations/{}", one.organization_id)).await.expect(204);
    let path = format!("/api/v1/resources/{id}");
    let shown = platform.api.get(&path).await.expect(200).json()["organizations"].clone();
    assert_eq!(shown, json!([two.organization_id]));
    platform.api.patch(&path, &json!({"organizations": shown})).await.expect(200);
}
