//! The audit log: what happened, to whom, from where, and in an order nobody can change afterwards.
//!
//! An event is inserted in the transaction of the change it records, so neither exists without the other. A single sealer
//! then numbers committed events and links them into a hash chain ([`agentidp_shared::audit_chain`]); the hot path takes no
//! global lock. Other features call [`record`].

mod get;
mod list;
mod model;
mod record;
mod routes;
mod seal;
mod store;
mod verify;
mod window;

pub use model::{Action, Outcome};
pub use record::{NewEvent, record};
pub use routes::routes;
pub use seal::seal_committed;
pub use verify::{Broken, Verification, verify};

use crate::app::App;

/// Seals what is committed, keeps partitions ahead of time, and checks the log.
pub fn spawn(app: &App) {
    seal::spawn(app);
    verify::spawn(app);
}
