//! The instance's signing keys: created, published before they sign, promoted, retired, removed.
//!
//! A new key is published first (`next`) and signs only when every edge recently seen holds a feed sequence that contains
//! it; the one before it stays published (`retiring`) until the last token it signed has expired. Private keys are stored
//! sealed by the keystore.

mod did;
mod lifecycle;
mod model;
mod rotate;
mod signer;
mod store;

pub use did::new_did_key;
pub use lifecycle::{advance, prepare, spawn};
pub use model::{KeyStatus, SigningKeyInfo};
pub use rotate::{RotateError, list, rotate};
pub use signer::{KeyError, Signer, Signers, SigningKeys};
