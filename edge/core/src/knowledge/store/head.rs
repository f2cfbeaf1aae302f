//! How far the store is, and what every request needs.

use agentidp_shared::feed::envelope::{read_changes, write_changes};
use agentidp_shared::feed::{Batch, Change};
use agentidp_shared::ids::InstanceId;
use agentidp_shared::state::State;
use serde::{Deserialize, Serialize};

use super::super::{Knowledge, Unacceptable};
use super::shards::Shards;

/// Written in one step, and only over the head it follows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Head {
    pub instance: InstanceId,
    pub sequence: u64,
    /// Unix milliseconds.
    pub issued_at: u64,
    /// The version of the feed in which all this was told, the lowest if in several.
    pub version: u8,
    /// Keys and issuer; the endpoint table is nothing an edge reads.
    pub common: Vec<Change>,
    /// What the instance that took it could not read, for those that can.
    #[serde(serialize_with = "write_changes", deserialize_with = "read_changes")]
    pub unknown: Vec<Change>,
    pub shards: Shards,
    /// Shards that are no longer in use, and since when (Unix milliseconds): somebody may still be reading them.
    pub discarded: Vec<(String, u64)>,
    /// The bytes this was read from.
    #[serde(skip)]
    pub bytes: Option<Vec<u8>>,
}

impl Head {
    pub fn parse(bytes: Vec<u8>) -> Option<Self> {
        let head: Self = serde_json::from_slice(&bytes).ok()?;
        Some(Self { bytes: Some(bytes), ..head })
    }

    /// Whether a change in a shard is older than one that was not read when it came.
    pub fn replaces(&self, change: &Change) -> bool {
        let key = change.key();
        let counts = |other: &Change| !matches!(other, Change::Unknown(envelope) if envelope.ignorable);
        self.unknown.iter().any(|other| counts(other) && other.key() == key)
    }
}

impl Knowledge {
    /// Takes what was read from the store as the node's whole knowledge; exceptions are not in it yet.
    pub(super) fn take_head(&self, head: Option<Head>) -> Result<(), Unacceptable> {
        let mut state = self.state.borrow_mut();
        *state = None;
        if let Some(head) = &head {
            let batch = Batch {
                instance: head.instance,
                from: 0,
                to: head.sequence,
                issued_at: head.issued_at,
                expires_at: head.issued_at,
                changes: head.common.iter().chain(&head.unknown).cloned().collect(),
            };
            *state = Some(State::restore(batch, self.hasher)?);
        }
        self.head.replace(head);
        self.settle(&mut state)
    }
}
