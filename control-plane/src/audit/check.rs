//! Checking the whole audit log: for the command line, and on schedule.
//!
//! A seal is good when its hash is the hash of its event and of the seal before it, and that one is there. Read a page at a
//! time, so memory is bounded however long the log is. What is sealed meanwhile is checked too: seals only ever follow.
//!
//! Found: an event that was altered, removed, put in, reordered, or moved to another organization, and a seal that was altered
//! or removed. Of the whole log also: that it was cut short or written anew since a head of it was signed. Whoever can write the
//! database can take the heads away too, so keep them elsewhere, and let one that was kept be compared.

use agentidp_shared::audit_chain::genesis;
use agentidp_shared::ids::EventId;
use agentidp_shared::merkle::{Frontier, leaf_hash};
use agentidp_shared::signed_note::Head;

use super::checkpoint;
use super::seals::{self, Seal};
use crate::app::App;
use crate::infra::db::SystemTx;

/// Seals looked at per query.
const PAGE: i64 = 2_000;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Events whose seals are good, up to the first that is not.
    pub checked_count: u64,
    pub broken: Option<Broken>,
}

/// The first place where the log is not what was sealed and signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("event {event_id} is not what was sealed as number {sequence}")]
    Event { event_id: EventId, sequence: i64 },
    #[error("event {event_id} was never sealed and waits for no seal")]
    NeverSealed { event_id: EventId },
    #[error("the first {tree_size} events are not those whose head was signed")]
    Contradicted { tree_size: u64 },
    #[error("a head of {tree_size} events was signed, and there are only {count}")]
    CutShort { tree_size: u64, count: u64 },
}

impl Broken {
    pub(super) fn of(seal: &Seal) -> Self {
        Self::Event { event_id: seal.event_id.into(), sequence: seal.sequence }
    }

    pub(super) fn event_id(self) -> Option<EventId> {
        match self {
            Self::Event { event_id, .. } | Self::NeverSealed { event_id } => Some(event_id),
            Self::Contradicted { .. } | Self::CutShort { .. } => None,
        }
    }
}

/// Checks every event of the instance, every signed head, and `kept`, a head that was kept elsewhere.
pub async fn verify(app: &App, kept: Option<&Head>) -> Result<Verification, sqlx::Error> {
    let mut tx = app.db.system().await?;
    tx.without_time_limit().await?;
    check_all(&mut tx, app, kept).await
}

pub(super) async fn check_all(
    tx: &mut SystemTx,
    app: &App,
    kept: Option<&Head>,
) -> Result<Verification, sqlx::Error> {
    let mut heads = Heads { kept: kept.copied(), next: checkpoint::first_above(tx, 0).await? };
    let mut tree = Frontier::default();
    let found = |checked_count, broken| Ok(Verification { checked_count, broken: Some(broken) });
    let genesis = genesis(app.feed.instance());
    let (mut checked_count, mut last) = (0, 0);
    loop {
        let page = seals::after(tx, last, PAGE).await?;
        let events = seals::events_of(tx, &page).await?;
        for (seal, event) in page.iter().zip(&events) {
            if !seal.is_good(event.as_ref(), &genesis) {
                return found(checked_count, Broken::of(seal));
            }
            checked_count += 1;
            last = seal.sequence;
            tree.push(leaf_hash(&seal.hash), |_, _| {});
            if let Some(broken) = heads.compare(tx, &tree).await? {
                return found(checked_count, broken);
            }
        }
        if page.is_empty() {
            break;
        }
    }
    if let Some(event_id) = seals::never_to_be_sealed_of_any(tx).await? {
        return found(checked_count, Broken::NeverSealed { event_id: event_id.into() });
    }
    let count = tree.size();
    let beyond = heads.next.into_iter().chain(heads.kept).map(|head| head.tree_size).max();
    Ok(Verification { checked_count, broken: beyond.map(|tree_size| Broken::CutShort { tree_size, count }) })
}

/// Heads that the log has not been compared with yet.
struct Heads {
    kept: Option<Head>,
    next: Option<Head>,
}

impl Heads {
    /// Compares the tree with those of its size.
    async fn compare(&mut self, tx: &mut SystemTx, tree: &Frontier) -> Result<Option<Broken>, sqlx::Error> {
        let contradicts = |head: Option<Head>| {
            head.is_some_and(|head| head.tree_size == tree.size() && head.root_hash != tree.root())
        };
        if contradicts(self.kept) || contradicts(self.next) {
            return Ok(Some(Broken::Contradicted { tree_size: tree.size() }));
        }
        self.kept = self.kept.filter(|head| head.tree_size != tree.size());
        if self.next.is_some_and(|head| head.tree_size == tree.size()) {
            self.next = checkpoint::first_above(tx, tree.size()).await?;
        }
        Ok(None)
    }
}
