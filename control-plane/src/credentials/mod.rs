//! Client credentials: 256 random bits, shown once, kept as an HMAC under a keystore key; or a public key of the agent's own,
//! whose private half signs assertions (`private_key_jwt`).
//!
//! Other features ask [`authenticate`] whether a secret is an agent's, [`authenticate_by_assertion`] whether an assertion is, and
//! [`generate`] a secret in their own transaction.

mod assertion;
mod authenticate;
mod expiring;
mod expiring_store;
mod generate;
mod key_store;
mod list;
mod model;
mod public_key;
mod revoke;
mod rotate;
mod routes;
mod secret;
mod store;

pub use assertion::{AssertionRefusal, authenticate_by_assertion, purge_used_assertions, stand_in_for};
pub use authenticate::{Authenticated, Candidate, Known, Presented, PresentedSecret, Proof, authenticate};
pub use expiring::{NoticeExpiring, sample};
pub use generate::generate;
pub use model::{Credential, CredentialKind, CredentialStatus, ShownSecret};
pub use routes::routes;
pub use store::{USE_NOTED_EVERY, revoke_all};

use crate::infra::http::error::ApiError;

fn not_found() -> ApiError {
    ApiError::not_found("CREDENTIAL_NOT_FOUND", "the agent has no credential with this id")
}

fn already_revoked() -> ApiError {
    ApiError::conflict("CREDENTIAL_REVOKED", "the credential was revoked; generate a new one")
}
