//! What every edge answers, whatever host it runs on: HTTP to a base URL, and nothing else.
//!
//! Each test starts an edge of its own in front of a control plane of its own. The wire between the two can be cut, which is
//! all these tests know of the inside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

mod delegation;
mod differences;
mod documents;
mod feed;
mod gateway;
mod gateway_bodies;
mod health;
mod introspection;
mod limits;
mod outages;
mod partners;
mod proxy;
mod revocation;
mod status_lists;
mod table;
mod tokens;
mod usage;
mod verify;
