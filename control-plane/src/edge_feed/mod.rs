//! The edge feed: what every edge must know (keys, issuer, policy, exceptions), signed and numbered.
//!
//! A change is appended in the transaction that causes it: one of the instance by [`append`], one of an organization by
//! [`append_charged`]. A single sequencer numbers it after commit, so that no reader can skip a late committer. Edges take a snapshot,
//! then follow by long poll; known edges are also pushed to. What an edge asks for tells which sequence it holds.

mod changes;
mod limits;
mod nodes;
mod overview;
mod publish;
mod push;
mod routes;
mod sequencer;
mod signing;
mod snapshot;
mod store;
mod usage;
mod usage_store;

use sqlx::PgConnection;
use time::OffsetDateTime;

pub use nodes::every_edge_holds_key;
pub use overview::{Overview, overview};
pub use publish::{
    Charge, agent_changed, agent_documents_changed, agent_limited, append, append_charged, issuer_config,
    organization_changed, publish_configuration, scopes_changed,
};
pub use routes::routes;
pub use sequencer::sequence_committed;
pub use signing::{Feed, FeedKeyError, public_keys};

use crate::app::App;

/// Starts the sequencer and the pushes.
pub fn spawn(app: &App) {
    sequencer::spawn(app);
    push::spawn(app);
}

/// Deletes entries that no snapshot would contain and that every edge had the time to read.
pub async fn purge_superseded(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    store::purge_superseded(tx, now).await
}

/// Forgets reports of usage that are refused for their age by now.
pub async fn purge_reports(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    usage::purge(tx, now).await
}
