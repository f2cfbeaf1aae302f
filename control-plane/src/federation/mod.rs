//! Trust between organizations. Partners are issuers of others, whose tokens an organization accepts as of those organizations that it
//! names; grants are for other organizations of this instance.
//!
//! A partner is pinned to its own keys: what they sign is good in its name alone, never in another partner's or in ours.

mod change;
mod create;
mod delete;
mod fields;
mod get;
mod grants;
mod keys;
mod list;
mod model;
mod routes;
mod store;
mod verify;

pub use grants::granted;
pub use keys::RefreshPartnerKeys;
pub use routes::routes;

use axum::http::StatusCode;

use crate::infra::http::error::ApiError;

fn not_found() -> ApiError {
    ApiError::not_found("PARTNER_NOT_FOUND", "there is no partner with this id")
}

fn issuer_taken() -> ApiError {
    ApiError::conflict("PARTNER_ISSUER_TAKEN", "the organization has a partner with this issuer")
}

/// The keys could not be had. What is behind a URL is not told, but whether there are keys that can be used.
fn no_keys() -> ApiError {
    let message = "at `jwksUri` there is no set of keys that can be used, or nothing that can be reached";
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "PARTNER_KEYS_UNAVAILABLE", message)
}
