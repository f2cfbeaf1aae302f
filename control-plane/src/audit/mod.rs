//! The audit log: what happened, to whom, from where, and in an order nobody can change afterwards.
//!
//! An event is inserted in the transaction of the change it records, so neither exists without the other. A single sealer
//! then numbers committed events and links them into a hash chain ([`agentidp_shared::audit_chain`]); the hot path takes no
//! global lock. Over the hashes grows a Merkle tree ([`agentidp_shared::merkle`]) whose head is signed every minute or thousand
//! events, so that an outsider who kept one can tell whether the log was cut or written anew. Other features call [`record`].

mod checkpoint;
mod export;
mod fsck;
mod get;
mod list;
mod model;
mod prove;
mod record;
mod routes;
mod seal;
mod store;
mod tree;
mod verify;
mod watch;
mod window;

pub use checkpoint::{read as read_checkpoint, sign_if_due};
pub use export::{ExportError, Exported, export};
pub use fsck::{Checked, Damage, fsck};
pub use model::{Action, Outcome};
pub use record::{NewEvent, record};
pub use routes::routes;
pub use seal::seal_committed;
pub use verify::{Broken, Verification, verify};
pub use watch::VerifyLog;

use crate::app::App;

/// Seals what is committed, and keeps partitions ahead of time.
pub fn spawn(app: &App) {
    seal::spawn(app);
}
