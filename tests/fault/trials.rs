//! How long a revocation takes to be seen at the edge, many times over.

use std::time::{Duration, Instant};

use agentidp_tests::environment::{Host, edge_host};
use agentidp_tests::meddler::Fault;
use serde_json::json;

use crate::scene::Scene;
use crate::table::{Row, Table};

/// What is promised, of 99 in 100.
const P99_AT_MOST: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(10);

pub async fn rows(table: &mut Table, scene: &Scene, trials: usize) {
    let injected = match edge_host() {
        Host::Cloudflare => "KV shows everything 120 s late, absence too",
        Host::Spin => "nothing; its store shows what was written",
    };
    if edge_host() == Host::Cloudflare {
        scene.edge.set_faults(&json!({"store": "slow"})).await;
    }
    let mut row = Table::row("KV, slow: revocations", injected, "401 for each; p99 at most 2 s");
    measure(&mut row, scene, trials, P99_AT_MOST).await;
    table.add(row);

    let mut row = Table::row(
        "the same without pushes",
        "no push arrives: edges only ask",
        "401 for each; p99 at most 5 s",
    );
    scene.push.set(Fault::Status(500));
    measure(&mut row, scene, (trials / 40).max(5), Duration::from_secs(5)).await;
    scene.recover().await;
    table.add(row);
}

async fn measure(row: &mut Row, scene: &Scene, trials: usize, p99_at_most: Duration) {
    let mut took = Vec::with_capacity(trials);
    for _ in 0..trials {
        let token = scene.issue().await;
        row.count("good", &scene.verdict(&token).await, &["200"]);
        let started = Instant::now();
        scene.revoke(&token).await;
        let refused = scene.refused_after(&token, LIMIT).await;
        row.count("revoked", if refused.is_some() { "401" } else { "200" }, &["401"]);
        took.push(started.elapsed());
    }
    took.sort();
    let at = |share: usize| took[(took.len() - 1) * share / 100];
    let (p50, p99, most) = (at(50), at(99), at(100));
    row.check(
        p99 <= p99_at_most,
        format!("from asking for it to the edge's 401: p50 {p50:.1?}, p99 {p99:.1?}, most {most:.1?}"),
    );
}
