//! Who may call what. The table of endpoints is data (`policies/data/scopes.json`); the rule over it is Rego
//! (`policies/authz.rego`), evaluated with the `rego` feature, or compiled to a lookup where Rego would be too dear.

mod table;

#[cfg(feature = "rego")]
mod condition;
#[cfg(feature = "rego")]
mod rego;

#[cfg(feature = "rego")]
pub use condition::Condition;
#[cfg(feature = "rego")]
pub use rego::{PolicyError, RegoPolicy};
pub use table::{Access, Decision, Denial, Endpoint, EndpointTable, PolicyInput};
