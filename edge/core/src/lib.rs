//! The edge on any host: an HTTP request in, an HTTP response out.
//!
//! It answers from what it knows (keys, issuer, exceptions; see [`knowledge`]) and never asks the control plane whether a
//! token is good. What it does not answer itself it forwards: to the control plane, or to an API behind its gateway. What a
//! host must give is listed in [`host`].

mod agent_documents;
mod authorization;
pub mod brief;
pub mod config;
mod cors;
mod documents;
mod errors;
mod etag;
mod feed_client;
mod form;
mod gateway;
mod headers;
mod health;
pub mod host;
pub mod hub;
mod instance_card;
mod introspect;
mod judge;
mod kept;
pub mod knowledge;
pub mod limits;
mod methods;
mod metrics;
mod node;
mod organization_issuer;
mod origin;
mod partner;
mod proxy;
mod push;
mod request_id;
mod router;
mod served;
mod status_list;
pub mod usage;
mod verified;
mod verify;
mod verify_delegation;

// The tests in here use the support of the tests outside, which speaks of this crate by its name.
#[cfg(test)]
extern crate self as agentidp_edge_core;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "shared with the tests outside"
)]
mod testing;

pub use config::{Config, ConfigError};
pub use errors::{misconfigured, unreadable};
pub use node::Node;
pub use router::{HEADERS_OF_VERIFY, VERIFY_PATH, handle, is_verify};
