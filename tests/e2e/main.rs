//! The main job end to end, and other people's software against it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

mod chaos;
mod federation;
mod forward_auth;
mod identity;
mod main_job;
mod rotations;
mod third_parties;
