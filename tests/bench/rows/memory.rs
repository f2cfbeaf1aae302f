//! What an edge on Workers takes when as much is revoked as can be: at its start, and when it takes a new snapshot while it still holds
//! the old one. Node and hub are one instance here, as they are for most regions there.

use std::time::{Duration, Instant};

use agentidp_tests::process::free_port;
use agentidp_tests::{Api, ControlPlane, Edge, Tenant};
use sqlx::{Connection as _, PgConnection};

use super::Bench;
use super::fill::Contents;
use crate::compare::Spread;
use crate::machine;
use crate::report::{Goal, Row};

/// The maximum that the worker is linked with, in MiB.
const MEMORY_MIB: f64 = 96.0;
/// How long an edge may take for anything.
const PATIENCE: Duration = Duration::from_mins(3);

pub async fn memory(bench: &mut Bench) {
    let revoked_tokens = if bench.effort.is_quick { 50_000 } else { 1_000_000 };
    let tokens = Contents { tenants: 0, partners_per_tenant: 0, revoked_tokens };
    let tenants = Contents { tenants: 200, partners_per_tenant: 2, revoked_tokens: 0 };
    measure(bench, &format!("{revoked_tokens} revoked tokens"), tokens).await;
    measure(bench, "200 tenants at their budgets", tenants).await;
}

async fn measure(bench: &mut Bench, name: &str, contents: Contents) {
    let port = free_port();
    let control_plane = ControlPlane::start_behind(format!("http://127.0.0.1:{port}"));
    let tenant = control_plane.platform().await.create_organization().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let (good, revoked) = (agent.token(&tenant.api).await, agent.token(&tenant.api).await);
    contents.fill(&control_plane).await;
    revoke(&tenant, &revoked).await;

    let began = Instant::now();
    let edge = Edge::start_unready(port, &control_plane, &control_plane.url());
    let loaded = began.elapsed().as_secs_f64();
    let watched = Watched {
        good: Api::new(&edge.url()).with_token(&good),
        revoked: Api::new(&edge.url()).with_token(&revoked),
        metrics: Api::new(&edge.url()).with_token(&control_plane.metrics_key()),
        edge,
    };
    while !watched.good.get("/verify").await.is(200) {
        assert!(began.elapsed() < PATIENCE, "no verdict");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seconds = Spread::of([began.elapsed().as_secs_f64() - loaded]);
    watched.revoked.get("/verify").await.expect(401);
    let shape = format!("{name}, cold");
    bench.report.add(Row::new("memory", &shape, "s, loaded, to the first verdict", seconds, Goal::None));
    watched.add_rows(bench, &shape).await;

    let began = Instant::now();
    let head = leave_gap(&control_plane).await;
    let mut refused = 0_u32;
    while watched.sequence().await < head {
        assert!(began.elapsed() < PATIENCE, "no new snapshot");
        // Until the new one is whole the old one decides.
        let answer = watched.good.get("/verify").await;
        refused += u32::from(!answer.is(200));
        watched.revoked.get("/verify").await.expect(401);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seconds = Spread::of([began.elapsed().as_secs_f64()]);
    watched.good.get("/verify").await.expect(200);
    watched.revoked.get("/verify").await.expect(401);
    let shape = format!("{name}, anew");
    bench.report.add(Row::new("memory", &shape, "s to a new snapshot", seconds, Goal::None));
    let refused = Spread::of([f64::from(refused)]);
    bench.report.add(Row::new("memory", &shape, "good tokens refused meanwhile", refused, Goal::AtMost(0.0)));
    watched.add_rows(bench, &shape).await;
}

async fn revoke(tenant: &Tenant, token: &str) {
    tenant.api.with_token(token).form("/oauth2/revoke", &[("token", token)]).await.expect(200);
}

/// Makes the feed skip a number, as it looks to an edge that was away while superseded changes were purged; returns its new head.
async fn leave_gap(control_plane: &ControlPlane) -> u64 {
    let mut database = PgConnection::connect(control_plane.database.url()).await.unwrap();
    let head: i64 = sqlx::query_scalar(
        "insert into edge_feed (sequence, key, change, expires_at, sequenced_at)
         select max(sequence) + 2, 'token/' || jti, jsonb_build_object('type', 'tokenRevoked', 'jti', jti, 'expiresAt', expiry),
           to_timestamp(expiry), now()
         from edge_feed, (select gen_random_uuid() as jti, extract(epoch from now())::bigint + 3600 as expiry) token
         group by jti, expiry returning sequence",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    head.try_into().unwrap()
}

/// An edge, and who asks it.
struct Watched {
    good: Api,
    revoked: Api,
    metrics: Api,
    edge: Edge,
}

impl Watched {
    /// The sequence that the node knows.
    async fn sequence(&self) -> u64 {
        self.good
            .get("/health/ready")
            .await
            .header("x-state-seq")
            .map_or(0, |sequence| sequence.parse().unwrap())
    }

    /// WebAssembly memory never shrinks, so what there is was the most; of the process, V8's heap and the runtime included, Linux keeps it.
    async fn add_rows(&self, bench: &mut Bench, shape: &str) {
        let text = self.metrics.get("/edge/v1/metrics").await.expect(200).body;
        let gauge = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.map_or_else(|| panic!("no {name}: {text}"), |value| value.parse::<f64>().unwrap())
        };
        let webassembly = gauge("agentidp_edge_memory_bytes") / (1_024.0 * 1_024.0);
        let goal = Goal::AtMost(MEMORY_MIB);
        bench.report.add(Row::new("memory", shape, "MiB of WebAssembly", Spread::of([webassembly]), goal));
        let exceptions = Spread::of([gauge("agentidp_edge_exceptions")]);
        bench.report.add(Row::new("memory", shape, "exceptions held", exceptions, Goal::None));
        let process = machine::peak_mib_of(self.edge.id(), "workerd").unwrap();
        let process = Spread::of(u32::try_from(process).map(f64::from));
        bench.report.add(Row::new("memory", shape, "MiB of workerd in all", process, Goal::None));
        assert!(webassembly <= MEMORY_MIB, "{webassembly} MiB");
    }
}
