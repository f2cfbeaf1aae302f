//! The Rego policy over every request: which scopes an endpoint asks for, deny by default.
//!
//! The policy is embedded, or read from `AGENTIDP_POLICY_DIR` and reloaded when its files change. A scope alone never
//! crosses an organization: that is enforced again by row-level security.

mod store;

pub use store::{LoadError, PolicyStore, built_in_table, reload_and_publish, spawn};
