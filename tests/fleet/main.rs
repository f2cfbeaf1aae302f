//! A fleet in the middle of an upgrade: the present control plane in front of an edge of 0.1.0 and an edge of today, both real
//! workers in workerd. Prints what each must say and what it said, and ends with an error on any difference. Run by
//! `cargo xtask fleet`, which builds both edges.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that stops when something is wrong, and watches real processes by the real clock"
)]

mod scene;

use std::path::PathBuf;
use std::process::ExitCode;

use agentidp_tests::database::Database;
use agentidp_tests::{Agent, Api, ControlPlane};
use serde_json::json;
use sqlx::Executor as _;

use crate::scene::Scene;

#[derive(Debug, Default)]
struct Table {
    rows: usize,
    wrong: usize,
}

impl Table {
    fn row(&mut self, case: &str, edge: &str, expected: &str, observed: &str) {
        let is_right = expected == observed;
        self.rows += 1;
        self.wrong += usize::from(!is_right);
        let mark = if is_right { "" } else { "   DIFFERENT" };
        println!("{case:<58} {edge:<8} {expected:<12} {observed}{mark}");
    }

    fn finish(&self) -> ExitCode {
        println!("\n{} rows, {} differences", self.rows, self.wrong);
        if self.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let older = PathBuf::from(std::env::var("AGENTIDP_OLDER_CHECKOUT").expect("run `cargo xtask fleet`"));
    println!("{:<58} {:<8} {:<12} observed", "what", "edge", "expected");
    let mut table = Table::default();
    let scene = Scene::set(older).await;
    tokens(&mut table, &scene).await;
    reduced_scopes(&mut table, &scene).await;
    kinds_of_the_future(&mut table, &scene).await;
    what_the_control_plane_sees(&mut table, &scene).await;
    database(&mut table, &scene).await;
    table.finish()
}

/// What was there in 0.1.0 already, through the management API.
async fn tokens(table: &mut Table, scene: &Scene) {
    let api = &scene.tenant.api;
    let (revoked, suspended) = (scene.agent().await, scene.agent().await);
    let other = scene.platform.create_organization().await;
    let tokens = [revoked.token(api).await, suspended.token(api).await, other.admin.token(api).await];
    scene.settle().await;
    let cases = ["a good token", "an agent's token", "another organization's token"];
    for (case, token) in cases.iter().zip(&tokens) {
        scene.both(table, case, token, ["200", "200"]).await;
    }
    api.with_token(&tokens[0]).form("/oauth2/revoke", &[("token", &tokens[0])]).await;
    api.patch(&format!("/api/v1/agents/{}", suspended.id), &json!({ "status": "suspended" }))
        .await
        .expect(200);
    let organization = format!("/api/v1/organizations/{}", other.organization_id);
    scene.platform.api.patch(&organization, &json!({ "status": "suspended" })).await.expect(200);
    scene.settle().await;
    let cases = ["a revoked token", "a suspended agent's token", "a suspended organization's token"];
    for (case, token) in cases.iter().zip(&tokens) {
        scene.both(table, case, token, ["401", "401"]).await;
    }
}

/// A limit on earlier tokens, which version 1 can only tell as their end.
async fn reduced_scopes(table: &mut Table, scene: &Scene) {
    let api = &scene.tenant.api;
    let agent = scene.agent().await;
    let (wide, narrow) = (agent.token(api).await, scene.narrow(&agent).await);
    let (until, expires_at) = (agentidp_tests::now(), agentidp_tests::now() + 90_000);
    let change = json!({
        "type": "agentLimited", "agentId": agent.id,
        "exception": { "standing": "active", "expiresAt": expires_at },
        "limit": { "scopes": ["agents:read"], "issuedUntil": until },
    });
    let subject = format!("principal/{}", agent.id);
    scene.append(&format!("agent/{}", agent.id), &change.to_string(), &subject, false).await;
    scene.both(table, "a token with more than the reduced scopes", &wide, ["401", "401"]).await;
    scene.both(table, "a token within the reduced scopes", &narrow, ["401", "200"]).await;
    let later = scene.later_token(&agent, until).await;
    scene.both(table, "a token issued after scopes were reduced", &later, ["200", "200"]).await;
}

/// Kinds that neither edge can read, as a later control plane would add them.
async fn kinds_of_the_future(table: &mut Table, scene: &Scene) {
    let agent: Agent = scene.agent().await;
    let token = agent.token(&scene.tenant.api).await;
    let change = r#"{"type": "fromTheFuture"}"#;
    scene.append("hint/1", change, "all", true).await;
    scene.both(table, "after an unknown change that may be ignored", &token, ["200", "200"]).await;
    let subject = format!("principal/{}", agent.id);
    scene.append(&format!("agent/{}", agent.id), change, &subject, false).await;
    scene.both(table, "the subject of an unknown change", &token, ["401", "503"]).await;
    let other = scene.agent().await.token(&scene.tenant.api).await;
    scene.both(table, "everyone else after an unknown change", &other, ["200", "200"]).await;
    for (name, edge, unknown) in [("0.1.0", &scene.older, "0"), ("today", &scene.edge, "1")] {
        let health = Api::new(&edge.url()).get("/health/ready").await.expect(200).json();
        let seen = health["unknownChanges"].as_u64().unwrap_or_default().to_string();
        table.row("unknown changes told of in health", name, unknown, &seen);
    }
}

async fn what_the_control_plane_sees(table: &mut Table, scene: &Scene) {
    for (name, edge) in [("0.1.0", &scene.older), ("today", &scene.edge)] {
        let counted = scene.counts_usage(&edge.url()).await;
        table.row(
            "a call at the edge is in the usage report",
            name,
            "yes",
            if counted { "yes" } else { "no" },
        );
    }
    let nodes = scene.nodes().await;
    for (name, announced) in [("0.1.0", "nothing"), ("today", "feed=2, usage=1, claims=1")] {
        let seen = nodes.get(name).map_or("not seen", String::as_str);
        table.row("what the edge announces", name, announced, seen);
    }
    let failures = scene.push_failures().await;
    table.row("pushes that failed", "both", "0", &failures.to_string());
}

/// The database of 0.1.0 under the present control plane.
async fn database(table: &mut Table, scene: &Scene) {
    let versions = agentidp_tests::environment::root().join("tests/versions/0.1.0");
    let read = |name: &str| std::fs::read_to_string(versions.join(name)).unwrap();
    let database = Database::create();
    // The roles that the dump grants rights to are there: the scene's control plane made them.
    let mut connection = database.connect().await;
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(read("database.sql")))).await.unwrap();
    drop(connection);
    let settings = vec![
        ("AGENTIDP_KEYSTORE_KEY", read("keystore-key").trim().to_owned()),
        ("AGENTIDP_FEED_KEY", read("feed-key.pem").trim().to_owned()),
    ];
    let control_plane = ControlPlane::start_on(database, settings);
    let recorded: serde_json::Value = serde_json::from_str(&read("instance.json")).unwrap();
    let text = |name: &str| recorded["reader"][name].as_str().unwrap().to_owned();
    let answer = scene.tenant.api.at(&control_plane.url()).anonymous();
    let status = answer.token(&text("id"), &text("secret"), None).await.status.to_string();
    table.row("a credential of 0.1.0 after its database was migrated", "-", "200", &status);
}
