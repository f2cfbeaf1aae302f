//! What an edge says it holds, and what is made of it.

use agentidp::keys::{self, ChangedBy};
use agentidp_shared::jwk::Algorithm;
use time::Duration;

use crate::support::Instance;

async fn acknowledged(instance: &Instance, node: &str) -> i64 {
    instance.number(&format!("select acknowledged_sequence from edge_nodes where id = '{node}'")).await
}

#[tokio::test]
async fn an_acknowledgement_is_kept_for_each_node() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let (mut edge, head) = (instance.edge("osaka"), instance.app.feed.head());
    edge.acknowledge(head).await;
    edge.api = edge.api.with("x-edge-node", "weur");
    edge.acknowledge(head - 1).await;
    assert_eq!(acknowledged(&instance, "osaka").await, i64::try_from(head).unwrap());
    assert_eq!(acknowledged(&instance, "osaka/weur").await, i64::try_from(head - 1).unwrap());
    edge.api = edge.api.with("x-edge-node", "not/a node");
    edge.acknowledge(1).await;
    assert_eq!(acknowledged(&instance, "osaka").await, 1);
}

#[tokio::test]
async fn boasting_edge_attack_a_sequence_that_was_never_given_out_acknowledges_nothing() {
    let instance = Instance::start().await;
    instance.platform().await;
    instance.sequence().await;
    let edge = instance.edge("osaka");
    keys::rotate(&instance.app, Some(Algorithm::ES256), ChangedBy::CommandLine).await.unwrap();
    for boast in [instance.app.feed.head() + 1_000, u64::MAX] {
        edge.acknowledge(boast).await;
        assert_eq!(acknowledged(&instance, "osaka").await, 0, "{boast}");
    }
    instance.sequence().await;
    instance.advance(Duration::seconds(6));
    keys::advance(&instance.app).await.unwrap();
    let waiting = "select count(*) from signing_keys where status = 'next'";
    assert_eq!(instance.number(waiting).await, 1, "the edge does not hold the key yet");
}

#[tokio::test]
async fn an_edge_that_asks_without_saying_what_it_holds_is_not_taken_for_one_that_holds_something() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let edge = instance.edge("osaka");
    edge.page(None).await;
    edge.changes(1).await;
    edge.api.with("x-edge-sequence", "many").get("/edge/v1/snapshot").await.expect(200);
    assert_eq!(instance.number("select count(*) from edge_nodes").await, 0);
}

#[tokio::test]
async fn the_overview_tells_of_each_edge_how_far_it_is() {
    let instance = Instance::start().await;
    instance.sequence().await;
    let (osaka, head) = (instance.edge("osaka"), instance.app.feed.head());
    osaka.acknowledge(head - 1).await;
    instance.advance(Duration::minutes(3));
    instance.edge("tokyo").acknowledge(head).await;
    let overview = osaka.api.get("/edge/v1/nodes").await.expect(200).json();
    assert_eq!(overview["head"], head);
    let told: Vec<(&str, u64, bool, bool)> = overview["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let lags = node["lagSeconds"].as_f64().unwrap() >= 180.0;
            let seen = node["seenRecently"].as_bool().unwrap();
            (node["id"].as_str().unwrap(), node["acknowledgedSequence"].as_u64().unwrap(), lags, seen)
        })
        .collect();
    assert_eq!(told, [("osaka", head - 1, true, false), ("tokyo", head, false, true)]);
    instance.tenant().await.api.get("/edge/v1/nodes").await.expect(401);
}
