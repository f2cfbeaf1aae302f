//! Nodes of older versions around a hub, while a deployment is being replaced.

use std::collections::BTreeMap;

/// How long nothing newer is asked for than what a node of an older version could read, after one has asked, in milliseconds.
const REMEMBERED_MS: u64 = 10 * 60_000;

/// By version of the feed, when a node last asked that understands no more, in Unix milliseconds.
#[derive(Debug, Default)]
pub struct OlderNodes(BTreeMap<u8, u64>);

impl OlderNodes {
    /// Notes that a node has asked at `now_ms`.
    pub fn note(&mut self, understood: u8, now_ms: u64) {
        self.0.retain(|_, at| is_recent(*at, now_ms));
        self.0.insert(understood, now_ms);
    }

    /// What all that have asked of late understand; `None` if none has.
    pub fn understand(&self, now_ms: u64) -> Option<u8> {
        self.0.iter().find(|(_, at)| is_recent(**at, now_ms)).map(|(understood, _)| *understood)
    }
}

/// Whether what happened `at` counts at `now_ms`.
pub fn is_recent(at: u64, now_ms: u64) -> bool {
    now_ms.abs_diff(at) < REMEMBERED_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_counts_until_it_has_long_been_silent() {
        let mut nodes = OlderNodes::default();
        assert_eq!(nodes.understand(0), None);
        nodes.note(1, 0);
        nodes.note(2, 1);
        assert_eq!(nodes.understand(1), Some(1), "whoever asked last");
        nodes.note(2, REMEMBERED_MS);
        assert_eq!(nodes.understand(REMEMBERED_MS), Some(2));
        assert_eq!(nodes.understand(2 * REMEMBERED_MS), None);
    }
}
