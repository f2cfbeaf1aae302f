//! The audit log: whether sealing keeps up with issuing, and what checking an exported log costs.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::Bench;
use super::control_plane::Scene;
use crate::compare::Spread;
use crate::load::{self, Shape};
use crate::machine;
use crate::report::{Figures, Goal, Row};

/// Nobody waits longer for a log to be sealed.
const LONGEST: Duration = Duration::from_mins(5);

/// How often what is checked once is hashed: that is so much shorter.
const HASHED: u32 = 2;

/// Events that have no seal yet.
async fn unsealed(connection: &mut PgConnection) -> f64 {
    sqlx::query_scalar("select count(*)::float8 from audit_unsealed").fetch_one(connection).await.unwrap()
}

/// Until every event has its seal.
async fn seconds_to_seal(connection: &mut PgConnection) -> f64 {
    let started = Instant::now();
    while unsealed(connection).await > 0.0 {
        assert!(started.elapsed() < LONGEST, "the log is not sealed within {LONGEST:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    started.elapsed().as_secs_f64()
}

/// Adds events to the log that no request recorded.
async fn add_events(connection: &mut PgConnection, organization: &str, count: u32) {
    let first: f64 = sqlx::query_scalar("select extract(epoch from now())::float8 * 1000")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    let sql = include_str!("events.sql")
        .replace("$organization", organization)
        .replace("$firstms", &format!("{first:.0}"))
        .replace("$count", &count.to_string());
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

/// Sealing beside issuing as fast as possible, and sealing as fast as possible beside what can be issued.
pub async fn append(bench: &mut Bench) {
    let scene = Scene::set().await;
    let mut connection = PgConnection::connect(scene.control_plane.database.url()).await.unwrap();
    let tokens = bench.prepare(scene.token_requests(20).await);
    let (rounds, seconds) = if bench.effort.is_quick { (3, 2.5) } else { (9, 3.5) };
    let shape = Shape::during(32, seconds);
    let _ = load::run(&scene.server, &tokens, shape);
    let count = if bench.effort.is_quick { 10_000_u32 } else { 50_000 };
    let (mut samples, mut behind, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        seconds_to_seal(&mut connection).await;
        let sample = load::run(&scene.server, &tokens, shape);
        behind.push(unsealed(&mut connection).await / sample.per_second);
        seconds_to_seal(&mut connection).await;
        add_events(&mut connection, &scene.tenant.organization_id, count).await;
        rates.push(f64::from(count) / seconds_to_seal(&mut connection).await);
        samples.push(sample);
    }
    let measure = "s of issuing that are not sealed at its end";
    let shape = format!("after {seconds:.1} s of issuing as fast as possible");
    let row = Row::new("audit-append", shape, measure, Spread::of(behind), Goal::AtMost(1.0));
    bench.report.add(row.ours(Figures::of(&samples)));
    let issued = Spread::of(samples.iter().map(|sample| sample.per_second)).median;
    let shape = format!("as fast as possible; {issued:.0} tokens issued a second");
    let row =
        Row::new("audit-append", shape, "events sealed a second", Spread::of(rates), Goal::AtLeast(issued));
    bench.report.add(row);
}

/// Checking an exported log, by hashing the same bytes and nothing else.
pub async fn verify(bench: &mut Bench) {
    let scene = Scene::set().await;
    let mut connection = PgConnection::connect(scene.control_plane.database.url()).await.unwrap();
    let sizes: &[u32] = if bench.effort.is_quick { &[10_000] } else { &[10_000, 1_000_000] };
    for &size in sizes {
        let present: i32 = sqlx::query_scalar("select count(*)::int from audit_events")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let missing = size.saturating_sub(present.unsigned_abs());
        add_events(&mut connection, &scene.tenant.organization_id, missing).await;
        seconds_to_seal(&mut connection).await;
        let folder = scene.control_plane.folder().path().join(format!("log-{size}"));
        let name = folder.to_str().unwrap();
        let run = |arguments: &[&str]| {
            let output = scene.control_plane.run(arguments, &Vec::new());
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        run(&["audit", "export", name]);
        let (mut by_time, mut by_cpu, mut rates) = (Vec::new(), Vec::new(), Vec::new());
        // A single check of a short log is soon over.
        let times = (50_000 / size).max(1);
        let rounds = if bench.effort.is_quick { 5 } else { 15 };
        for _ in 0..rounds {
            let checked = Spent::by(|| (0..times).for_each(|_| run(&["audit", "fsck", name])));
            let file = folder.join("events.ndjson");
            let hashed = Spent::by(|| (0..times * HASHED).for_each(|_| hash_in_a_process(&file)));
            by_time.push(hashed.seconds / f64::from(HASHED) / checked.seconds);
            by_cpu.push(hashed.cpu_seconds / f64::from(HASHED) / checked.cpu_seconds);
            rates.push(f64::from(size) * f64::from(times) / checked.seconds);
        }
        let shape = format!("fsck of {size} events, {:.0} a second", Spread::of(rates).median);
        let (value, measure) = (Spread::of(by_time), "× events a second of SHA-256 alone");
        bench.report.add(Row::new("audit-verify", shape, measure, value, Goal::AtLeast(0.5)));
        let shape = format!("fsck of {size} events");
        let (value, measure) = (Spread::of(by_cpu), "× events a second of CPU of SHA-256 alone");
        bench.report.add(Row::new("audit-verify", shape, measure, value, Goal::None));
        std::fs::remove_dir_all(folder).unwrap();

        let started = Instant::now();
        let answer = scene.tenant.api.get("/api/v1/audit/verify").await.expect(200).json();
        assert_eq!(answer["verified"], true, "{answer}");
        let rate = f64::from(size) / started.elapsed().as_secs_f64();
        let shape = format!("GET /api/v1/audit/verify over {size} events");
        let value = Spread::of([rate]);
        bench.report.add(Row::new(
            "audit-verify",
            shape,
            "events a second, from the database",
            value,
            Goal::None,
        ));
    }
}

/// What some work takes.
struct Spent {
    seconds: f64,
    /// Of processes that were begun, and ended.
    cpu_seconds: f64,
}

impl Spent {
    fn by(work: impl FnOnce()) -> Self {
        let (started, before) = (Instant::now(), machine::cpu_seconds_of_ended());
        work();
        let cpu_seconds = machine::cpu_seconds_of_ended() - before;
        Self { seconds: started.elapsed().as_secs_f64(), cpu_seconds }
    }
}

/// The check is a process that starts, so this is one too.
fn hash_in_a_process(file: &Path) {
    let status = Command::new(std::env::current_exe().unwrap()).arg("--hash").arg(file).status().unwrap();
    assert!(status.success(), "{status}");
}

/// Reads a file and hashes it, as the check does with all it hashes.
pub fn hash(file: &Path) {
    let (mut file, mut hash) = (std::fs::File::open(file).unwrap(), Sha256::new());
    let mut read = vec![0; 1 << 16];
    loop {
        match file.read(&mut read).unwrap() {
            0 => break,
            count => hash.update(&read[..count]),
        }
    }
    std::hint::black_box(hash.finalize());
}
