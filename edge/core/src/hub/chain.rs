//! The signed texts a hub holds: a snapshot and the batches that followed it, each as it was signed.

use agentidp_shared::feed::{self, News};
use agentidp_shared::wire::WireVersions;

use crate::knowledge::Known;

/// Most batches after a snapshot before a new snapshot is taken: a cold node checks the signature of each.
const MAX_LENGTH: usize = 128;
/// Most bytes after a snapshot: its own size, between these two.
const MIN_FOLLOWING_BYTES: usize = 64 * 1024;
const MAX_FOLLOWING_BYTES: usize = 4 * 1024 * 1024;
/// A snapshot of more bytes is in the hub's storage only.
const MAX_HELD_BYTES: usize = 1024 * 1024;

/// A snapshot and what followed it. The snapshot is one batch in version 1, and pages since.
#[derive(Debug, Default)]
pub struct Chain {
    /// By which the hub's storage keeps it apart from others.
    pub generation: u64,
    snapshot: Option<Snapshot>,
    following: Vec<Link>,
}

#[derive(Debug)]
struct Snapshot {
    /// The sequence and time that it stands for.
    step: Step,
    pages: usize,
    bytes: usize,
    /// The last of its texts: all of them, or those that are not in the hub's storage yet.
    texts: Vec<String>,
}

/// One text, and what of it matters here.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    to: u64,
    issued_at_ms: u64,
    version: u8,
    is_first: bool,
    is_later_page: bool,
    /// Only says that there was nothing new.
    pub is_heartbeat: bool,
}

impl Step {
    /// Of what was signed as `text`.
    pub fn of(news: &News, text: &str) -> Self {
        let version = feed::version_of(text);
        match news {
            News::Batch(batch) => Self {
                version,
                to: batch.to,
                issued_at_ms: batch.issued_at,
                is_first: batch.is_snapshot(),
                is_later_page: false,
                is_heartbeat: !batch.is_snapshot() && batch.changes.is_empty(),
            },
            News::Page(page) => Self {
                version,
                to: page.begun,
                issued_at_ms: page.issued_at,
                is_first: page.after.is_none(),
                is_later_page: page.after.is_some(),
                is_heartbeat: false,
            },
        }
    }
}

#[derive(Debug)]
struct Link {
    step: Step,
    text: String,
}

impl Chain {
    pub fn new(generation: u64) -> Self {
        Self { generation, ..Self::default() }
    }

    /// Adds a text that was accepted on top of the others; returns its position. The first of a snapshot replaces everything, a
    /// batch the heartbeat before it.
    pub fn push(&mut self, step: Step, text: String) -> usize {
        if step.is_first {
            self.snapshot = None;
            self.following.clear();
        }
        if step.is_first || step.is_later_page {
            let none = Snapshot { step, pages: 0, bytes: 0, texts: Vec::new() };
            let snapshot = self.snapshot.get_or_insert(none);
            snapshot.pages += 1;
            snapshot.bytes += text.len();
            snapshot.texts.push(text);
            return snapshot.pages - 1;
        }
        if self.following.last().is_some_and(|last| last.step.is_heartbeat) {
            self.following.pop();
        }
        self.following.push(Link { step, text });
        self.pages() + self.following.len() - 1
    }

    /// Whether the snapshot's texts are too large to be held here once they are in the hub's storage.
    pub fn is_large(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| snapshot.bytes > MAX_HELD_BYTES)
    }

    /// A text of the snapshot, if it is held here.
    pub fn page(&self, number: usize) -> Option<&str> {
        let snapshot = self.snapshot.as_ref()?;
        let gone = snapshot.pages - snapshot.texts.len();
        snapshot.texts.get(number.checked_sub(gone)?).map(String::as_str)
    }

    /// Everything that is held here, with its position.
    pub fn held(&self) -> impl Iterator<Item = (usize, &str)> {
        let pages = self.pages();
        let texts = self.snapshot.as_ref().map(|snapshot| snapshot.texts.as_slice()).unwrap_or_default();
        let first = pages - texts.len();
        (first..).zip(texts.iter().map(String::as_str).chain(self.following()))
    }

    /// Gives up the snapshot's texts, which are in the hub's storage.
    pub fn let_go(&mut self) {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.texts = Vec::new();
        }
    }

    /// How many texts the snapshot is.
    pub fn pages(&self) -> usize {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.pages)
    }

    /// The sequence that the snapshot stands for.
    pub fn begun(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.step.to)
    }

    fn steps(&self) -> impl Iterator<Item = Step> {
        self.snapshot.iter().map(|snapshot| snapshot.step).chain(self.following.iter().map(|link| link.step))
    }

    /// Whether a batch may follow: one of a newer version may not, since what was told in an older one could be told better.
    pub fn takes(&self, step: Step) -> bool {
        step.is_first || self.oldest_version().is_none_or(|oldest| step.version <= oldest)
    }

    /// The oldest version that something in it was told in. A heartbeat tells nothing.
    fn oldest_version(&self) -> Option<u8> {
        self.steps().filter(|step| !step.is_heartbeat).map(|step| step.version).min()
    }

    /// The version that a node has after it has read everything.
    pub fn version(&self) -> u8 {
        self.oldest_version().unwrap_or(WireVersions::FIRST.feed)
    }

    /// The newest version that a node must understand to read everything.
    pub fn newest_version(&self) -> u8 {
        self.steps().map(|step| step.version).max().unwrap_or(WireVersions::FIRST.feed)
    }

    /// Whether a batch of this version would tell less than what is held.
    pub fn is_newer_than(&self, version: u8) -> bool {
        self.snapshot.is_some() && self.version() > version
    }

    /// What leads from `known` to the end: the batches after it, or `None` if everything is needed, because `known` is not a place
    /// in this chain or was told in an older version than all of it.
    pub fn after(&self, known: Option<Known>) -> Option<Vec<String>> {
        let Some(last) = self.steps().last() else { return Some(Vec::new()) };
        let known = known?;
        if known.sequence > last.to {
            return Some(Vec::new());
        }
        let is_newer = known.sequence == last.to && known.issued_at_ms > last.issued_at_ms;
        if known.version < self.version() && !is_newer {
            return None;
        }
        if known.sequence == last.to {
            let is_news = last.is_heartbeat && last.issued_at_ms > known.issued_at_ms;
            let news = self.following.last().filter(|_| is_news);
            return Some(news.into_iter().map(|link| link.text.clone()).collect());
        }
        let place = self.steps().position(|step| step.to == known.sequence)?;
        Some(self.following.iter().skip(place).map(|link| link.text.clone()).collect())
    }

    /// Every batch after the snapshot.
    pub fn following(&self) -> impl Iterator<Item = &str> {
        self.following.iter().map(|link| link.text.as_str())
    }

    /// Whether a new snapshot would be worth its bytes.
    pub fn is_long(&self) -> bool {
        let Some(snapshot) = &self.snapshot else { return false };
        let bytes: usize = self.following().map(str::len).sum();
        self.following.len() > MAX_LENGTH
            || bytes > snapshot.bytes.clamp(MIN_FOLLOWING_BYTES, MAX_FOLLOWING_BYTES)
    }
}
