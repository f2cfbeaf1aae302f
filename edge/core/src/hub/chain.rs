//! The signed batches a hub holds: a snapshot and what followed it, each as it was signed.

use agentidp_shared::feed::{self, Batch};
use agentidp_shared::wire::WireVersions;

use crate::knowledge::Known;

/// Most batches after a snapshot before a new snapshot is taken: a cold node checks the signature of each.
const MAX_LENGTH: usize = 128;
/// Most bytes after a snapshot, beyond the snapshot's own size.
const MAX_FOLLOWING_BYTES: usize = 64 * 1024;

#[derive(Debug, Default)]
pub struct Chain(Vec<Link>);

/// One batch, and what of it matters here.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    to: u64,
    issued_at_ms: u64,
    version: u8,
    is_snapshot: bool,
    /// Only says that there was nothing new.
    pub is_heartbeat: bool,
}

impl Step {
    /// Of `batch`, which was signed as `text`.
    pub fn of(batch: &Batch, text: &str) -> Self {
        Self {
            version: feed::version_of(text),
            to: batch.to,
            issued_at_ms: batch.issued_at,
            is_snapshot: batch.is_snapshot(),
            is_heartbeat: !batch.is_snapshot() && batch.changes.is_empty(),
        }
    }
}

#[derive(Debug)]
struct Link {
    step: Step,
    text: String,
}

impl Chain {
    /// Adds a batch that was accepted on top of the others; returns its position. A snapshot replaces everything, a batch the
    /// heartbeat before it.
    pub fn push(&mut self, step: Step, text: String) -> usize {
        if step.is_snapshot {
            self.0.clear();
        } else if self.0.last().is_some_and(|last| last.step.is_heartbeat) {
            self.0.pop();
        }
        self.0.push(Link { step, text });
        self.0.len() - 1
    }

    /// Whether a batch may follow: one of a newer version may not, since what was told in an older one could be told better.
    pub fn takes(&self, step: Step) -> bool {
        step.is_snapshot || self.0.iter().all(|link| step.version <= link.step.version)
    }

    /// The newest version that a node must understand to read everything.
    pub fn newest_version(&self) -> u8 {
        self.0.iter().map(|link| link.step.version).max().unwrap_or(WireVersions::FIRST.feed)
    }

    /// Whether a batch of this version would tell less than what is held.
    pub fn is_newer_than(&self, version: u8) -> bool {
        self.0.iter().all(|link| link.step.version > version) && !self.0.is_empty()
    }

    /// The snapshot that everything begins with.
    pub fn first(&self) -> Option<&str> {
        self.0.first().map(|link| link.text.as_str())
    }

    /// What leads from `known` to the end: the batches after it, or everything if it is not a place in this chain.
    pub fn after(&self, known: Option<Known>) -> Vec<String> {
        let Some(last) = self.0.last() else { return Vec::new() };
        let everything = || self.0.iter().map(|link| link.text.clone()).collect();
        let Some(known) = known else { return everything() };
        if known.sequence > last.step.to {
            return Vec::new();
        }
        if known.sequence == last.step.to {
            let news = last.step.is_heartbeat && last.step.issued_at_ms > known.issued_at_ms;
            return if news { vec![last.text.clone()] } else { Vec::new() };
        }
        match self.0.iter().position(|link| link.step.to == known.sequence) {
            Some(place) => self.0.iter().skip(place + 1).map(|link| link.text.clone()).collect(),
            None => everything(),
        }
    }

    /// Everything, one batch per line.
    pub fn lines(&self) -> String {
        self.after(None).join("\n")
    }

    /// Whether a new snapshot would be worth its bytes.
    pub fn is_long(&self) -> bool {
        let Some((snapshot, following)) = self.0.split_first() else { return false };
        let bytes: usize = following.iter().map(|link| link.text.len()).sum();
        following.len() > MAX_LENGTH || bytes > snapshot.text.len().max(MAX_FOLLOWING_BYTES)
    }
}
