//! Grants: what agents of one organization may let those of another of this instance do in their name. It takes a grant of each for
//! the other.

mod create;
mod delete;
mod get;
mod list;
mod model;
mod routes;
mod store;

pub use routes::routes;
pub use store::granted;

use crate::infra::http::error::ApiError;

fn not_found() -> ApiError {
    ApiError::not_found("GRANT_NOT_FOUND", "there is no grant with this id")
}
