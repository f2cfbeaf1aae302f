//! The pure rules that the control plane, the edge, the SDK and the command line share.
//!
//! Nothing here does I/O, reads a clock or draws randomness: time is passed in as Unix seconds or milliseconds
//! (the name says which), seeds come from the host. Everything builds for native targets and for
//! `wasm32-unknown-unknown`, `wasm32-wasip1` and `wasm32-wasip2`.

#[cfg(feature = "audit-bundle")]
pub mod audit_bundle;
pub mod audit_chain;
pub mod claims;
pub mod client_assertion;
pub mod compact;
pub mod delegation;
pub mod did;
pub mod discovery;
pub mod edge_keys;
pub mod exceptions;
pub mod feed;
pub mod freshness;
pub mod hashing;
pub mod ids;
pub mod issuer;
pub mod jwk;
pub mod merkle;
pub mod outside_token;
pub mod partner;
pub mod policy;
pub mod rate_limit;
mod revoked;
pub mod scopes;
pub mod signed_note;
pub mod state;
pub mod strict;
pub mod tier;
pub mod unknown;
pub mod usage;
pub mod verify;
pub mod wire;
