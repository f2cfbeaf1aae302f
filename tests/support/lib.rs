//! What the black-box tests share: real processes on databases of their own, and a small HTTP client.
//!
//! `cargo xtask test` sets the environment; [`environment`] says what is read. Everything started here ends when it is
//! dropped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and watch real processes by the real clock"
)]

pub mod api;
pub mod attack;
pub mod bao;
pub mod client_key;
pub mod control_plane;
pub mod database;
pub mod edge;
pub mod environment;
pub mod meddler;
pub mod naughty;
pub mod oidc_issuer;
pub mod openapi;
pub mod origin;
pub mod process;
pub mod raw;
pub mod relay;
pub mod secrets;
pub mod shape;
pub mod stack;
pub mod tenants;
pub mod tls;

pub use api::{Answer, Api};
pub use bao::Bao;
pub use client_key::ClientKey;
pub use control_plane::ControlPlane;
pub use edge::Edge;
pub use oidc_issuer::OidcIssuer;
pub use stack::Stack;
pub use tenants::{Agent, Tenant};
pub use tls::TlsServer;

use std::time::{Duration, Instant};

/// Asks again until the answer is `Some`, for at most `limit`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> F,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = ask().await {
            return value;
        }
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// In Unix seconds.
pub fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

/// A short text no other test has: names, slugs, addresses.
pub fn unique() -> String {
    let mut bytes = [0; 6];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom").unwrap(), &mut bytes).unwrap();
    hex(&bytes)
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}
