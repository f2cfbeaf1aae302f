//! Verification and introspection at the edge, in workerd, beside what its users would write in JavaScript.

use std::path::PathBuf;
use std::sync::Arc;

use agentidp_shared::jwk::Algorithm;
use agentidp_tests::process::free_port;

use super::{Bench, Effort};
use crate::compare::{Pairs, alternate};
use crate::ground::{ALGORITHMS, Ground};
use crate::load::{Request, Sample, Shape, run};
use crate::provider::Provider;
use crate::report::{Figures, Goal, Row};
use crate::workerd::Worker;

/// So many connections, unless that is what varies.
const CONNECTIONS: usize = 10;
const SEEN_TOKENS: usize = 1_000;

/// The edge that ships and its peer, each in a workerd of its own, with the same keys.
pub struct Scene {
    pub ground: Arc<Ground>,
    pub edge: Worker,
    pub peer: Worker,
}

impl Scene {
    pub async fn set(revoked: u32) -> Self {
        let ground = Arc::new(Ground::new(format!("http://127.0.0.1:{}", free_port())));
        let origin = ground.serve(revoked).await;
        let edge = Worker::edge(&ground, origin).await;
        let jwks = serde_json::to_string(&ground.jwks()).unwrap();
        let variables = [("JWKS", jwks), ("ISSUER", ground.issuer().to_owned())];
        let peer = Worker::peer("jose", &variables, "/floor").await;
        Self { ground, edge, peer }
    }

    fn alternate(&self, effort: Effort, requests: &[PathBuf], shape: Shape) -> Pairs {
        let of_round = |round: usize| &requests[round % requests.len()];
        alternate(
            effort,
            |round| run(&self.edge.server(), of_round(round), shape),
            |round| run(&self.peer.server(), of_round(round), shape),
        )
    }
}

/// Shapes that are only to be known, each with the effort it takes.
fn other_connections(effort: Effort) -> Vec<(usize, Effort)> {
    let few = effort.by_the_way();
    if effort.is_quick { Vec::new() } else { vec![(1, few), (100, few), (1_000, effort.in_longer_rounds(6))] }
}

fn verify(token: &str) -> Request {
    Request::get("/verify").with_token(token)
}

/// Every token unseen.
pub async fn verify_new(bench: &mut Bench) {
    let scene = Scene::set(0).await;
    for algorithm in ALGORITHMS {
        let goal = if algorithm == Algorithm::RS256 { 1.1 } else { 1.2 };
        let shape = format!("{}, {CONNECTIONS} connections", algorithm.as_str());
        let pairs = unseen(bench, &scene, algorithm, bench.effort, CONNECTIONS);
        bench.report.add(Row::compared("edge-verify-new", shape, &pairs, Goal::AtLeast(goal)));
    }
    for (connections, effort) in other_connections(bench.effort) {
        let pairs = unseen(bench, &scene, Algorithm::ES256, effort, connections);
        let shape = format!("ES256, {connections} connections");
        bench.report.add(Row::compared("edge-verify-new", shape, &pairs, Goal::None));
    }
}

fn unseen(bench: &Bench, scene: &Scene, algorithm: Algorithm, effort: Effort, connections: usize) -> Pairs {
    let files: Vec<PathBuf> = (0..effort.all_rounds())
        .map(|_| scene.ground.tokens(algorithm, effort.requests, "agents:read"))
        .map(|tokens| bench.prepare(tokens.iter().map(|token| verify(token))))
        .collect();
    scene.alternate(effort, &files, Shape::once(connections))
}

/// The same tokens again and again.
pub async fn verify_seen(bench: &mut Bench) {
    let scene = Scene::set(0).await;
    let tokens = scene.ground.tokens(Algorithm::ES256, SEEN_TOKENS, "agents:read");
    let seen = [bench.prepare(tokens.iter().map(|token| verify(token)))];

    let pairs = scene.alternate(bench.effort, &seen, Shape::during(CONNECTIONS, bench.effort.seconds));
    let shape = format!("ES256, {SEEN_TOKENS} tokens, {CONNECTIONS} connections");
    bench.report.add(Row::compared("edge-verify-seen", shape, &pairs, Goal::AtLeast(2.2)));
    for (connections, effort) in other_connections(bench.effort) {
        let pairs = scene.alternate(effort, &seen, Shape::during(connections, effort.seconds));
        let shape = format!("ES256, {SEEN_TOKENS} tokens, {connections} connections");
        bench.report.add(Row::compared("edge-verify-seen", shape, &pairs, Goal::None));
    }
}

/// What a verdict adds to answering at all, and what answering costs.
pub async fn floor(bench: &mut Bench) {
    let scene = Scene::set(0).await;
    let tokens = scene.ground.tokens(Algorithm::ES256, SEEN_TOKENS, "agents:read");
    let seen = bench.prepare(tokens.iter().map(|token| verify(token)));
    let live = bench.prepare([Request::get("/health/live")]);
    let floor = bench.prepare([Request::get("/floor")]);
    let (effort, shape) = (bench.effort, Shape::during(CONNECTIONS, bench.effort.seconds));
    let floors = alternate(
        effort,
        |_| run(&scene.edge.server(), &live, shape),
        |_| run(&scene.peer.server(), &floor, shape),
    );
    bench.report.add(Row::compared(
        "edge-floor",
        "our trivial route, a trivial JS worker",
        &floors,
        Goal::None,
    ));
    let verdict = alternate(
        effort,
        |_| run(&scene.edge.server(), &seen, shape),
        |_| run(&scene.edge.server(), &live, shape),
    );
    let value = verdict.ratio(Sample::cpu_ms_in_all);
    let row = Row::new(
        "edge-floor",
        "/verify (seen) by our trivial route",
        "× CPU per request",
        value,
        Goal::AtMost(1.25),
    );
    bench.report.add(row.ours(Figures::of(&verdict.ours)).peer(Figures::of(&verdict.peer)));
}

/// RFC 7662, asked by somebody who may ask.
pub async fn introspect(bench: &mut Bench) {
    const TOKENS: usize = 500;
    let (scene, provider) = (Scene::set(0).await, Provider::start());
    let caller = scene.ground.tokens(Algorithm::ES256, 1, "tokens:read").remove(0);
    let tokens = scene.ground.tokens(Algorithm::ES256, TOKENS, "agents:read");
    let ours = tokens
        .iter()
        .map(|token| Request::form("/oauth2/introspect", format!("token={token}")).with_token(&caller));
    let (ours, theirs) = (bench.prepare(ours), bench.prepare(provider.introspections(TOKENS).await));
    let effort = bench.effort.more_often(2);
    let shape = Shape::during(CONNECTIONS, effort.seconds);
    let pairs = alternate(
        effort,
        |_| run(&scene.edge.server(), &ours, shape),
        |_| run(&provider.server(), &theirs, shape),
    );
    let shape = format!("{TOKENS} tokens, {CONNECTIONS} connections");
    bench.report.add(Row::compared("edge-introspect", shape, &pairs, Goal::AtLeast(5.0)));
}
