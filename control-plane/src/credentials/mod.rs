//! Client credentials: 256 random bits, shown once, kept as an HMAC under a keystore key.
//!
//! Other features ask [`authenticate`] whether a secret is an agent's, and [`generate`] one in their own transaction.

mod authenticate;
mod generate;
mod list;
mod model;
mod revoke;
mod rotate;
mod routes;
mod secret;
mod store;

pub use authenticate::{Authenticated, authenticate};
pub use generate::generate;
pub use model::{Credential, CredentialStatus, ShownSecret};
pub use routes::routes;
pub use store::revoke_all;

use crate::infra::http::error::ApiError;

fn not_found() -> ApiError {
    ApiError::not_found("CREDENTIAL_NOT_FOUND", "the agent has no credential with this id")
}

fn already_revoked() -> ApiError {
    ApiError::conflict("CREDENTIAL_REVOKED", "the credential was revoked; generate a new one")
}
