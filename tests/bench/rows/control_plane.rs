//! The control plane on a PostgreSQL that syncs, with its audit log: tokens, registrations, rotations.

use agentidp_tests::{Agent, ControlPlane, Tenant};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use super::{Bench, Effort};
use crate::compare::{Spread, alternate_shapes};
use crate::load::{self, Request, Server, Shape, percentile};
use crate::machine;
use crate::provider::Provider;
use crate::report::{Figures, Goal, Row};

/// A control plane with one organization.
pub struct Scene {
    pub control_plane: ControlPlane,
    pub tenant: Tenant,
    pub server: Server,
}

impl Scene {
    pub async fn set() -> Self {
        let quiet = vec![("AGENTIDP_LOG", "warn".to_owned())];
        let control_plane = ControlPlane::start_with(quiet);
        let tenant = control_plane.platform().await.create_organization().await;
        let postgres = postgres_id(control_plane.database.url()).await;
        let target = control_plane.url().trim_start_matches("http://").parse().unwrap();
        let processes = vec![("agentidp", control_plane.id()), ("postgres", postgres)];
        Self { control_plane, tenant, server: Server { target, processes } }
    }

    /// For a token each, of so many new agents.
    pub async fn token_requests(&self, agents: usize) -> Vec<Request> {
        let mut requests = Vec::new();
        for _ in 0..agents {
            requests.push(token_request(&self.tenant.create_agent(&["agents:read"]).await));
        }
        requests
    }
}

/// The process that all of a cluster's others come from.
pub async fn postgres_id(url: &str) -> u32 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let backend: i32 =
        sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
    machine::parent(u32::try_from(backend).unwrap()).unwrap()
}

pub fn token_request(Agent { id, secret, .. }: &Agent) -> Request {
    let form =
        format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=agents:read");
    Request::form("/oauth2/token", form)
}

/// Tokens by client credentials, each with its event in the log before it is given out.
pub async fn issue(bench: &mut Bench) {
    let (scene, provider) = (Scene::set().await, Provider::start());
    let ours = bench.prepare(scene.token_requests(20).await);
    let theirs = bench.prepare([provider.token_request()]);
    // Loads that both can bear. Of next to none, what takes longest is what the machine does besides. The peer is slow for some 20 ms
    // whenever it marks its old objects, once in some 1 150 answers. At 1 000 a second that is little more than a hundredth of the
    // time, and the 99th percentile lies at the edge of it, where it is told apart worst; at 1 500 it lies well inside.
    let longer = |times| Effort { warm_up: 1, ..bench.effort.in_longer_rounds(times) };
    let rates =
        [(200.0, 50, longer(8), Goal::None), (1_500.0, 99, longer(16).more_often(8), Goal::AtMost(1.0))];
    let effort = bench.effort.in_longer_rounds(4);
    let all_they_can: &[usize] = if effort.is_quick { &[32] } else { &[1, 32, 100] };
    let mut shapes: Vec<(Effort, Shape)> = all_they_can
        .iter()
        .map(|&connections| (effort, Shape::during(connections, effort.seconds)))
        .collect();
    shapes
        .extend(rates.map(|(rate, _, effort, _)| (effort, Shape::during(32, effort.seconds).at_rate(rate))));
    let mut measured = alternate_shapes(
        &shapes,
        |shape| load::run(&scene.server, &ours, shape),
        |shape| load::run(&provider.server(), &theirs, shape),
    )
    .into_iter();
    for (connections, pairs) in all_they_can.iter().zip(&mut measured) {
        let goal = if *connections == 32 { Goal::AtLeast(5.0) } else { Goal::None };
        bench.report.add(Row::compared("issue", format!("ES256, {connections} connections"), &pairs, goal));
    }
    for ((rate, per_cent, _, goal), pairs) in rates.into_iter().zip(measured) {
        let (shape, measure) = (format!("{rate} a second to either"), format!("× p{per_cent}"));
        let row = Row::new("issue", shape, measure, pairs.percentile(per_cent), goal);
        bench.report.add(row.ours(Figures::of(&pairs.ours)).peer(Figures::of(&pairs.peer)));
    }
}

/// Agents whose secrets are rotated: none of them twice within five seconds, which is refused.
const ROTATED: usize = 400;

/// Everyone at once: a hundred register, a thousand ask for tokens, fifty rotate, each once a second.
pub async fn everyone(bench: &mut Bench) {
    let scene = Scene::set().await;
    let seconds = if bench.effort.is_quick { 4.0 } else { 20.0 };
    let admin = scene.tenant.admin.token(&scene.tenant.api).await;
    let register = (0..3_000)
        .map(|_| Request::json("/api/v1/agents", &agentidp_tests::tenants::new_agent()).with_token(&admin));
    let register = bench.prepare(register);
    let tokens = bench.prepare(scene.token_requests(100).await);
    let mut rotate = Vec::new();
    for _ in 0..ROTATED {
        let agent = scene.tenant.create_agent(&["agents:read"]).await;
        let path = format!("/api/v1/agents/{}/credentials/rotate", agent.id);
        rotate.push(Request::json(path, &json!({})).with_token(&admin));
    }
    let rotate = bench.prepare(rotate);
    let at = |connections, per_second| Shape::during(connections, seconds).at_rate(per_second);
    let kinds = [
        ("register, 100 users", register, at(100, 100.0).expecting(201), 200.0),
        ("token, 1 000 users", tokens, at(1_000, 1_000.0), 100.0),
        ("rotate, 50 users", rotate, at(50, 50.0), 200.0),
    ];
    let running: Vec<_> =
        kinds.iter().map(|(_, requests, shape, _)| load::start(&scene.server, requests, *shape)).collect();
    for ((name, _, _, goal), running) in kinds.iter().zip(running) {
        let sample = running.finish();
        let row = Row::new(
            "everyone",
            *name,
            "ms p99, all at once",
            Spread::of([percentile(&sample.micros, 99)]),
            Goal::AtMost(*goal),
        );
        bench.report.add(row.ours(Figures::without_cpu(&sample)));
    }
}
