//! Who may call what: the Rego policy over every request, deny by default, and the [`Caller`] it lets through.
//!
//! The policy is embedded, or read from `AGENTIDP_POLICY_DIR` and reloaded when its files change. A scope alone never
//! crosses an organization: that is enforced again by row-level security.

mod authorize;
mod caller;
mod store;

pub use authorize::authorize;
pub use caller::{Caller, Role, authenticate_bearer, bearer_token};
pub use store::{LoadError, PolicyStore, reload_and_publish, spawn};
