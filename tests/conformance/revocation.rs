//! What was taken back is refused everywhere, soon.

use std::time::{Duration, Instant};

use agentidp_tests::{Api, eventually};
use serde_json::json;

use crate::tokens::{Scene, header};

/// The promise: at most three seconds, with the edge running.
const SOON: Duration = Duration::from_secs(3);

async fn refused_soon(api: &Api, token: &str) -> Duration {
    let started = Instant::now();
    let api = api.with_token(token);
    eventually("the edge refuses", SOON, async || {
        let answer = api.get("/verify").await;
        assert!([200, 401].contains(&answer.status), "{} {}", answer.status, answer.body);
        answer.is(401).then_some(())
    })
    .await;
    started.elapsed()
}

#[tokio::test]
async fn a_revoked_token_is_refused_within_seconds_and_stays_refused() {
    let scene = Scene::set().await;
    for _ in 0..5 {
        let token = scene.agent.token(&scene.api).await;
        scene.api.with_token(&token).get("/verify").await.expect(200);
        scene.api.with_token(&token).form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
        println!("refused after {:?}", refused_soon(&scene.api, &token).await);
        for _ in 0..20 {
            scene.api.with_token(&token).get("/verify").await.expect(401);
        }
        let asked = scene.with_token().form("/oauth2/introspect", &[("token", &token)]).await.expect(200);
        assert_eq!(asked.json(), json!({"active": false}));
        scene.api.with_token(&token).get("/api/v1/agents").await.expect(401);
    }
    // The others are as they were.
    scene.with_token().get("/verify").await.expect(200);
}

#[tokio::test]
async fn a_suspended_agents_tokens_are_refused_also_after_its_return() {
    let scene = Scene::set().await;
    let path = format!("/api/v1/agents/{}", scene.agent.id);
    scene.tenant.api.patch(&path, &json!({"status": "suspended"})).await.expect(200);
    refused_soon(&scene.api, &scene.token).await;
    let answer = scene.api.token(&scene.agent.id, &scene.agent.secret, None).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    scene.tenant.api.patch(&path, &json!({"status": "active"})).await.expect(200);
    let fresh = scene.agent.token(&scene.api).await;
    let api = scene.api.with_token(&fresh);
    eventually("a token of after the return is good", SOON, async || {
        api.get("/verify").await.is(200).then_some(())
    })
    .await;
    for _ in 0..20 {
        scene.with_token().get("/verify").await.expect(401);
    }
}

#[tokio::test]
async fn a_decommissioned_agents_tokens_and_secrets_are_refused() {
    let scene = Scene::set().await;
    scene.tenant.api.delete(&format!("/api/v1/agents/{}", scene.agent.id)).await.expect(204);
    refused_soon(&scene.api, &scene.token).await;
    let answer = scene.api.token(&scene.agent.id, &scene.agent.secret, None).await;
    assert!([400, 401].contains(&answer.status), "{}", answer.body);
}

#[tokio::test]
async fn rotating_or_revoking_a_credential_takes_its_tokens_only_when_asked() {
    let scene = Scene::set().await;
    let credential = format!("/api/v1/agents/{}/credentials/{}", scene.agent.id, scene.agent.credential_id);
    let rotated = scene.tenant.api.post(&format!("{credential}/rotate"), &json!({})).await.expect(200);
    scene.with_token().get("/verify").await.expect(200);
    scene.api.token(&scene.agent.id, &scene.agent.secret, None).await.expect(401);
    let secret = rotated.text("clientSecret");
    let token = scene.api.token(&scene.agent.id, &secret, None).await.expect(200).text("access_token");
    scene.tenant.api.delete(&format!("{credential}?revokeTokens=true")).await.expect(204);
    refused_soon(&scene.api, &token).await;
    refused_soon(&scene.api, &scene.token).await;
}

#[tokio::test]
async fn a_key_that_leaked_dies_with_every_token_it_signed_and_another_signs() {
    let scene = Scene::set().await;
    let (other, before) = scene.another_agent(&["agents:read"]).await;
    scene.api.with_token(&before).get("/verify").await.expect(200);
    let leaked = header(&before)["kid"].as_str().unwrap().to_owned();
    scene.tenant.api.post(&format!("/api/v1/keys/{leaked}/revoke"), &json!({})).await.expect(200);
    refused_soon(&scene.api, &before).await;
    refused_soon(&scene.api, &scene.token).await;
    let after = other.token(&scene.api).await;
    assert_ne!(header(&after)["kid"], leaked);
    let api = scene.api.with_token(&after);
    eventually("a token of the new key is good", SOON, async || {
        api.get("/verify").await.is(200).then_some(())
    })
    .await;
    let keys = scene.api.get("/.well-known/jwks.json").await.expect(200).json();
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key["kid"] != leaked), "{keys}");
}

#[tokio::test]
async fn a_suspended_organizations_tokens_are_refused_also_after_its_return() {
    let scene = Scene::set().await;
    let tenant = scene.tenant.create_organization().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let before = agent.token(&scene.api).await;
    scene.api.with_token(&before).get("/verify").await.expect(200);
    let path = format!("/api/v1/organizations/{}", tenant.organization_id);
    scene.tenant.api.patch(&path, &json!({"status": "suspended"})).await.expect(200);
    refused_soon(&scene.api, &before).await;
    assert_eq!(scene.api.token(&agent.id, &agent.secret, None).await.status, 400);
    scene.with_token().get("/verify").await.expect(200);
    scene.tenant.api.patch(&path, &json!({"status": "active"})).await.expect(200);
    let after = agent.token(&scene.api).await;
    let api = scene.api.with_token(&after);
    eventually("a token of after the return is good", SOON, async || {
        api.get("/verify").await.is(200).then_some(())
    })
    .await;
    for _ in 0..10 {
        scene.api.with_token(&before).get("/verify").await.expect(401);
    }
}
