//! From nothing to the first answer, and what has to be loaded for it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentidp_tests::process::free_port;
use agentidp_tests::{Api, ControlPlane, eventually};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Bench;
use crate::compare::Spread;
use crate::environment;
use crate::ground::{ALGORITHMS, Ground};
use crate::report::{Goal, Row};
use crate::workerd::Worker;

pub async fn cold(bench: &mut Bench) {
    let trials = if bench.effort.is_quick { 3 } else { 10 };
    let ground = Arc::new(Ground::new(format!("http://127.0.0.1:{}", free_port())));
    let origin = ground.serve(0).await;
    let token = ground.tokens(ALGORITHMS[0], 1, "agents:read").remove(0);
    let (mut verdicts, mut starts) = (Vec::new(), Vec::new());
    for _ in 0..trials {
        let started = Instant::now();
        let worker = Worker::start_edge(&ground, origin);
        let api = Api::new(&worker.url()).with_token(&token);
        // Liveness needs the code, and nothing of what an edge must know.
        eventually("the worker is loaded", Duration::from_secs(30), || async {
            api.try_send(api.request("GET", "/health/live")).await.filter(|answer| answer.is(200)).map(drop)
        })
        .await;
        starts.push(started.elapsed().as_secs_f64() * 1_000.0);
        let loaded = Instant::now();
        while !api.get("/verify").await.is(200) {
            assert!(loaded.elapsed() < Duration::from_secs(30), "no verdict");
        }
        verdicts.push(loaded.elapsed().as_secs_f64() * 1_000.0);
    }
    let goal = Goal::AtMost(50.0);
    bench.report.add(Row::new(
        "cold",
        "edge, loaded, to the first verdict",
        "ms",
        Spread::of(verdicts),
        goal,
    ));
    bench.report.add(Row::new(
        "cold",
        "workerd and edge, to be loaded",
        "ms",
        Spread::of(starts),
        Goal::None,
    ));

    let mut control_plane = ControlPlane::start();
    let again = (0..trials).map(|_| {
        control_plane.stop();
        let started = Instant::now();
        control_plane.start_again();
        started.elapsed().as_secs_f64()
    });
    let again = Spread::of(again.collect::<Vec<_>>());
    bench.report.add(Row::new("cold", "control plane, start to ready", "s", again, Goal::AtMost(2.0)));

    let wasm = std::fs::read(environment::edge_build().join("index_bg.wasm")).unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&wasm).unwrap();
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a megabyte")]
    let mib = encoder.finish().unwrap().len() as f64 / (1_024.0 * 1_024.0);
    bench.report.add(Row::new("cold", "edge worker, gzipped", "MiB", Spread::of([mib]), Goal::AtMost(1.0)));
}
