//! The signing key is rotated again and again, and an organization's algorithm switched in between, under load: a real control plane
//! that issues tokens, a real edge that verifies them, also those that keys signed which were replaced since. Not one request may
//! fail. Run by `cargo xtask rotations`, which builds what it needs.
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

mod load;
mod measured;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use agentidp_shared::jwk::Algorithm;
use agentidp_tests::environment::{Host, edge_host};
use agentidp_tests::process::free_port;
use agentidp_tests::{Agent, Api, ControlPlane, Edge, Tenant};
use serde_json::{Value, json};

use crate::load::{Load, TOKEN_SECONDS};
use crate::measured::Measured;

/// Load without a rotation, to compare with.
const BEFORE: Duration = Duration::from_secs(20);
/// A rotation is published, known at the edge and in use within this, unless as many keys are published as an edge takes: then the
/// oldest has to go first.
const IN_USE_WITHIN: Duration = Duration::from_secs(90);
/// A switch of algorithm comes with each tenth rotation, and of few with every second.
const SWITCH_EVERY: usize = 10;
const FEW: usize = 20;
const PUBLISHED_WITHIN: Duration = Duration::from_mins(8);

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let rotations: usize = arguments.next().map_or(100, |text| text.parse().expect("a number of rotations"));
    let as_json = arguments.next().is_some_and(|text| text == "--json");

    let port = free_port();
    // Short-lived tokens: a key that was replaced goes soon, and makes room for the next.
    let settings = vec![("AGENTIDP_TOKEN_TTL_SECONDS", TOKEN_SECONDS.to_string())];
    let control_plane = ControlPlane::start_behind_with(format!("http://127.0.0.1:{port}"), settings);
    let mut edge = Edge::start(port, &control_plane, &control_plane.url()).await;
    let platform = control_plane.platform().await;
    let organization = platform.create_organization().await;
    let agents =
        [platform.create_agent(&["agents:read"]).await, organization.create_agent(&["agents:read"]).await];

    let load = Load::start(&control_plane.url(), &edge.url(), &agents);
    tokio::time::sleep(BEFORE).await;
    let before = load.take();
    eprintln!("without rotations: {}", before.line());
    let (started, mut took) = (Instant::now(), Vec::new());
    let mut kids = BTreeSet::from([active(&platform).await]);
    let mut algorithms = [Algorithm::EdDSA, Algorithm::RS256, Algorithm::ES256].into_iter().cycle();
    let mut switches = 0;
    let switch_every = if rotations < FEW { 2 } else { SWITCH_EVERY };
    for number in 1..=rotations {
        if number % switch_every == 0 {
            let algorithm = algorithms.next().unwrap();
            switch(&platform, &organization, &agents[1], algorithm).await;
            switches += 1;
        }
        let (kid, after) = rotate(&platform).await;
        took.push(after);
        kids.insert(kid);
        if number % 10 == 0 || number == rotations {
            eprintln!(
                "  {number:>4}/{rotations}  in use after {:.1} s; {}",
                after.as_secs_f64(),
                load.peek().line()
            );
        }
    }
    // Until the last token of the key before has expired.
    tokio::time::sleep(Duration::from_secs(TOKEN_SECONDS)).await;
    let (during, lasted) = (load.take(), started.elapsed());
    let unused: Vec<String> = kids.iter().filter(|kid| !load.signed_with(kid)).cloned().collect();
    load.stop().await;
    edge.stop();
    took.sort();
    let good = before.failures.is_empty()
        && during.failures.is_empty()
        && unused.is_empty()
        && kids.len() == rotations + 1
        && during.by_replaced_key > 0;
    let result = json!({
        "host": match edge_host() { Host::Cloudflare => "cloudflare", Host::Spin => "spin" },
        "rotations": took.len(),
        "keys": kids.len(),
        "keysThatNeverSigned": unused,
        "switchesOfAlgorithm": switches,
        "seconds": lasted.as_secs_f64(),
        "secondsToUse": took.last().map(|longest| json!({
            "median": took[took.len() / 2].as_secs_f64(), "longest": longest.as_secs_f64()})),
        "before": before.json(),
        "during": during.json(),
        "good": good,
    });
    if as_json {
        println!("{result}");
    } else {
        print(&result, &before, &during);
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(result: &Value, before: &Measured, during: &Measured) {
    println!("\n{:<18} {:>10} {:>9} {:>10} {:>10}", "", "requests", "failures", "p50", "p99");
    for (when, measured) in [("before", before), ("during rotations", during)] {
        for (what, times) in [("verified", &measured.verified), ("issued", &measured.issued)] {
            let [p50, p99] = measured::percentiles(times).map(|took| format!("{:.1} ms", took * 1_000.0));
            let failures = measured.failures.iter().filter(|(of, _)| *of == what).count();
            println!("{when:<18} {:>10} {failures:>9} {p50:>10} {p99:>10}  {what}", times.len() + failures);
        }
    }
    for (what, failure) in before.failures.iter().chain(&during.failures).take(10) {
        println!("failed: {what}: {failure}");
    }
    println!(
        "{} of the tokens verified during rotations were signed by a key that had been replaced",
        during.by_replaced_key
    );
    println!(
        "{} rotations and {} switches of an organization's algorithm in {:.0} s on {}, each in use after {:.1} s in the median, {:.1} s at the longest; {} keys never signed",
        result["rotations"],
        result["switchesOfAlgorithm"],
        result["seconds"].as_f64().unwrap_or_default(),
        result["host"].as_str().unwrap_or_default(),
        result["secondsToUse"]["median"].as_f64().unwrap_or_default(),
        result["secondsToUse"]["longest"].as_f64().unwrap_or_default(),
        result["keysThatNeverSigned"].as_array().map_or(0, Vec::len),
    );
}

/// Lets the organization's tokens be signed with another algorithm, and waits until they are.
async fn switch(platform: &Tenant, organization: &Tenant, agent: &Agent, algorithm: Algorithm) {
    let asked = Instant::now();
    let path = format!("/api/v1/organizations/{}", organization.organization_id);
    let change = json!({ "signingAlgorithm": algorithm.as_str() });
    loop {
        let api = platform.admin.log_in(&platform.api).await;
        match api.patch(&path, &change).await {
            answer if answer.is(200) => break,
            // As many keys are published as an edge takes: the oldest has to go first.
            answer if answer.is(409) && asked.elapsed() < PUBLISHED_WITHIN => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            answer => panic!("no switch to {algorithm:?}: {} {}", answer.status, answer.body),
        }
    }
    let chosen = Instant::now();
    while load::header(&agent.token(&organization.api).await)["alg"] != algorithm.as_str() {
        assert!(chosen.elapsed() < IN_USE_WITHIN, "{algorithm:?} is not used after {IN_USE_WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Publishes a new key, and waits until it signs; how long that took since it was published.
async fn rotate(platform: &Tenant) -> (String, Duration) {
    let asked = Instant::now();
    let kid = loop {
        // Tokens live shorter than this program.
        let api = platform.admin.log_in(&platform.api).await;
        let answer = api.post("/api/v1/keys/rotate", &json!({})).await;
        match answer.status {
            202 => break answer.text("kid"),
            409 if asked.elapsed() < PUBLISHED_WITHIN => tokio::time::sleep(Duration::from_millis(500)).await,
            _ => panic!("no new key: {} {}", answer.status, answer.body),
        }
    };
    let published = Instant::now();
    while active(platform).await != kid {
        assert!(published.elapsed() < IN_USE_WITHIN, "key {kid} is not used after {IN_USE_WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    (kid, published.elapsed())
}

async fn active(platform: &Tenant) -> String {
    let api: Api = platform.admin.log_in(&platform.api).await;
    let keys = api.get("/api/v1/keys").await.expect(200).json();
    let mut keys = keys["data"].as_array().unwrap().iter();
    // Of the instance's algorithm: an organization may use another.
    keys.find(|key| key["status"] == "active" && key["algorithm"] == "ES256").unwrap()["kid"]
        .as_str()
        .unwrap()
        .to_owned()
}
