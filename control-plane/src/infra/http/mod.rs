//! How this service speaks HTTP: strict reading of what comes in, one shape for what goes wrong, limits on everything.

pub mod address_limit;
pub mod caller_limit;
pub mod client_info;
pub mod error;
pub mod fields;
pub mod idempotency;
pub mod json;
mod layers;
pub mod limits;
pub mod network;
pub mod pagination;
pub mod path;
pub mod query;
pub mod request_id;
mod tls_redirect;

pub use layers::wrap;
