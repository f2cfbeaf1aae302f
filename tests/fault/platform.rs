//! What the platform gives fails: storage, the hub, the clock.

use std::time::Duration;

use agentidp_tests::environment::{Host, edge_host};
use agentidp_tests::meddler::Fault;
use serde_json::json;

use crate::scene::{Expected, MAX_STALENESS, NOTHING_KNOWN, STALE, Scene, TOO_OLD, USUAL};
use crate::table::{Row, Table};

pub async fn rows(table: &mut Table, scene: &Scene) {
    match edge_host() {
        Host::Cloudflare => {
            store_on_cloudflare(table, scene).await;
            hub(table, scene).await;
        }
        Host::Spin => store_on_spin(table, scene).await,
    }
    clock(table, scene).await;
}

async fn did(scene: &Scene, row: &mut Row, allowed: &[&str]) {
    let path = format!("/agents/{}/did.json", scene.agent_id());
    for _ in 0..5 {
        row.count("DID document", &scene.api.get(&path).await.status.to_string(), allowed);
    }
}

async fn store_on_cloudflare(table: &mut Table, scene: &Scene) {
    let expected = format!("{}; DID documents from the origin", USUAL.text());
    let mut row = Table::row("KV", "every read and write of KV fails", expected);
    scene.edge.set_faults(&json!({"store": "down"})).await;
    scene.watch(&mut row, 20, USUAL).await;
    did(scene, &mut row, &["200"]).await;
    table.add(row);

    let expected = format!("{}; DID documents 503", USUAL.text());
    let mut row =
        Table::row("KV and control plane", "the same, and nothing behind the edge answers", expected);
    scene.pull.set(Fault::Status(500));
    scene.pull.set_origin_down(true);
    did(scene, &mut row, &["503"]).await;
    scene.watch(&mut row, 10, USUAL).await;
    scene.pull.set_origin_down(false);
    scene.edge.set_faults(&json!({"store": "up"})).await;
    scene.recover().await;
    table.add(row);
}

/// There it is all an edge knows.
async fn store_on_spin(table: &mut Table, scene: &Scene) {
    let mut row = Table::row("key-value store", "it cannot be opened", NOTHING_KNOWN.text());
    scene.edge.set_faults(&json!({"store": "down"})).await;
    scene.watch(&mut row, 20, NOTHING_KNOWN).await;
    row.count("live", &scene.api.get("/health/live").await.status.to_string(), &["200"]);
    scene.edge.set_faults(&json!({"store": "up"})).await;
    scene.recover().await;
    table.add(row);
}

async fn hub(table: &mut Table, scene: &Scene) {
    let mut row =
        Table::row("hub, for a moment", "the region's Durable Object cannot be reached", USUAL.text());
    scene.edge.set_faults(&json!({"hub": "down"})).await;
    scene.watch(&mut row, 20, USUAL).await;
    table.add(row);

    // Pushes would still reach a node.
    let mut row = Table::row("hub, past maxStaleness", "the same, and no push arrives either", STALE.text());
    scene.push.set(Fault::Status(500));
    scene.until(&mut row, "writer", "503", MAX_STALENESS + Duration::from_secs(10)).await;
    scene.watch(&mut row, 20, STALE).await;
    scene.edge.set_faults(&json!({"hub": "up"})).await;
    scene.recover().await;
    table.add(row);

    let expected = format!("{}; revoked meanwhile 401 soon", USUAL.text());
    let mut row =
        Table::row("hub, restarted over and over", "its memory is lost after every question", expected);
    scene.edge.set_faults(&json!({"hub": "forgetful"})).await;
    for _ in 0..10 {
        let token = scene.revoke_one().await;
        let refused = scene.refused_after(&token, Duration::from_secs(6)).await;
        row.count("revoked meanwhile", if refused.is_some() { "401" } else { "200" }, &["401"]);
        scene.watch(&mut row, 2, USUAL).await;
    }
    scene.edge.set_faults(&json!({"hub": "up"})).await;
    scene.recover().await;
    table.add(row);
}

async fn clock(table: &mut Table, scene: &Scene) {
    let mut row = Table::row("clock, set back", "the edge's clock is an hour behind", USUAL.text());
    scene.edge.set_faults(&json!({"clockOffsetMs": -3_600_000})).await;
    scene.watch(&mut row, 20, USUAL).await;
    let age = scene.reader().get("/verify").await.header("x-state-age").unwrap_or_default().to_owned();
    row.check(age == "0.000", format!("age {age}"));
    scene.edge.set_faults(&json!({"clockOffsetMs": 0})).await;
    scene.recover().await;
    table.add(row);

    // Younger than that it cannot look, whatever arrives: but never 401 for a good token.
    let mut row = Table::row("clock, set ahead", "the edge's clock is two minutes ahead", TOO_OLD.text());
    let on_the_way = Expected { reader: &["503"], writer: &["503"], revoked: &["401"] };
    scene.edge.set_faults(&json!({"clockOffsetMs": 120_000})).await;
    scene.watch(&mut row, 20, on_the_way).await;
    scene.edge.set_faults(&json!({"clockOffsetMs": 0})).await;
    scene.recover().await;
    table.add(row);
}
