//! Who calls, and may they: principals, roles, the acts and their rules, and the [`Caller`] of a request.
//!
//! Every right comes down to three questions, each answered in one place: what is done ([`Act`]), by whom and by which
//! [`Door`] ([`rules`]), and to whom ([`Permit`]).

mod act;
mod authenticate;
mod caller;
mod gate;
pub mod owners;
mod permit;
mod principal;
mod role;
pub mod rules;
mod store;

pub use act::{Act, Object, Rule};
pub use authenticate::{authenticate_bearer, bearer_token};
pub use caller::Caller;
pub use gate::authorize;
pub use owners::Owners;
pub use permit::{OrganizationPermit, Permit};
pub use principal::{Door, Principal, PrincipalKind};
pub use role::Role;
pub use rules::Right;
