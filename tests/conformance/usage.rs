//! Every call is counted once at the control plane, whatever restarts or breaks on the way there.

use std::collections::BTreeMap;
use std::time::Duration;

use agentidp_tests::relay::Wire;
use agentidp_tests::{Edge, eventually};
use sqlx::AssertSqlSafe;

use crate::tokens::{Scene, bad_tokens};

/// An edge reports every ten seconds, and waits five for an answer.
const LIMIT: Duration = Duration::from_secs(45);

/// What the control plane has counted of the scene's agent, by decision.
async fn counted(scene: &Scene) -> BTreeMap<String, i64> {
    let query = format!(
        "select decision, sum(count)::bigint from edge_usage where agent_id = '{}' group by decision",
        scene.agent.id
    );
    let mut database = scene.stack.control_plane.database.connect().await;
    let rows: Vec<(String, i64)> =
        sqlx::query_as(AssertSqlSafe(query)).fetch_all(&mut database).await.unwrap();
    rows.into_iter().collect()
}

/// Waits until exactly this is counted; what came since an edge last reported goes with its next request, whoever's it is.
async fn becomes(scene: &Scene, allowed: i64, denied: i64) {
    let expected = [("allowed", allowed), ("denied", denied)];
    let expected: BTreeMap<String, i64> = expected
        .into_iter()
        .filter(|(_, calls)| *calls > 0)
        .map(|(name, calls)| (name.to_owned(), calls))
        .collect();
    eventually(&format!("{expected:?} is counted"), LIMIT, async || {
        let _ = scene.api.try_send(scene.api.request("GET", "/health/ready")).await;
        let counted = counted(scene).await;
        let sum = |calls: &BTreeMap<String, i64>| calls.values().sum::<i64>();
        assert!(sum(&counted) <= sum(&expected), "{counted:?} of {expected:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        (counted == expected).then_some(())
    })
    .await;
}

async fn verify(scene: &Scene, calls: usize) {
    for _ in 0..calls {
        scene.with_token().get("/verify").await.expect(200);
    }
}

/// Waits until nothing is in the edge's memory alone.
async fn is_handed_over(scene: &Scene) {
    let metrics = scene.api.with_token(&scene.stack.control_plane.metrics_key());
    eventually("what was counted is handed over", LIMIT, async || {
        let text = metrics.get("/edge/v1/metrics").await.expect(200).body;
        let waiting = text.lines().find_map(|line| line.strip_prefix("agentidp_edge_usage_waiting "));
        waiting.is_none_or(|waiting| waiting == "0").then_some(())
    })
    .await;
}

#[tokio::test]
async fn calls_are_counted_by_what_became_of_them_and_forged_ones_for_nobody() {
    let scene = Scene::set().await;
    verify(&scene, 5).await;
    scene.with_token().get("/api/v1/agents?limit=1").await.expect(200);
    scene.with_token().form("/oauth2/introspect", &[("token", &scene.token)]).await.expect(200);
    scene.with_token().get("/verify?scope=agents:write").await.expect(403);
    scene.with_token().get("/verify?audience=https%3A%2F%2Fother.example").await.expect(401);
    for (what, token) in bad_tokens(&scene.token) {
        assert_eq!(scene.api.with_token(&token).get("/verify").await.status, 401, "{what}");
    }
    scene.api.get("/verify").await.expect(401);
    becomes(&scene, 7, 2).await;
}

#[tokio::test]
async fn no_call_is_lost_or_counted_twice_when_either_side_restarts_or_an_answer_is_lost() {
    let mut scene = Scene::set().await;
    verify(&scene, 10).await;
    becomes(&scene, 10, 0).await;

    // Reports arrive, and the edge does not learn of it.
    scene.stack.relay.set(Wire::OneWay);
    verify(&scene, 7).await;
    becomes(&scene, 17, 0).await;
    verify(&scene, 3).await;
    is_handed_over(&scene).await;
    scene.stack.relay.set(Wire::Cut);
    scene.stack.edge.stop();
    let port = scene.api.base().rsplit(':').next().unwrap().parse().unwrap();
    scene.stack.edge = Edge::start_unready(port, &scene.stack.control_plane, scene.stack.relay.url());
    let api = scene.with_token();
    eventually("it answers again", Duration::from_secs(20), async || {
        api.try_send(api.request("GET", "/verify?scope=nothing:here")).await?.is(403).then_some(())
    })
    .await;
    verify(&scene, 5).await;

    // The control plane dies, comes back, and is reached again.
    scene.stack.control_plane.kill();
    verify(&scene, 2).await;
    scene.stack.control_plane.start_again();
    scene.stack.relay.set(Wire::Whole);
    becomes(&scene, 27, 1).await;

    // Whatever is sent again by now counts no more.
    verify(&scene, 1).await;
    becomes(&scene, 28, 1).await;
}
