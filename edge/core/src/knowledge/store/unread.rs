//! What an instance could not read, kept for those that can.

use std::collections::BTreeMap;

use agentidp_shared::feed::Change;

use super::accept::is_alive;

/// By key, the changes that are not read and that no later one has replaced, as
/// [`UnknownChanges`](agentidp_shared::unknown::UnknownChanges) counts them.
#[derive(Debug, Clone, Default)]
pub struct Unread(BTreeMap<String, Change>);

impl Unread {
    /// Those that were kept.
    pub fn new(kept: &[Change]) -> Self {
        Self(kept.iter().map(|change| (change.key(), change.clone())).collect())
    }

    /// Takes the next change in the order of the feed: keeps it if it cannot be read, or returns it. One that may be ignored does
    /// not replace one that may not.
    pub fn pass(&mut self, change: Change) -> Option<Change> {
        if !matches!(change, Change::Unknown(_)) {
            if !self.0.is_empty() {
                self.0.remove(&change.key());
            }
            return Some(change);
        }
        let key = change.key();
        if !change.is_ignorable() || self.0.get(&key).is_none_or(Change::is_ignorable) {
            self.0.insert(key, change);
        }
        None
    }

    /// Those that still have an effect at `now`, in Unix seconds.
    pub fn alive(self, now: u64) -> Vec<Change> {
        self.0.into_values().filter(|change| is_alive(change, now)).collect()
    }
}
