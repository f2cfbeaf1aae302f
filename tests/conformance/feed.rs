//! The feed's way in: `POST /edge/v1/push` takes only what the control plane signed, in order.

use agentidp_shared::strict::encode_base64url;
use agentidp_tests::Api;

use crate::tokens::Scene;

const JOSE: &str = "application/jose";

/// The control plane's own batches, asked for as an edge would.
async fn snapshot(scene: &Scene) -> String {
    let control_plane = &scene.stack.control_plane;
    let api = Api::new(&control_plane.url()).with_token(&control_plane.edge_key());
    let request = api
        .request("GET", "/edge/v1/snapshot")
        .header("x-edge-name", control_plane.edge_name())
        .header("x-edge-version", "test")
        .header("x-edge-sequence", "0");
    let answer = api.send(request).await.expect(200);
    assert!(answer.header("content-type").unwrap().starts_with(JOSE));
    answer.body
}

#[tokio::test]
async fn batches_that_nobody_signed_or_that_were_altered_are_refused() {
    let scene = Scene::set().await;
    let good = snapshot(&scene).await;
    let good = good.trim();
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    let none = format!(
        "{}.{}.",
        encode_base64url(br#"{"alg":"none","kid":"x","typ":"agentidp-feed+jwt"}"#),
        parts[1]
    );
    let other = if &parts[1][20..21] == "A" { "B" } else { "A" };
    parts[1].replace_range(20..21, other);
    for (what, batch) in [
        ("empty", String::new()),
        ("nonsense", "nonsense".into()),
        ("unsigned", unsigned),
        ("alg none", none),
        ("altered", parts.join(".")),
        ("cut off", good[..good.len() - 1].to_owned()),
        ("an access token", scene.token.clone()),
        ("JSON", "{}".into()),
        ("large", "A".repeat(3_000_000)),
    ] {
        let answer = scene.api.body("POST", "/edge/v1/push", JOSE, batch).await;
        assert!([400, 401, 413].contains(&answer.status), "{what}: {} {}", answer.status, answer.body);
    }
    scene.with_token().get("/verify").await.expect(200);
}

#[tokio::test]
async fn an_old_batch_again_does_not_undo_what_came_after() {
    let scene = Scene::set().await;
    let before = snapshot(&scene).await;
    let doomed = scene.agent.token(&scene.api).await;
    scene.api.with_token(&doomed).form("/oauth2/revoke", &[("token", &doomed)]).await.expect(200);
    let api = scene.api.with_token(&doomed);
    agentidp_tests::eventually("the revocation is known", std::time::Duration::from_secs(3), async || {
        api.get("/verify").await.is(401).then_some(())
    })
    .await;
    let known: u64 = scene.api.get("/health/ready").await.header("x-state-seq").unwrap().parse().unwrap();
    for _ in 0..3 {
        let answer = scene.api.body("POST", "/edge/v1/push", JOSE, before.clone()).await;
        assert!([204, 409].contains(&answer.status), "{} {}", answer.status, answer.body);
        let now: u64 = scene.api.get("/health/ready").await.header("x-state-seq").unwrap().parse().unwrap();
        assert!(now >= known, "the sequence fell from {known} to {now}");
        api.get("/verify").await.expect(401);
    }
}

#[tokio::test]
async fn the_feed_itself_is_not_for_everyone() {
    let scene = Scene::set().await;
    for path in ["/edge/v1/snapshot", "/edge/v1/changes?after=0&wait=0"] {
        for api in [&scene.api, &scene.with_token(), &scene.tenant.api] {
            let answer = api.get(path).await;
            assert!([401, 403, 404].contains(&answer.status), "{path} → {}", answer.status);
        }
    }
    let answer = scene.api.get("/edge/v1/push").await;
    assert!([404, 405].contains(&answer.status));
}
