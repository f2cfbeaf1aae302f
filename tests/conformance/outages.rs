//! The control plane is away: what goes on, for how long, and what does not.

use std::time::Duration;

use agentidp_tests::relay::Wire;
use agentidp_tests::{Edge, Stack, eventually};
use serde_json::json;

use crate::tokens::Scene;

/// `maxStaleness`, made short.
const FRESH_FOR: Duration = Duration::from_secs(5);

#[tokio::test]
async fn at_first_everything_is_as_usual() {
    let scene = Scene::set().await;
    let doomed = scene.agent.token(&scene.api).await;
    scene.api.with_token(&doomed).form("/oauth2/revoke", &[("token", &doomed)]).await.expect(200);
    let (_, writer) = scene.another_agent(&["agents:read", "agents:write"]).await;
    eventually("the revocation is known", Duration::from_secs(3), async || {
        scene.api.with_token(&doomed).get("/verify").await.is(401).then_some(())
    })
    .await;
    scene.stack.relay.set(Wire::Cut);
    for _ in 0..10 {
        scene.with_token().get("/verify").await.expect(200);
        scene.api.with_token(&writer).get("/verify?scope=agents:write").await.expect(200);
        scene.api.with_token(&doomed).get("/verify").await.expect(401);
        scene.api.with_token(&format!("{writer}x")).get("/verify").await.expect(401);
    }
    let asked = scene.with_token().form("/oauth2/introspect", &[("token", &doomed)]).await.expect(200);
    assert_eq!(asked.json(), json!({"active": false}));
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
        "/.well-known/did.json",
        "/health/live",
        "/health/ready",
    ] {
        scene.api.get(path).await.expect(200);
    }
}

#[tokio::test]
async fn after_a_while_reading_goes_on_marked_stale_and_writing_is_503_never_401() {
    let short = vec![("AGENTIDP_MAX_STALENESS_SECONDS", FRESH_FOR.as_secs().to_string())];
    let scene = Scene::set_on(Stack::start_with(short).await).await;
    let (_, writer) = scene.another_agent(&["agents:read", "agents:write"]).await;
    let doomed = scene.agent.token(&scene.api).await;
    scene.api.with_token(&doomed).form("/oauth2/revoke", &[("token", &doomed)]).await.expect(200);
    scene.api.with_token(&writer).get("/verify").await.expect(200);
    eventually("the revocation is known", Duration::from_secs(3), async || {
        scene.api.with_token(&doomed).get("/verify").await.is(401).then_some(())
    })
    .await;
    scene.stack.relay.set(Wire::Cut);
    eventually("writing is refused", FRESH_FOR + Duration::from_secs(15), async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let answer = scene.api.with_token(&writer).get("/verify").await;
        assert!([200, 503].contains(&answer.status), "{} {}", answer.status, answer.body);
        answer.is(503).then_some(answer)
    })
    .await;
    let refused = scene.api.with_token(&writer).get("/verify").await.expect(503);
    assert!(refused.header("retry-after").is_some());
    assert!(refused.header("www-authenticate").is_none());
    let age: f64 = refused.header("x-state-age").unwrap().parse().unwrap();
    assert!(age >= FRESH_FOR.as_secs_f64(), "{age}");

    let stale = scene.with_token().get("/verify").await.expect(200);
    assert!(
        stale.headers.iter().any(|(name, value)| {
            name.as_str().contains("stale")
                || value.to_str().is_ok_and(|value| value.to_lowercase().contains("stale"))
        }),
        "not marked as stale: {:?}",
        stale.headers
    );
    // What was bad stays bad, whatever its scopes.
    scene.api.with_token(&doomed).get("/verify").await.expect(401);
    scene.api.with_token("a.b.c").get("/verify").await.expect(401);
    scene.api.get("/health/live").await.expect(200);
    scene.api.get("/.well-known/jwks.json").await.expect(200);

    // And when it is back, so is everything.
    scene.stack.relay.set(Wire::Whole);
    eventually("writing is verified again", Duration::from_secs(15), async || {
        scene.api.with_token(&writer).get("/verify").await.is(200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_edge_that_starts_while_the_control_plane_is_away_goes_on_from_what_was_kept() {
    let mut scene = Scene::set().await;
    let doomed = scene.agent.token(&scene.api).await;
    scene.api.with_token(&doomed).form("/oauth2/revoke", &[("token", &doomed)]).await.expect(200);
    eventually("the revocation is known", Duration::from_secs(3), async || {
        scene.api.with_token(&doomed).get("/verify").await.is(401).then_some(())
    })
    .await;
    let known: u64 = scene.api.get("/health/ready").await.header("x-state-seq").unwrap().parse().unwrap();
    scene.stack.relay.set(Wire::Cut);
    scene.stack.edge.stop();
    let port = scene.api.base().rsplit(':').next().unwrap().parse().unwrap();
    scene.stack.edge = Edge::start_unready(port, &scene.stack.control_plane, scene.stack.relay.url());
    let api = scene.with_token();
    let answer = eventually("it answers", Duration::from_secs(10), async || {
        // No answer at all is one too: the first request may go out on a connection to the process that is gone.
        let answer = api.try_send(api.request("GET", "/verify")).await?;
        answer.is(200).then_some(answer)
    })
    .await;
    assert!(answer.header("x-state-seq").unwrap().parse::<u64>().unwrap() >= known);
    scene.api.with_token(&doomed).get("/verify").await.expect(401);
}

#[tokio::test]
async fn a_control_plane_that_restarts_is_followed_again() {
    let mut scene = Scene::set().await;
    scene.stack.control_plane.kill();
    scene.with_token().get("/verify").await.expect(200);
    scene.stack.control_plane.start_again();
    let token = eventually("tokens are issued again", Duration::from_secs(15), async || {
        let answer = scene.api.token(&scene.agent.id, &scene.agent.secret, None).await;
        answer.is(200).then(|| answer.text("access_token"))
    })
    .await;
    let api = scene.api.with_token(&token);
    api.get("/verify").await.expect(200);
    api.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
    eventually("a revocation of after the restart arrives", Duration::from_secs(10), async || {
        api.get("/verify").await.is(401).then_some(())
    })
    .await;
}
