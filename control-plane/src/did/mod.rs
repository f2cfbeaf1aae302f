//! Agents' DIDs beyond the public document: the keys behind it as they are replaced, and resolution with its metadata.
//!
//! An agent signs with one key. Keys before it stay in the document for a bounded time, so that what they signed can still be
//! verified; their private halves are gone at once.

mod model;
mod resolve;
mod rotate;
mod routes;
mod store;

pub use model::{DidState, PublishedKey};
pub use rotate::{RotateDidError, Rotated, rotate_by_command};
pub use routes::routes;
pub use store::did_any_tenant;
