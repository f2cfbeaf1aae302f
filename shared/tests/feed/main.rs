//! The feed: what a node accepts, and what it then knows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of verification")]
mod support;

mod acceptance;
mod interleavings;
mod model;
mod pages;
mod restoring;
mod sealing;
mod versions;
