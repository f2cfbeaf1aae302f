//! Ways past what the platform said, tried on the whole of it.

use std::time::Duration;

use agentidp_tests::origin::Origin;
use agentidp_tests::{Agent, Answer, Stack, Tenant, eventually};
use serde_json::json;

/// A token request of the agent, at the edge.
async fn ask(stack: &Stack, agent: &Agent, more: &[(&str, &str)]) -> Answer {
    let mut parameters = vec![("grant_type", "client_credentials")];
    parameters.extend(more);
    stack.api().with_basic(&agent.id, &agent.secret).form("/oauth2/token", &parameters).await
}

#[tokio::test]
async fn new_organization_attack_the_operators_own_api_answers_only_those_that_the_platform_lets_have_it() {
    let origin = Origin::start().await;
    let stack = Stack::start_in_front_of(|edge| {
        json!([{
            "name": "orders", "match": {"pathPrefix": "/orders"}, "origin": origin.url(), "audience": format!("{edge}/orders"),
            "rules": [
                {"methods": ["GET"], "path": "/orders/{id}", "scopes": ["orders:read"]},
                {"methods": ["GET"], "path": "/orders", "scopes": ["agents:read"]},
            ],
        }])
    })
    .await;
    let audience = format!("{}/orders", stack.url());
    let platform = stack.platform().await;
    platform.create_resource(&audience, &["orders:read"], &json!([])).await;
    let (stranger, customer): (Tenant, Tenant) =
        (platform.create_organization().await, platform.create_organization().await);

    for (more, error) in [
        (vec![("resource", &*audience)], "invalid_target"),
        (vec![("resource", &audience), ("scope", "orders:read")], "invalid_scope"),
        (vec![("resource", &audience), ("scope", "agents:read")], "invalid_target"),
    ] {
        assert_eq!(ask(&stack, &stranger.admin, &more).await.expect(400).text("error"), error, "{more:?}");
    }
    for path in ["/orders", "/orders/17"] {
        stranger.api.get(path).await.expect(401);
    }
    assert!(origin.heard().is_empty());

    let lists = json!({"allowedResources": [audience], "allowedScopes": ["orders:read"]});
    platform.let_have(&customer, &lists).await;
    let agent = customer.create_agent(&["orders:read"]).await;
    let token = ask(&stack, &agent, &[("resource", &audience)]).await.expect(200).text("access_token");
    let api = stack.api().with_token(&token);
    api.get("/orders/17").await.expect(200);
    assert_eq!(origin.heard().len(), 1);
    // What is taken back ends with the tokens that were issued for it.
    platform.let_have(&customer, &json!({"allowedResources": []})).await;
    eventually("the gateway refuses", Duration::from_secs(3), async || {
        api.get("/orders/17").await.is(401).then_some(())
    })
    .await;
}
