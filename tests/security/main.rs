//! What an attacker, an accident or a careless client may do, tried from outside on the real control plane.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

mod attack;
mod bad_input;
mod bad_requests;
mod bench;
mod bodies;
mod client_id_documents;
mod concurrency;
mod crash;
mod isolation;
mod isolation_cases;
mod matrix;
mod naughty_strings;
mod secrets;
mod two_tenants;
mod vault;
mod worker;
