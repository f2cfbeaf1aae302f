//! One organization at all its limits, beside another that works: what the other feels of it.
//!
//! Slices alternate: the quiet organization alone, then beside the other, at the same rate. What the loud one costs is the CPU that all
//! servers spend beside it and not alone. So whatever happens to the machine happens to both kinds of slices.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use agentidp_tests::process::free_port;
use agentidp_tests::tenants::new_agent;
use agentidp_tests::{Agent, Api, ControlPlane, Edge, Tenant};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::net::TcpListener;

use super::Bench;
use super::control_plane::{postgres_id, token_request};
use super::fill::{Contents, largest_key_set, start_cold};
use crate::compare::Spread;
use crate::load::{self, Request, Running, Sample, Server, Shape, micros_together, percentile};
use crate::machine;
use crate::report::{Figures, Goal, Row};

/// How much longer than alone the other organization's slowest answers may take.
const SLOWER: f64 = 1.5;
/// How much of the machine the loud one may take by what its limits let through.
const CPU_SHARE: f64 = 0.3;
/// Requests of the quiet organization, those that read and those that register, a second.
const READS: f64 = 60.0;
const REGISTRATIONS: f64 = 4.0;
/// Limits as they are in production. All requests come from one address here, which is not what is measured.
const LIMITS: [(&str, &str); 2] =
    [("AGENTIDP_RATE_LIMIT_CLIENT", "200/1:400"), ("AGENTIDP_RATE_LIMIT_PRO", "5000/1:10000")];
/// What tenants of a filled instance have in the feed. Two sets of keys of the largest size are 29 KiB.
const AT_THEIR_BUDGETS: Contents = Contents { tenants: 200, partners_per_tenant: 2, revoked_tokens: 0 };

pub async fn neighbour(bench: &mut Bench) {
    let scene = Scene::set(bench).await;
    let (slices, seconds) = if bench.effort.is_quick { (4, 3.0) } else { (15, 6.0) };
    // What is run for the first time is slow for another reason.
    scene.slice(bench, true, seconds);
    let (mut alone, mut beside, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..slices {
        let (quiet, loud) = (scene.slice(bench, false, seconds), scene.slice(bench, true, seconds));
        let share = loud.cpu_share - quiet.cpu_share;
        println!(
            "  slice {number}: p99 {:.1} ms alone, {:.1} ms beside; the neighbour takes {:.0} % of the CPU{}",
            percentile(&quiet.sample.micros, 99),
            percentile(&loud.sample.micros, 99),
            share * 100.0,
            loud.told
        );
        shares.push(share);
        alone.push(quiet.sample);
        beside.push(loud.sample);
    }
    let p99 = |samples: &[Sample]| Spread::of(samples.iter().map(|sample| percentile(&sample.micros, 99)));
    let (quiet, loud) = (p99(&alone), p99(&beside));
    println!(
        "  p99 of the slices: {:.1} ms alone ({:.1}–{:.1}), {:.1} ms beside ({:.1}–{:.1})",
        quiet.median, quiet.low, quiet.high, loud.median, loud.low, loud.high
    );
    let of_alone = |value: f64| value / quiet.median;
    let slower = Spread { median: of_alone(loud.median), low: of_alone(loud.low), high: of_alone(loud.high) };
    let row = Row::new("neighbour", "the other organization", "× p99 alone", slower, Goal::AtMost(SLOWER));
    bench.report.add(row.ours(Figures::of(&beside)).peer(Figures::of(&alone)));
    let share = Spread::of(shares);
    let row = Row::new("neighbour", "what limits let through", "of the CPU", share, Goal::AtMost(CPU_SHARE));
    bench.report.add(row);
    cold_with_everybody_at_their_budgets(bench, scene).await;
}

/// An edge that starts when two hundred tenants have in the feed what they may.
async fn cold_with_everybody_at_their_budgets(bench: &mut Bench, scene: Scene) {
    let Scene { control_plane, edge, port, .. } = scene;
    drop(edge);
    let (edge, before) = start_cold(&control_plane, port).await;
    drop(edge);
    AT_THEIR_BUDGETS.fill(&control_plane).await;
    let (edge, filled) = start_cold(&control_plane, port).await;
    drop(edge);
    for (name, start) in [("few tenants", before), ("200 tenants at their budgets", filled)] {
        let shape = format!("cold edge, {name}");
        let seconds = Spread::of([start.seconds]);
        bench.report.add(Row::new("neighbour", &shape, "s to ready", seconds, Goal::None));
        let memory = Spread::of(u32::try_from(start.memory_mib).map(f64::from));
        bench.report.add(Row::new("neighbour", shape, "MiB in all its processes", memory, Goal::None));
    }
}

/// A kind of requests, and how it is sent.
struct Kind {
    name: &'static str,
    requests: PathBuf,
    shape: fn(f64) -> Shape,
}

/// An instance behind its edge, with two organizations.
struct Scene {
    control_plane: ControlPlane,
    edge: Edge,
    port: u16,
    /// Whose CPU counts: control plane, database, edge.
    processes: [u32; 3],
    reads: Kind,
    /// The token with which the quiet organization registers agents.
    registrar: String,
    loud: Vec<Kind>,
    // Accepts connections and never says anything.
    _hanging: tokio::task::JoinHandle<()>,
}

/// What one slice showed.
struct Slice {
    /// All answers that the quiet organization got.
    sample: Sample,
    cpu_share: f64,
    /// What became of the loud one's requests.
    told: String,
}

impl Scene {
    async fn set(bench: &Bench) -> Self {
        let port = free_port();
        let settings = LIMITS.map(|(name, value)| (name, value.to_owned()));
        let quiet_log = [("AGENTIDP_LOG", "error".to_owned())];
        let settings = settings.into_iter().chain(quiet_log).collect();
        let control_plane = ControlPlane::start_behind_with(format!("http://127.0.0.1:{port}"), settings);
        let edge = Edge::start(port, &control_plane, &control_plane.url()).await;
        let platform = Tenant::log_in(&Api::new(&edge.url()), &control_plane.admin_credential()).await;
        // The quiet one registers more agents in a run than the pro tier allows.
        let (quiet, loud) = (platform.create_organization().await, of_tier(&platform, "pro").await);
        let postgres = postgres_id(control_plane.database.url()).await;
        let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let never = format!("https://localhost:{}", hanging.local_addr().unwrap().port());
        let registrar = quiet.admin.token(&quiet.api).await;
        Self {
            processes: [control_plane.id(), postgres, edge.id()],
            reads: reads(bench, &quiet, &registrar).await,
            registrar,
            loud: loud_kinds(bench, &control_plane, &loud, &never).await,
            control_plane,
            edge,
            port,
            _hanging: tokio::spawn(hang(hanging)),
        }
    }

    fn start(&self, kind: &Kind, seconds: f64) -> Running {
        let target = self.edge.url().trim_start_matches("http://").parse().unwrap();
        load::start(&Server { target, processes: Vec::new() }, &kind.requests, (kind.shape)(seconds))
    }

    /// The quiet organization's requests for so long, beside the loud one's or alone.
    fn slice(&self, bench: &Bench, is_beside: bool, seconds: f64) -> Slice {
        // An agent is registered once.
        let registrations =
            (0..200).map(|_| Request::json("/api/v1/agents", &new_agent()).with_token(&self.registrar));
        let registrations = Kind {
            name: "registrations",
            requests: bench.prepare(registrations),
            shape: |seconds| Shape::during(4, seconds).at_rate(REGISTRATIONS).expecting(201),
        };
        let cpu = || self.processes.iter().map(|process| machine::cpu_seconds(*process)).sum::<f64>();
        let loud: &[Kind] = if is_beside { &self.loud } else { &[] };
        let loud: Vec<_> = loud.iter().map(|kind| (kind.name, self.start(kind, seconds))).collect();
        let (began, cpu_before) = (Instant::now(), cpu());
        let quiet = [&self.reads, &registrations].map(|kind| self.start(kind, seconds));
        let samples = quiet.map(Running::finish);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cores = f64::from(u32::try_from(cores).unwrap());
        let cpu_share = (cpu() - cpu_before) / (began.elapsed().as_secs_f64() * cores);
        let mut told = String::new();
        for (name, running) in loud {
            let sample = running.finish();
            let refused: usize = sample.failures.values().sum();
            let _ = write!(told, "; {name}: {} answered, {refused} refused", sample.micros.len());
        }
        let mut together = Sample { micros: micros_together(&samples), ..Sample::default() };
        for sample in samples {
            together.per_second += sample.per_second;
            for (what, count) in sample.failures {
                *together.failures.entry(what).or_default() += count;
            }
        }
        Slice { sample: together, cpu_share, told }
    }
}

async fn of_tier(platform: &Tenant, tier: &str) -> Tenant {
    let tenant = platform.create_organization().await;
    let path = format!("/api/v1/organizations/{}", tenant.organization_id);
    platform.api.json("PATCH", &path, &json!({ "tier": tier })).await.expect(200);
    tenant
}

/// Tokens, lists, looks into the log, and verdicts of the edge.
async fn reads(bench: &Bench, tenant: &Tenant, admin: &str) -> Kind {
    let mut reads = Vec::new();
    for _ in 0..10 {
        let agent = tenant.create_agent(&["agents:read"]).await;
        let token = agent.token(&tenant.api).await;
        reads.extend([
            Request::get("/verify").with_token(&token),
            token_request(&agent),
            Request::get("/api/v1/agents?limit=20").with_token(&token),
            Request::get("/verify").with_token(&token),
            Request::get("/api/v1/audit?limit=20").with_token(admin),
            Request::get(format!("/api/v1/agents/{}", agent.id)).with_token(&token),
        ]);
    }
    Kind {
        name: "reads",
        requests: bench.prepare(reads),
        shape: |seconds| Shape::during(16, seconds).at_rate(READS),
    }
}

/// Everything at once that an organization can do to others, as fast as it is answered. Each kind is a client of its own, so that the
/// limit of one client bounds none of the others.
async fn loud_kinds(bench: &Bench, control_plane: &ControlPlane, tenant: &Tenant, never: &str) -> Vec<Kind> {
    let partner = add_rows(control_plane, tenant).await;
    let clients = [client(tenant).await, client(tenant).await, client(tenant).await, client(tenant).await];
    let [searches, changes, partners, hanging] = clients;
    let victim: Agent = tenant.create_agent(&["agents:read"]).await;
    let changed = |status: &str| Request {
        method: "PATCH",
        ..Request::json(format!("/api/v1/agents/{}", victim.id), &json!({ "status": status }))
    };
    let renamed = |name: &str| Request {
        method: "PATCH",
        ..Request::json(format!("/api/v1/federation/partners/{partner}"), &json!({ "name": name }))
    };
    let register = |number: usize| {
        let issuer = format!("{never}/{number}");
        let jwks_uri = format!("{issuer}/keys");
        let body =
            json!({"name": "Never", "issuer": issuer, "jwksUri": jwks_uri, "allowedOrganizations": ["a"]});
        Request::json("/api/v1/federation/partners", &body)
    };
    let deep = [
        "/api/v1/audit?limit=100&page=100",
        "/api/v1/agents?limit=100&page=100&q=nothing-has-this",
        "/api/v1/audit?limit=100&page=100&outcome=success",
        "/api/v1/agents?limit=100&page=20",
    ];
    vec![
        Kind {
            name: "searches",
            requests: bench.prepare(deep.map(|path| Request::get(path).with_token(&searches))),
            shape: |seconds| Shape::during(20, seconds),
        },
        Kind {
            name: "suspensions",
            requests: bench
                .prepare(["suspended", "active"].map(|status| changed(status).with_token(&changes))),
            shape: |seconds| Shape::during(8, seconds),
        },
        Kind {
            name: "largest partners",
            requests: bench.prepare(["One", "Another"].map(|name| renamed(name).with_token(&partners))),
            shape: |seconds| Shape::during(8, seconds),
        },
        Kind {
            name: "hanging servers",
            requests: bench.prepare((0..64).map(|number| register(number).with_token(&hanging))),
            shape: |seconds| Shape::during(32, seconds).expecting(201),
        },
    ]
}

/// The token of a client of the organization with every right.
async fn client(tenant: &Tenant) -> String {
    let scopes = ["admin:orgs", "agents:read", "agents:write", "audit:read"];
    let agent = tenant.create_agent(&scopes).await;
    let member = json!({ "agentId": agent.id, "role": "admin" });
    let path = format!("/api/v1/organizations/{}/members", tenant.organization_id);
    tenant.api.post(&path, &member).await.expect(201);
    agent.token(&tenant.api).await
}

/// Many events and agents of the organization, and a partner of the largest size, whose id is returned.
async fn add_rows(control_plane: &ControlPlane, tenant: &Tenant) -> String {
    let mut database = PgConnection::connect(control_plane.database.url()).await.unwrap();
    let id = &tenant.organization_id;
    let jwks = json!(largest_key_set());
    let rows = format!(
        "insert into audit_events (event_id, occurred_at, organization_id, agent_id, action, outcome)
           select gen_random_uuid(), now() - n * interval '1 second', '{id}', gen_random_uuid(), 'token.issued', 'success'
           from generate_series(1, 200000) n;
         insert into agents (id, organization_id, email, agent_type, version, capabilities, owner, deployment_env, scopes,
             did_public_jwk, created_at, updated_at, status)
           select gen_random_uuid(), '{id}', 'loud-' || n || '@tests.example', 'custom', '1.0.0', '{{}}', 'the tests', 'production',
             '{{}}', '{{}}', now() - n * interval '1 second', now(), 'decommissioned' from generate_series(1, 20000) n;
         insert into federation_partners (id, organization_id, name, issuer, jwks_uri, keys, keys_fetched_at, keys_told_at,
             keys_ask_again_at, keys_refresh_at, allowed_organizations, created_at, updated_at)
           values (gen_random_uuid(), '{id}', 'Largest', 'https://largest.example', 'https://largest.example/keys', '{jwks}', now(), now(),
             now(), now() + interval '1 day', '{{org-7}}', now(), now());
         analyze"
    );
    sqlx::raw_sql(AssertSqlSafe(rows)).execute(&mut database).await.unwrap();
    sqlx::query_scalar("select id::text from federation_partners where organization_id = $1::text::uuid")
        .bind(id)
        .fetch_one(&mut database)
        .await
        .unwrap()
}

/// Keeps every connection open and says nothing.
async fn hang(listener: TcpListener) {
    let mut kept = Vec::new();
    while let Ok((connection, _)) = listener.accept().await {
        kept.push(connection);
    }
}
