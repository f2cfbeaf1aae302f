//! Whether it stays as it is when there is more of everything.

use std::sync::Arc;

use agentidp_shared::jwk::Algorithm;
use agentidp_tests::process::free_port;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::Bench;
use super::control_plane::Scene;
use crate::compare::{in_turn, ratios};
use crate::ground::Ground;
use crate::load::{Request, Sample, Shape, run};
use crate::report::{Figures, Goal, Row};
use crate::workerd::Worker;

/// By how much a figure may differ from the one with the least of everything, up or down.
const FLAT: f64 = 1.2;

pub async fn scale(bench: &mut Bench) {
    verify(bench).await;
    issue(bench).await;
}

/// Verification by how many tokens are revoked. All edges run at once and are asked in turn.
async fn verify(bench: &mut Bench) {
    let counts: &[u32] = if bench.effort.is_quick { &[0, 10_000] } else { &[0, 10_000, 1_000_000] };
    let mut edges = Vec::new();
    for &count in counts {
        let ground = Arc::new(Ground::new(format!("http://127.0.0.1:{}", free_port())));
        let edge = Worker::edge(&ground, ground.serve(count).await).await;
        edges.push((ground, edge));
    }
    let samples = in_turn(bench.effort, &mut edges, |(ground, edge), _| {
        let tokens = ground.tokens(Algorithm::EdDSA, bench.effort.requests, "agents:read");
        let file = bench.prepare(tokens.iter().map(|token| Request::get("/verify").with_token(token)));
        run(&edge.server(), &file, Shape::once(10))
    });
    add_rows(bench, counts.iter().map(|count| format!("/verify, {count} revoked")), &samples);
}

/// Tokens by how many agents there are. All control planes run at once, each with its own database, and are asked in turn.
async fn issue(bench: &mut Bench) {
    let counts: &[u32] = if bench.effort.is_quick { &[1_000, 10_000] } else { &[1_000, 100_000, 1_000_000] };
    let mut scenes = Vec::new();
    for &count in counts {
        let scene = Scene::set().await;
        let file = bench.prepare(scene.token_requests(20).await);
        let mut connection = PgConnection::connect(scene.control_plane.database.url()).await.unwrap();
        add_agents(&mut connection, &scene.tenant.organization_id, count).await;
        scenes.push((scene, file));
    }
    let effort = bench.effort.in_longer_rounds(4);
    let shape = Shape::during(32, effort.seconds);
    let samples = in_turn(effort, &mut scenes, |(scene, file), _| run(&scene.server, file, shape));
    add_rows(bench, counts.iter().map(|count| format!("/oauth2/token, {count} agents")), &samples);
}

/// Each beside the one with the least of everything, in the same round.
fn add_rows(bench: &mut Bench, names: impl Iterator<Item = String>, samples: &[Vec<Sample>]) {
    for (index, (name, of_it)) in names.zip(samples).enumerate() {
        let goal = if index == 0 { Goal::None } else { Goal::AtMost(FLAT) };
        let value = ratios(of_it, &samples[0], Sample::cpu_ms_in_all);
        let row = Row::new("scale", name, "× CPU of the least", value, goal);
        bench.report.add(row.ours(Figures::of(of_it)));
    }
}

/// Agents with a credential each, as registration leaves them, but without its answers and its events.
async fn add_agents(connection: &mut PgConnection, organization: &str, count: u32) {
    let sql = include_str!("agents.sql")
        .replace("$organization", organization)
        .replace("$count", &count.to_string());
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
    // What PostgreSQL would still do for what was added is not what is measured.
    for statement in ["vacuum analyze agents, credentials", "checkpoint"] {
        sqlx::raw_sql(statement).execute(&mut *connection).await.unwrap();
    }
}
