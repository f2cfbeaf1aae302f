//! Token status lists, as any verifier would ask for them.

use std::time::Duration;

use agentidp_tests::eventually;
use agentidp_tests::relay::Wire;

use crate::tokens::{Scene, claims};

/// At the control plane, at the edge, and some time on the way.
const SOON: Duration = Duration::from_secs(20);

fn path(token: &str) -> String {
    let uri = claims(token)["status"]["status_list"]["uri"].as_str().unwrap().to_owned();
    uri[uri.find("/status-lists/").unwrap()..].to_owned()
}

#[tokio::test]
async fn a_list_is_for_everybody_and_changes_when_a_token_is_taken_back() {
    let scene = Scene::set().await;
    let doomed = scene.agent.token(&scene.api).await;
    assert_eq!(path(&doomed), path(&scene.token), "one process fills one list");
    assert_eq!(
        claims(&doomed)["status"]["status_list"]["uri"],
        format!("{}{}", scene.api.base(), path(&doomed))
    );
    let first = scene.api.get(&path(&doomed)).await.expect(200);
    assert_eq!(first.header("content-type"), Some("application/statuslist+jwt"));
    assert_eq!(first.header("cache-control"), Some("public, max-age=30"));
    assert_eq!(first.header("access-control-allow-origin"), Some("*"));
    assert_eq!(claims(&first.body)["sub"], claims(&doomed)["status"]["status_list"]["uri"]);
    let held =
        scene.api.request("GET", &path(&doomed)).header("if-none-match", first.header("etag").unwrap());
    let held = scene.api.send(held).await;
    assert!(held.is(304) || claims(&held.body)["iat"] != claims(&first.body)["iat"], "{}", held.status);
    let head = scene.api.send(scene.api.request("HEAD", &path(&doomed))).await.expect(200);
    assert!(head.body.is_empty());

    scene.api.with_token(&doomed).form("/oauth2/revoke", &[("token", &doomed)]).await.expect(200);
    eventually("the list says so", SOON, async || {
        let now = scene.api.get(&path(&doomed)).await.expect(200);
        (claims(&now.body)["status_list"] != claims(&first.body)["status_list"]).then_some(())
    })
    .await;

    // While the control plane is away, what was kept is good enough.
    scene.stack.relay.set(Wire::Cut);
    scene.api.get(&path(&doomed)).await.expect(200);
    scene.api.get("/status-lists/0198c5a4-0000-7000-8000-00000000dead").await.expect(503);
    scene.stack.relay.set(Wire::Whole);
    eventually("the control plane is reached", SOON, async || {
        scene.api.get("/status-lists/0198c5a4-0000-7000-8000-00000000dead").await.is(404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn introspection_says_where_a_tokens_status_is() {
    let scene = Scene::set().await;
    let answer = scene.with_token().form("/oauth2/introspect", &[("token", &scene.token)]).await.expect(200);
    assert_eq!(answer.json()["status"], claims(&scene.token)["status"]);
}
