//! From the revocation of a token to its refusal at the edge.

use std::time::{Duration, Instant};

use agentidp_tests::{Agent, Stack};

use super::Bench;
use super::control_plane::token_request;
use crate::compare::Spread;
use crate::load::{self, Server, Shape};
use crate::report::{Goal, Row};

const AT_ONCE: usize = 4;

pub async fn revocation(bench: &mut Bench) {
    let stack = Stack::start().await;
    let tenant = stack.platform().await.create_organization().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let trials = if bench.effort.is_quick { 60 } else { 1_000 };
    measure(bench, &stack, &agent, trials, "idle").await;

    let load = bench.prepare([token_request(&agent)]);
    let target = stack.url().trim_start_matches("http://").parse().unwrap();
    let server = Server { target, processes: Vec::new() };
    let shape = Shape::during(8, 3_600.0).at_rate(200.0);
    let mut running = load::start(&server, &load, shape);
    measure(bench, &stack, &agent, trials, "while 200 tokens a second are issued").await;
    running.stop();
}

async fn measure(bench: &mut Bench, stack: &Stack, agent: &Agent, trials: usize, shape: &str) {
    let one_after_the_other = || async {
        let mut took = Vec::new();
        for _ in 0..trials / AT_ONCE {
            took.push(trial(stack, agent).await);
        }
        took
    };
    let took = futures_util::future::join_all((0..AT_ONCE).map(|_| one_after_the_other())).await;
    let mut took: Vec<f64> = took.concat();
    took.sort_by(f64::total_cmp);
    let at = |per_cent: usize| took[(took.len() - 1) * per_cent / 100];
    for (name, value, goal) in [("s, p50", at(50), 0.5), ("s, p99", at(99), 2.0)] {
        let spread = Spread { median: value, low: took[0], high: took[took.len() - 1] };
        let shape = format!("{trials} revocations, {shape}");
        bench.report.add(Row::new("revocation", shape, name, spread, Goal::AtMost(goal)));
    }
}

/// Seconds from the answer to the revocation until the first refusal.
async fn trial(stack: &Stack, agent: &Agent) -> f64 {
    let api = stack.api();
    let token = agent.token(&api).await;
    let bearer = api.with_token(&token);
    bearer.get("/verify").await.expect(200);
    let parameters = [("token", token.as_str())];
    bearer.form("/oauth2/revoke", &parameters).await.expect(200);
    let revoked = Instant::now();
    while !bearer.get("/verify").await.is(401) {
        assert!(revoked.elapsed() < Duration::from_secs(30), "a revoked token is still accepted");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    revoked.elapsed().as_secs_f64()
}
