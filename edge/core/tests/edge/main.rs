//! The edge through its only door, `handle`, on a host in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests inside")]
mod support;

mod agent_did;
mod cards;
mod delegation;
mod documents;
mod doubt;
mod failures;
mod gateway;
mod gateway_attacks;
mod gateway_documents;
mod hub;
mod hub_restart;
mod introspection;
mod keeping_up;
mod limits;
mod older_store;
mod organization_issuer;
mod pages;
mod partner;
mod proxy;
mod push;
mod status_lists;
mod store;
mod unknown_keys;
mod usage;
mod usage_in_store;
mod verify;
mod versions;
