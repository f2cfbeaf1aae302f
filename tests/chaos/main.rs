//! Proof that nothing acknowledged is lost: a real PostgreSQL and the real control plane are killed again and again under load, and
//! then everything that was answered is looked for. Run by `cargo xtask chaos`, which builds what it needs.
//!
//! Killed means SIGKILL: what the processes had in memory is gone, what they had written to the operating system is not. Whether
//! the disk keeps what it said it has is not tried here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program that stops when something is wrong, and watches real processes by the real clock"
)]

mod actor;
mod caller;
mod invariants;
mod killer;
mod ledger;
mod load;
mod options;
mod postgres;
mod random;
mod readers;
mod report;
mod sabotage;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use agentidp_tests::control_plane::Settings;
use agentidp_tests::database::Database;
use agentidp_tests::{ControlPlane, eventually};

use crate::invariants::{Case, Invariant};
use crate::load::Load;
use crate::options::Options;
use crate::postgres::Postgres;
use crate::random::Random;
use crate::readers::{Auditor, Feed, Reader};
use crate::report::Report;

/// What is left over after the last kill is done within this.
const SETTLES_WITHIN: Duration = Duration::from_mins(2);
/// A job that was interrupted again and again waits the longer for its next turn: after the ninth time up to 512 seconds.
const JOBS_SETTLE_WITHIN: Duration = Duration::from_mins(11);

fn settings(schedules: &str) -> Settings {
    vec![
        // No token and no exception expires meanwhile.
        ("AGENTIDP_TOKEN_TTL_SECONDS", "86400".to_owned()),
        ("AGENTIDP_SCHEDULES", schedules.to_owned()),
        ("AGENTIDP_JOB_LEASE_SECONDS", "3".to_owned()),
        // Logins that have to fail come from many addresses, or they would slow each other down.
        ("AGENTIDP_TRUSTED_PROXIES", "127.0.0.0/8".to_owned()),
    ]
}

const OFTEN: &str =
    "credentials.expiring=2s, compliance.check=10s, housekeeping=20s, audit.verify=1m, keys.rotate=1m";
const NEVER: &str =
    "credentials.expiring=off, compliance.check=off, housekeeping=off, audit.verify=off, keys.rotate=off";

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("error: {problem}");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    eprintln!(
        "{} kills of the control plane and {} of PostgreSQL, seed {}",
        options.kills, options.database_kills, options.seed
    );
    let mut postgres = Postgres::start().await;
    let mut control_plane =
        ControlPlane::start_on(Database::create_on(postgres.url().to_owned()), settings(OFTEN));
    let platform = control_plane.platform().await;
    let tenant = platform.create_organization().await;
    let probe = tenant.create_agent(&["agents:read"]).await;

    let feed = Feed::of(&control_plane);
    let readers = [
        Reader::start(feed.clone(), "follower", None),
        Reader::start(feed, "restarter", Some(Random::new(options.seed, 1_000))),
    ];
    let auditor = Auditor::start(tenant.api.clone());
    let load = Load::start(&control_plane, &platform, &tenant, options.seed).await;
    let mut random = Random::new(options.seed, 2_000);
    let strikes = killer::plan(options.kills, options.database_kills, &mut random);
    let all = strikes.len();
    let recoveries = killer::strike_all(
        &strikes,
        &mut control_plane,
        &mut postgres,
        &probe,
        &mut random,
        |number, strike, took| {
            eprintln!("  {number:>3}/{all}  {:<38} a token after {:.2} s", strike.name(), took.as_secs_f64());
        },
    )
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ledger = load.stop().await;
    let heads = auditor.stop().await;
    let lasted = started.elapsed();
    eprintln!("{} requests in {:.0} s; everything comes to rest", ledger.entries.len(), lasted.as_secs_f64());

    let mut case = Case { control_plane: &control_plane, platform, tenant, ledger, edges: Vec::new(), heads };
    settle(
        &case,
        "the last job",
        "select count(*) from credentials where status = 'active' and expires_at is not null
        and not exists (select from credential_expiry_notices where credential_id = credentials.id)",
        SETTLES_WITHIN,
    )
    .await;
    let Case { platform, tenant, ledger, heads, .. } = case;
    control_plane.start_again_with(settings(NEVER));
    case = Case { control_plane: &control_plane, platform, tenant, ledger, edges: Vec::new(), heads };
    let left = "select count(*) from jobs where state in ('ready', 'running')";
    settle(&case, "no job is left", left, JOBS_SETTLE_WITHIN).await;
    settle(&case, "the feed is numbered", "select count(*) from edge_feed_pending", SETTLES_WITHIN).await;
    settle(&case, "the log is sealed", "select count(*) from audit_unsealed", SETTLES_WITHIN).await;
    let head: i64 = sqlx::query_scalar("select max(sequence) from edge_feed")
        .fetch_one(&mut case.database().await)
        .await
        .unwrap();
    for reader in readers {
        case.edges.push(reader.stop_at(head.unsigned_abs()).await);
    }

    let mut report = Report::new(&options, lasted, recoveries, &case).await;
    for invariant in Invariant::ALL {
        let verdict = invariant.check(&case).await;
        Report::show_verdict(&verdict);
        report.verdicts.push(verdict);
    }
    eprintln!("the checks are checked: damage is done on purpose");
    report.tried = sabotage::try_all(&mut case, report::show_tried).await;
    report.print(options.json);
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Waits until the query counts nothing, but no longer than `limit`. If it never does, the checks will say so.
async fn settle(case: &Case<'_>, what: &str, sql: &'static str, limit: Duration) {
    let started = Instant::now();
    eventually(what, limit + Duration::from_secs(10), async || {
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut case.database().await).await.unwrap();
        (count == 0 || started.elapsed() > limit).then_some(())
    })
    .await;
}
