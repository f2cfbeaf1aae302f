//! What orchestrators and people ask of the edge's health.

use std::time::Duration;

use agentidp_tests::{Stack, eventually};

use crate::tokens::Scene;

#[tokio::test]
async fn a_node_that_knows_enough_is_live_and_ready() {
    let scene = Scene::set().await;
    for path in ["/health/live", "/health/ready"] {
        let answer = scene.api.get(path).await.expect(200);
        assert!(answer.header("content-type").unwrap().starts_with("application/json"));
        assert!(answer.json().is_object());
    }
    let seq: u64 = scene.api.get("/health/ready").await.header("x-state-seq").unwrap().parse().unwrap();
    assert!(seq > 0);
}

#[tokio::test]
async fn a_node_that_knows_nothing_is_live_and_answers_503_to_everything_else() {
    let stack = Stack::start_without_knowledge().await;
    let api = stack.api();
    api.get("/health/live").await.expect(200);
    for path in [
        "/health/ready",
        "/verify",
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
        "/.well-known/did.json",
        "/agents/0198c5a4-0000-7000-8000-00000000000a/did.json",
    ] {
        let answer = api.with_token("a.b.c").get(path).await;
        assert_eq!(answer.status, 503, "{path} → {}", answer.body);
        assert!(answer.header("retry-after").is_some(), "{path}");
        assert!(answer.header("content-type").unwrap().starts_with("application/json"));
        assert!(answer.header("www-authenticate").is_none(), "{path}");
    }
    let answer = api.with_token("a.b.c").form("/oauth2/introspect", &[("token", "a.b.c")]).await;
    assert_eq!(answer.status, 503);
    let answer = api.get("/api/v1/agents").await;
    assert!([502, 503].contains(&answer.status), "{}", answer.status);

    // It recovers by itself as soon as the wire is whole.
    stack.relay.set(agentidp_tests::relay::Wire::Whole);
    eventually("it has learnt", Duration::from_secs(20), async || {
        api.get("/health/ready").await.is(200).then_some(())
    })
    .await;
    api.get("/.well-known/jwks.json").await.expect(200);
}
