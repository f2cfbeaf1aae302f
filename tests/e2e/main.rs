//! The main job end to end, and other people's software against it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

mod attack;
mod chaos;
mod federation;
mod forward_auth;
mod guides;
mod identity;
mod main_job;
mod rotations;
mod third_parties;
