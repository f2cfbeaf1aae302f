//! The copy of everything that a hub puts where a cold node finds it if the hub cannot be reached: the pages of the snapshot under
//! keys of their own, and last of all an index that names them and holds what followed.

use std::rc::Rc;

use super::Hub;
use crate::host::HubHost;

/// The shared store takes a key about once a second from anywhere; a minute is as fast as it spreads.
const PUBLISHED_EVERY_MS: u64 = 60_000;
/// Published again although nothing changed: a copy that looks a day old is no use to a cold node.
const PUBLISHED_AT_LEAST_EVERY_MS: u64 = 60 * 60_000;
/// Pages are written again after so long, and forgotten by the store after twice as long.
const PAGES_EVERY_MS: u64 = 24 * 60 * 60_000;
const PAGES_FOR_SECONDS: u64 = 2 * 24 * 60 * 60;
/// The first word of an index whose pages have keys of their own. No signed text begins so.
const PAGES: &str = "pages ";

/// What was published last, and when (Unix milliseconds).
#[derive(Debug, Clone, Copy)]
pub struct Last {
    sequence: u64,
    at: u64,
    generation: u64,
    pages_at: u64,
}

/// The key under which the shared store holds the index for a cold node that understands this version of the feed. Each version
/// has its own: while a deployment is being replaced, nodes of both look there.
pub const fn snapshot_key(version: u8) -> &'static str {
    if version < 2 { "snapshot" } else { "snapshot/2" }
}

/// What a cold node finds; nothing at all by default.
#[derive(Debug, Default)]
pub struct Index {
    /// What the keys of the pages begin with; none if the snapshot is the first of `texts`.
    prefix: Option<String>,
    pub pages: usize,
    pub texts: Vec<String>,
}

impl Index {
    pub fn read(index: &str) -> Option<Self> {
        let mut lines = index.lines().peekable();
        let pages = lines.next_if(|line| line.starts_with(PAGES));
        let texts = lines.map(str::to_owned).collect();
        let Some(pages) = pages else { return Some(Self { prefix: None, pages: 0, texts }) };
        let (number, prefix) = pages.strip_prefix(PAGES)?.split_once(' ')?;
        Some(Self { prefix: Some(prefix.to_owned()), pages: number.parse().ok()?, texts })
    }

    /// The key of a page, if it has one of its own.
    pub fn key(&self, number: usize) -> Option<String> {
        Some(format!("{}{number}", self.prefix.as_ref()?))
    }
}

impl<H: HubHost> Hub<H> {
    /// Publishes what is known, if that is due.
    pub(super) fn publish(self: &Rc<Self>) {
        let Some(known) = self.known() else { return };
        let now_ms = self.host.now_ms();
        let mut memory = self.memory.borrow_mut();
        let last = memory.published;
        let is_due = last.is_none_or(|last| {
            let is_same = last.sequence == known.sequence;
            let every = if is_same { PUBLISHED_AT_LEAST_EVERY_MS } else { PUBLISHED_EVERY_MS };
            now_ms.abs_diff(last.at) >= every
        });
        if !is_due {
            return;
        }
        let chain = &memory.chain;
        let (generation, pages) = (chain.generation, chain.pages());
        let pages_at = last
            .filter(|last| last.generation == generation && now_ms.abs_diff(last.pages_at) < PAGES_EVERY_MS)
            .map(|last| last.pages_at);
        let key = snapshot_key(chain.newest_version());
        // One text is part of the index, as in version 1; it is all that nodes of that version can read.
        let prefix = (pages > 1).then(|| format!("{key}/{}/{generation}-{}/", self.region, chain.begun()));
        let first = match &prefix {
            Some(prefix) => Some(format!("{PAGES}{pages} {prefix}")),
            None => self.page(chain, 0),
        };
        let Some(mut index) = first else { return };
        for text in chain.following() {
            index.push('\n');
            index.push_str(text);
        }
        memory.published = Some(Last {
            sequence: known.sequence,
            at: now_ms,
            generation,
            pages_at: pages_at.unwrap_or(now_ms),
        });
        drop(memory);
        let hub = Rc::clone(self);
        self.host.run_in_background(async move {
            if let Some(prefix) = prefix
                && pages_at.is_none()
            {
                for number in 0..pages {
                    // A newer snapshot has taken its place, and will be published too.
                    let Some(page) = hub.page_of(generation, number) else { return };
                    hub.host.remember(&format!("{prefix}{number}"), page, Some(PAGES_FOR_SECONDS)).await;
                }
            }
            hub.host.remember(key, index, None).await;
        });
    }
}
