//! Verification of access tokens, one bad token at a time: a row for every refusal, a test named after every attack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod claim_attacks;
mod exception_attacks;
mod header_attacks;
mod key_attacks;
mod refusals;
mod shape_attacks;
mod signature_attacks;
mod time_attacks;
