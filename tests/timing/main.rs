//! Whether the time that a refused login takes tells why it was refused. Two kinds of requests are sent in random order to a real
//! control plane, one at a time, and Welch's t compares how long they took. A pair that must differ shows that the method sees
//! what it is meant to see. Run by `cargo xtask timing`, which builds what it needs; docs/timing.md has the method and figures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "a program that stops when something is wrong, and measures real time"
)]

mod requests;
mod statistics;

use std::process::ExitCode;
use std::time::Instant;

use agentidp_tests::ControlPlane;
use sqlx::Executor as _;

use crate::requests::{Kind, Scene};
use crate::statistics::Samples;

/// Beyond this |t| a difference is taken for one, as is usual where leaks are looked for.
const LIMIT: f64 = 4.5;
/// Requests whose time is not counted, of each kind.
const WARM_UP: usize = 50;
/// Rounds after which the counts of failed logins are forgotten: the work of counting must not grow on one side.
const FORGET_EVERY: usize = 100;

/// Two kinds of requests whose difference nobody may see.
const PAIRS: [(&str, Kind, Kind); 11] = [
    ("secret: first digit wrong, last digit wrong", Kind::FirstDigitWrong, Kind::LastDigitWrong),
    ("secret: wrong, unknown agent", Kind::WrongSecret, Kind::UnknownAgent),
    ("secret: wrong, revoked", Kind::WrongSecret, Kind::RevokedSecret),
    ("assertion ES256: wrong signature, unknown agent", Kind::ForgedEs256, Kind::StrangerEs256),
    ("assertion EdDSA: wrong signature, unknown agent", Kind::ForgedEdDsa, Kind::StrangerEdDsa),
    ("assertion RS256: wrong signature, unknown agent", Kind::ForgedRs256, Kind::StrangerRs256),
    ("assertion: wrong signature, unknown key", Kind::ForgedEs256, Kind::UnknownKey),
    ("assertion: wrong signature, revoked key", Kind::ForgedEs256, Kind::RevokedKey),
    ("assertion: unknown agent, agent with secrets only", Kind::StrangerEs256, Kind::SecretsOnly),
    ("workload: trusted issuer with wrong signature, unknown issuer", Kind::OfTrusted, Kind::OfUnknownIssuer),
    ("workload: trusted issuer with unknown key, unknown issuer", Kind::OfUnknownKey, Kind::OfUnknownIssuer),
];
/// No signature is checked of the one: that has to be seen.
const CONTROL: (&str, Kind, Kind) =
    ("control: signature checked, not looked at", Kind::ForgedEs256, Kind::Malformed);

#[tokio::main]
async fn main() -> ExitCode {
    let count: usize =
        std::env::args().nth(1).map_or(2_000, |text| text.parse().expect("a number of samples"));
    let control_plane =
        ControlPlane::start_with(vec![("AGENTIDP_TRUSTED_PROXIES", "127.0.0.1/32".to_owned())]);
    let mut scene = Scene::set(&control_plane).await;
    let mut database = control_plane.database.connect().await;
    let pairs: Vec<_> = std::iter::once(CONTROL).chain(PAIRS).collect();
    let mut samples = vec![(Samples::default(), Samples::default()); pairs.len()];
    for round in 0..WARM_UP + count {
        if round % FORGET_EVERY == 0 {
            database.execute("delete from login_throttle").await.unwrap();
            println!("{round} of {}", WARM_UP + count);
        }
        for ((_, one, other), (of_one, of_other)) in pairs.iter().zip(&mut samples) {
            let one_first = scene.coin();
            for is_one in [one_first, !one_first] {
                let kind = if is_one { *one } else { *other };
                let request = scene.request(kind);
                let started = Instant::now();
                let status = request.send().await.unwrap().bytes_of_refusal().await;
                let took = started.elapsed();
                assert!(kind.is_refused_with(status), "{kind:?}: answered {status}");
                if round >= WARM_UP {
                    (if is_one { &mut *of_one } else { &mut *of_other }).push(took);
                }
            }
        }
    }
    report(&pairs, &samples)
}

fn report(pairs: &[(&str, Kind, Kind)], samples: &[(Samples, Samples)]) -> ExitCode {
    println!("\n| requests | median of the one, µs | of the other | t |\n|---|---|---|---|");
    let mut good = true;
    for (position, ((name, ..), (one, other))) in pairs.iter().zip(samples).enumerate() {
        let t = statistics::welch_t_of_ranks(one, other);
        let is_control = position == 0;
        let as_it_should = if is_control { t.abs() > LIMIT } else { t.abs() < LIMIT };
        good &= as_it_should;
        let verdict = if as_it_should { "" } else { " ✗" };
        println!("| {name} | {:.0} | {:.0} | {t:.2}{verdict} |", one.median(), other.median());
    }
    if good {
        println!("\nno difference beyond |t| = {LIMIT}, and the control shows one");
        ExitCode::SUCCESS
    } else {
        println!("\na difference where none may be, or none where one must be");
        ExitCode::FAILURE
    }
}

/// What is read of an answer.
trait Refusal {
    fn bytes_of_refusal(self) -> impl Future<Output = u16>;
}

impl Refusal for reqwest::Response {
    /// The status, once the whole body is here.
    async fn bytes_of_refusal(self) -> u16 {
        let status = self.status().as_u16();
        self.bytes().await.unwrap();
        status
    }
}
