//! The control plane over a real PostgreSQL, in process: what only passed-in time, or two processes on one database, can show.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod audit;
mod credentials;
mod feed;
mod idempotency;
mod keys;
mod organizations;
mod support;
mod tenancy;
mod throttle;
mod tokens;
