//! Delegation: an agent lets another act on its behalf, with less than it may do itself, and takes that back.
//!
//! The rules are in `agentidp_shared::delegation`; the token exchange that follows the same rules is in
//! `tokens::exchange`. Whether a chain still stands is asked of the database here, and of the feed at the edge.

mod delegate;
mod revoke;
mod routes;
mod store;
mod verify;

pub use routes::routes;
pub use store::{Ended, delegatees_from_abroad_any_tenant, end_between, purge_expired, stands};
