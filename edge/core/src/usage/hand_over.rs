//! What a node hands over to its hub.

use agentidp_shared::usage::Tally;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Numbered by the node, from 1; sent again with the same number and content until the hub has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandOver {
    /// Drawn by the node when it began.
    pub node: Uuid,
    pub number: u64,
    pub tallies: Vec<Tally>,
}
