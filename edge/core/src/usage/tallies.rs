//! Counts by what they are of.

use std::collections::BTreeMap;

use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::usage::{Decision, Tally};
use serde::{Deserialize, Serialize};

/// Most kinds of calls added up in one place: about 100 bytes each in memory.
const MAX_KINDS: usize = 65_536;

type Kind = (u32, OrganizationId, AgentId, Decision);

/// Written as a list of tallies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Tally>", into = "Vec<Tally>")]
pub struct Tallies(BTreeMap<Kind, u64>);

impl Tallies {
    /// Adds so many calls; false if there is no room for a further kind.
    pub fn add(
        &mut self,
        organization: OrganizationId,
        agent: AgentId,
        decision: Decision,
        day: u32,
        count: u64,
    ) -> bool {
        let kind = (day, organization, agent, decision);
        if self.0.len() >= MAX_KINDS && !self.0.contains_key(&kind) {
            return false;
        }
        let sum = self.0.entry(kind).or_default();
        *sum = sum.saturating_add(count);
        true
    }

    pub fn extend(&mut self, tallies: impl IntoIterator<Item = Tally>) {
        for tally in tallies {
            self.add(tally.organization_id, tally.agent_id, tally.decision, tally.day, tally.count);
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out the first `most` kinds, those of the oldest days first.
    pub fn take(&mut self, most: usize) -> Vec<Tally> {
        let taken: Vec<Tally> = self.iter().take(most).collect();
        for tally in &taken {
            self.0.remove(&(tally.day, tally.organization_id, tally.agent_id, tally.decision));
        }
        taken
    }

    pub fn iter(&self) -> impl Iterator<Item = Tally> {
        self.0.iter().map(|(&(day, organization_id, agent_id, decision), &count)| Tally {
            organization_id,
            agent_id,
            decision,
            day,
            count,
        })
    }
}

impl From<Vec<Tally>> for Tallies {
    fn from(tallies: Vec<Tally>) -> Self {
        let mut sums = Self::default();
        sums.extend(tallies);
        sums
    }
}

impl From<Tallies> for Vec<Tally> {
    fn from(sums: Tallies) -> Self {
        sums.iter().collect()
    }
}
