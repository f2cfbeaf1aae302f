//! The audit log: what happened, to whom, from where, and in an order nobody can change afterwards.
//!
//! An event is inserted in the transaction of the change it records, so neither exists without the other. A single sealer
//! then numbers committed events and links them into a hash chain ([`agentidp_shared::audit_chain`]); the hot path takes no
//! global lock. Over the hashes grows a Merkle tree ([`agentidp_shared::merkle`]) whose head is signed every minute or thousand
//! events, so that an outsider who kept one can tell whether the log was cut or written anew. Other features call [`record`].

mod archive;
mod audiences;
mod bundle;
mod carry;
mod check;
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
mod seals;
mod store;
mod tree;
mod verify;
mod watch;
mod window;

pub use archive::ArchiveMonths;
pub use audiences::agents_with_audiences_any_tenant;
pub use bundle::{Bundle, ExportError, Folder};
pub use carry::{CarryCheckpoints, is_behind as checkpoints_are_behind, sample};
pub use check::{Broken, Verification, verify};
pub use checkpoint::{read as read_checkpoint, sign_if_due};
pub use export::{Exported, export};
pub use fsck::{Checked, Damage, fsck};
pub use model::{Action, Outcome};
pub use record::{NewEvent, record};
pub use routes::routes;
pub use seal::seal_committed;
pub use watch::VerifyLog;

use std::time::Duration;

use agentidp_shared::ids::OrganizationId;
use axum::http::{StatusCode, header};

use crate::app::App;
use crate::infra::http::caller_limit::CallerLimit;
use crate::infra::http::error::ApiError;
use crate::infra::turns::{Exhausted, Shares, Turns};

/// Checks of its part of the log that an organization may ask for: so many in so many seconds.
const VERIFICATIONS: u32 = 30;
const SECONDS: u32 = 60;
/// Seconds after which it is worth asking for a check again.
const RETRY_AFTER: u32 = 5;

/// What is kept in memory: who asked for checks how often, and whose run.
#[derive(Debug)]
pub struct AuditLog {
    asked: CallerLimit<OrganizationId>,
    turns: Turns,
}

impl AuditLog {
    /// `connections` is how many to the database there are.
    pub fn new(connections: u32) -> Self {
        Self {
            asked: CallerLimit::new(VERIFICATIONS, SECONDS, "organization"),
            // A check may take minutes: an organization has one at a time, and all together leave most connections to others.
            turns: Turns::new(Shares {
                per_organization: 1,
                in_all: usize::try_from(connections / 4).unwrap_or(1).max(1),
                waiting_per_organization: 0,
                deadline: Duration::ZERO,
            }),
        }
    }
}

fn refuse_check(exhausted: Exhausted) -> ApiError {
    let (status, code, message) = match exhausted {
        Exhausted::Organization => (
            StatusCode::TOO_MANY_REQUESTS,
            "VERIFICATION_RUNNING",
            "a check of this organization's audit log still runs; wait for it",
        ),
        Exhausted::Everybody => (
            StatusCode::SERVICE_UNAVAILABLE,
            "BUSY",
            "as many checks run as there is room for; try again later",
        ),
    };
    ApiError::new(status, code, message).header(header::RETRY_AFTER, RETRY_AFTER.to_string())
}

/// Seals what is committed, and keeps partitions ahead of time.
pub fn spawn(app: &App) {
    seal::spawn(app);
}
