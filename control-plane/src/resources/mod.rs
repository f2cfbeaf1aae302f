//! Protected APIs: what tokens can be for besides the management API, which scopes they ask for, and which organizations may have
//! them. They belong to the platform.
//!
//! Whoever issues, registers or delegates asks here what an organization may have ([`lacking`], [`grantable`]). The rule itself is
//! two functions of the schema, `may_have_resource` and `may_have_scope`.

mod check_migration;
mod create;
mod delete;
mod fields;
mod get;
mod list;
mod model;
mod rights;
mod rights_store;
mod routes;
mod store;
mod taken;
mod update;

pub use check_migration::{Finding, check_migration};
pub use rights::{
    Lacking, built_in_of_organizations, forget_organization, grantable, hold, known, lacking,
    lacking_of_tokens, lock, lock_shared, not_givable, of_apis, require_grantable, require_rights,
    scopes_supported,
};
pub use routes::routes;
pub use taken::{RevokeHeld, RevokeHeldParameter, Rights, take_away};

use crate::infra::http::error::ApiError;

fn not_found() -> ApiError {
    ApiError::not_found("RESOURCE_NOT_FOUND", "there is no protected API with this id")
}

fn identifier_taken() -> ApiError {
    ApiError::conflict("IDENTIFIER_TAKEN", "a protected API has this identifier; change that one instead")
}
