//! Jobs in a process of their own, which is killed in the middle of one.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use agentidp_tests::process::{Process, free_port};
use agentidp_tests::tenants::new_agent;
use agentidp_tests::{Api, ControlPlane, Tenant, environment, eventually};
use serde_json::{Value, json};
use sqlx::{Executor as _, PgConnection};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const LIMIT: Duration = Duration::from_secs(30);
const KIND: &str = "credentials.expiring";

/// A server that leaves its jobs to workers.
fn serve() -> ControlPlane {
    let settings = vec![("AGENTIDP_JOBS", "off".to_owned()), ("AGENTIDP_EDGE_PUSH_URLS", String::new())];
    ControlPlane::start_behind_with("http://localhost:1".into(), settings)
}

/// The binary, with the settings of that server.
fn agentidp(control_plane: &ControlPlane, metrics_port: u16) -> Command {
    let state = |name: &str| control_plane.folder().path().join("state").join(name);
    let mut command = Command::new(environment::agentidp());
    command
        .env("DATABASE_URL", control_plane.database.url())
        .env("AGENTIDP_ENV", "development")
        .env("AGENTIDP_ISSUER", control_plane.issuer())
        .env("AGENTIDP_KEYSTORE_FILE", state("keystore-key"))
        .env("AGENTIDP_FEED_KEY_FILE", state("feed-key.pem"))
        .env("AGENTIDP_METRICS_LISTEN", format!("127.0.0.1:{metrics_port}"))
        .env("AGENTIDP_JOB_LEASE_SECONDS", "2")
        .env("AGENTIDP_LOG_FORMAT", "json");
    command
}

async fn work(control_plane: &ControlPlane, port: u16, log: &Path) -> Process {
    let mut command = agentidp(control_plane, port);
    command.arg("worker");
    let worker = Process::start_silent("the worker", command, log.to_owned());
    let api = Api::new(&format!("http://127.0.0.1:{port}"));
    eventually("the worker is ready", LIMIT, async || {
        api.try_send(api.request("GET", "/health/ready")).await.filter(|answer| answer.is(200))
    })
    .await;
    worker
}

/// An agent with a credential that expires in five days.
#[expect(clippy::disallowed_methods, reason = "the processes go by the real clock")]
async fn expiring(platform: &Tenant) -> String {
    let agent = platform.api.post("/api/v1/agents", &new_agent()).await.expect(201).text("agentId");
    let expires_at = (OffsetDateTime::now_utc() + Duration::from_hours(120)).format(&Rfc3339).unwrap();
    let path = format!("/api/v1/agents/{agent}/credentials");
    platform.api.post(&path, &json!({"expiresAt": expires_at})).await.expect(201);
    agent
}

async fn job(connection: &mut PgConnection) -> Option<(String, i32)> {
    sqlx::query_as("select state, attempts from jobs where kind = $1")
        .bind(KIND)
        .fetch_optional(connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_job_whose_worker_is_killed_runs_again_and_has_its_effect_once() {
    let control_plane = serve();
    let platform = control_plane.platform().await;
    let agent = expiring(&platform).await;
    let (mut watcher, mut blocker) =
        (control_plane.database.connect().await, control_plane.database.connect().await);
    assert_eq!(job(&mut watcher).await, None, "the server does no jobs");

    // The job gets as far as its first write, and no further.
    blocker.execute("begin; lock table credential_expiry_notices in share mode").await.unwrap();
    let (port, log) = (free_port(), control_plane.folder().path().join("worker.log"));
    let mut worker = work(&control_plane, port, &log).await;
    eventually("the job waits for the lock", LIMIT, async || {
        let waiting = "select count(*) from pg_locks where not granted
                       and relation = 'credential_expiry_notices'::regclass";
        let mut watcher = control_plane.database.connect().await;
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut watcher).await.unwrap();
        (waiting > 0).then_some(())
    })
    .await;
    worker.kill();
    assert_eq!(job(&mut watcher).await, Some(("running".into(), 1)));
    blocker.execute("rollback").await.unwrap();

    let _worker = work(&control_plane, port, &log).await;
    eventually("the job is done", LIMIT, async || {
        let job = job(&mut control_plane.database.connect().await).await;
        job.filter(|(state, _)| state == "done").map(|_| ())
    })
    .await;
    assert_eq!(job(&mut watcher).await, Some(("done".into(), 2)));
    let events = platform.api.get(&format!("/api/v1/audit?action=credential.expiring&agentId={agent}")).await;
    assert_eq!(events.expect(200).json()["total"], 1);

    let wanted = [
        format!("agentidp_job_runs_total{{kind=\"{KIND}\",outcome=\"done\"}} 1"),
        format!("agentidp_credentials_expiring_soon_total{{agent_id=\"{agent}\"}} 1"),
        format!("agentidp_job_duration_seconds_count{{kind=\"{KIND}\"}} 1"),
        "agentidp_audit_chain_integrity 1".to_owned(),
    ];
    eventually("the metrics tell of it", LIMIT, async || {
        let metrics = Api::new(&format!("http://127.0.0.1:{port}")).get("/metrics").await.expect(200).body;
        wanted.iter().all(|line| metrics.lines().any(|each| each == line)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn dead_jobs_are_listed_shown_in_the_metrics_and_run_again_by_the_command_line() {
    let control_plane = serve();
    let platform = control_plane.platform().await;
    let id = "0198c5a4-0000-7000-8000-00000000dead";
    let insert = "insert into jobs (id, kind, payload, state, due_at, created_at, last_error)
                  values ('0198c5a4-0000-7000-8000-00000000dead', 'housekeeping', '{}', 'dead', now(), now(), 'no luck')";
    control_plane.database.connect().await.execute(insert).await.unwrap();
    let metrics = Api::new("").at(&control_plane.metrics_url()).get("").await.expect(200).body;
    let line = "agentidp_jobs{kind=\"housekeeping\",state=\"dead\"} 1";
    assert!(metrics.lines().any(|each| each == line), "{metrics}");

    let run = |arguments: &[&str]| {
        let output = agentidp(&control_plane, 0).arg("jobs").args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (_, listed) = run(&["list", "--state", "dead", "--kind", "housekeeping"]);
    assert!(listed.contains(id) && listed.contains("no luck"), "{listed}");
    assert!(!run(&["retry"]).0, "which?");
    assert!(!run(&["retry", "0198c5a4-0000-7000-8000-000000000000"]).0, "there is no such job");
    assert!(run(&["retry", "--dead"]).0);
    let (_, listed) = run(&["list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&id.into(), &"ready".into()));
    let events = platform.api.get("/api/v1/audit?action=job.retried").await.expect(200).json();
    assert_eq!((&events["total"], &events["data"][0]["metadata"]["jobId"]), (&1.into(), &id.into()));
}
