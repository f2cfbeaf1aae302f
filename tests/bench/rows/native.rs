//! Verification natively, beside the bare signature check of aws-lc-rs; and the same on Spin beside a native process.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentidp_shared::exceptions::Exceptions;
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::jwk::{Algorithm, KeySet};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::verify::{Authentic, Expectation, Refusal, Unverified, parse};
use agentidp_tests::now;
use agentidp_tests::process::free_port;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};

use super::Bench;
use crate::compare::Spread;
use crate::ground::{ALGORITHMS, Ground};
use crate::report::{Goal, Row};

/// What the control plane checks signatures with, through the same port as the edge does.
fn check_by_aws_lc(key: &ParsedPublicKey, unverified: Unverified<'_>) -> Result<Authentic, Refusal> {
    let valid = key.verify_sig(unverified.signing_input(), unverified.signature()).is_ok();
    unverified.attest(valid)
}

/// Nanoseconds of one call, for each of many in turn: of one signature again and again, runs differ twice as much.
fn time<'a, T>(each: &'a [T], mut call: impl FnMut(&'a T) -> bool) -> f64 {
    const FOR: Duration = Duration::from_millis(2);
    let (mut calls, started) = (0_u32, Instant::now());
    for it in each.iter().cycle() {
        if started.elapsed() >= FOR {
            break;
        }
        assert!(call(black_box(it)));
        calls += 1;
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

/// Of each algorithm.
const TOKENS: usize = 200;

/// What a figure is at most in a twentieth of the rounds, which are the fastest.
fn undisturbed<R>(rounds: &[R], figure: impl Fn(&R) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(figure).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 20).copied().unwrap_or(f64::NAN)
}

pub fn native_limit(bench: &mut Bench) {
    let ground = Ground::new(format!("http://127.0.0.1:{}", free_port()));
    let keys = KeySet::from_jwks(&ground.jwks()).unwrap();
    let exceptions = Exceptions::new(SeededHasher::new([3; 16]));
    let expected =
        Expectation { issuer: ground.issuer(), audience: ground.issuer(), scopes: &ScopeSet::empty() };
    let now = u64::try_from(now()).unwrap();
    let judged = |authentic: Result<Authentic, Refusal>| {
        authentic.and_then(|authentic| authentic.judge(&keys, &exceptions, now, &expected).map(drop)).is_ok()
    };
    let tokens = ALGORITHMS.map(|algorithm| ground.tokens(algorithm, TOKENS, "agents:read"));
    let mut measured: Vec<_> = ALGORITHMS
        .iter()
        .zip(&tokens)
        .map(|(&algorithm, tokens)| {
            let rules: &'static dyn VerificationAlgorithm = match algorithm {
                Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
                Algorithm::EdDSA => &ED25519,
                Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
            };
            let key = ParsedPublicKey::new(rules, ground.public_key(algorithm)).unwrap();
            (algorithm, tokens, key, Vec::new())
        })
        .collect();
    // So many that some have a core to themselves: on a machine that is shared, another's work on the same core slows each in its own way.
    for _ in 0..bench.effort.rounds * 8 {
        for (_, tokens, key, rounds) in &mut measured {
            let unverified: Vec<_> = tokens.iter().map(|token| parse(token, &keys).unwrap()).collect();
            let pure =
                time(tokens, |token| judged(parse(token, &keys).and_then(Unverified::check_signature)));
            let through = time(tokens, |token| {
                judged(parse(token, &keys).and_then(|unverified| check_by_aws_lc(key, unverified)))
            });
            let bare = time(&unverified, |it| key.verify_sig(it.signing_input(), it.signature()).is_ok());
            rounds.push((pure, through, bare));
        }
    }
    for (algorithm, _, _, rounds) in measured {
        let by_bare = |figure: fn(&(f64, f64, f64)) -> f64| Spread {
            median: undisturbed(&rounds, figure) / undisturbed(&rounds, |(_, _, bare)| *bare),
            ..Spread::of(rounds.iter().map(|round| figure(round) / round.2))
        };
        let name = algorithm.as_str();
        let bare = undisturbed(&rounds, |(_, _, bare)| *bare) / 1_000.0;
        let shape = format!("{name}, signature by aws-lc ({bare:.0} µs)");
        let value = by_bare(|(_, through, _)| *through);
        bench.report.add(Row::new("native-limit", shape, "× bare signature check", value, Goal::AtMost(1.5)));
        let value = by_bare(|(pure, _, _)| *pure);
        let shape = format!("{name}, pure Rust");
        bench.report.add(Row::new("native-limit", shape, "× bare signature check", value, Goal::None));
    }
}

/// `/verify` of an edge on Spin by the same verification in a native process.
pub async fn spin_verify(bench: &mut Bench) {
    use crate::compare::alternate;
    use crate::load::{Request, Shape, run};
    let ground = Arc::new(Ground::new(format!("http://127.0.0.1:{}", free_port())));
    let origin = ground.serve(0).await;
    let spin = crate::spin::Edge::start(&ground, origin).await;
    let native = crate::native::Server::start(&ground);
    let effort = bench.effort.by_the_way();
    let live = bench.prepare([Request::get("/health/live")]);
    let floor =
        (0..effort.all_rounds()).map(|_| run(&spin.server(), &live, Shape::during(10, effort.seconds)));
    let floor: Vec<_> = floor.skip(effort.warm_up).collect();
    let value = Spread::of(floor.iter().map(crate::load::Sample::cpu_ms_in_all));
    let row = Row::new("spin-verify", "a request that is asked nothing", "ms of CPU", value, Goal::None);
    bench.report.add(row.ours(crate::report::Figures::of(&floor)));
    for algorithm in [Algorithm::EdDSA, Algorithm::ES256] {
        let count = effort.requests / 2;
        let files: Vec<_> = (0..effort.all_rounds())
            .map(|_| ground.tokens(algorithm, count, "agents:read"))
            .map(|tokens| bench.prepare(tokens.iter().map(|token| Request::get("/verify").with_token(token))))
            .collect();
        let shape = Shape::once(10);
        let pairs = alternate(
            effort,
            |round| run(&spin.server(), &files[round], shape),
            |round| run(&native.server(), &files[round], shape),
        );
        let value = pairs.ratio(crate::load::Sample::cpu_ms_in_all);
        let shape = format!("{}, unseen, 10 connections", algorithm.as_str());
        let row = Row::new("spin-verify", shape, "× CPU of a native process", value, Goal::AtMost(4.0));
        bench.report.add(
            row.ours(crate::report::Figures::of(&pairs.ours)).peer(crate::report::Figures::of(&pairs.peer)),
        );
    }
}
