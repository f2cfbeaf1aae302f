//! A state that arrives page by page.

use super::{ReadKeys, State, check_times};
use crate::feed::{Batch, FeedError, Page};
use crate::hashing::SeededHasher;
use crate::jwk::KeySet;

/// A snapshot of which some pages are there. Nothing can be decided by it before it is [whole](Self::is_whole): whom a later page
/// is about, this one does not know.
#[derive(Debug, Clone)]
pub struct Arriving {
    /// What the pages so far have told. Its sequence and its time are those of the first.
    state: State,
    /// The key after which the next page goes on; none if there is no next page.
    until: Option<String>,
    pages: usize,
}

impl Arriving {
    /// Begins with the first page. `now_ms` is in Unix milliseconds; `hasher` is seeded by the host.
    pub fn begin(first: Page, now_ms: u64, hasher: SeededHasher) -> Result<Self, FeedError> {
        check_times(first.issued_at, first.expires_at, now_ms)?;
        Self::begin_with(first, hasher, KeySet::from_jwks)
    }

    /// Begins with a page that this edge accepted while it was valid and has kept since, as [`State::restore`] does with a batch.
    /// Never for bytes that come from outside.
    pub fn restore(first: Page, hasher: SeededHasher) -> Result<Self, FeedError> {
        Self::begin_with(first, hasher, KeySet::from_accepted_jwks)
    }

    fn begin_with(first: Page, hasher: SeededHasher, read: ReadKeys) -> Result<Self, FeedError> {
        let Page { instance, begun, to, issued_at, expires_at, after, until, changes } = first;
        if after.is_some() || begun != to {
            return Err(FeedError::PageOutOfOrder);
        }
        let snapshot = Batch { instance, from: 0, to, issued_at, expires_at, changes };
        Ok(Self { state: State::begin(snapshot, hasher, read)?, until, pages: 1 })
    }

    /// Takes the next page, wholly or not at all: never one of another instance or another snapshot, one that was left out or
    /// taken before, one that is older than the snapshot's beginning, or an expired one.
    pub fn take(&mut self, page: Page, now_ms: u64) -> Result<(), FeedError> {
        check_times(page.issued_at, page.expires_at, self.state.trusted_now_ms(now_ms))?;
        self.replay(page)
    }

    /// Takes a page as [`take`](Self::take) does, whenever it was signed: for pages that this edge accepted while they were valid
    /// and has kept since. Never for bytes that come from outside.
    pub fn replay(&mut self, page: Page) -> Result<(), FeedError> {
        if page.instance != self.state.instance {
            return Err(FeedError::OtherInstance);
        }
        if page.begun != self.state.sequence {
            return Err(FeedError::OtherSnapshot);
        }
        if page.to < page.begun {
            return Err(FeedError::LowerSequence { known: page.begun, to: page.to });
        }
        // Without an end of the page before there is no next page.
        if page.after.is_none()
            || page.after != self.until
            || page.until.is_some() && page.until <= page.after
        {
            return Err(FeedError::PageOutOfOrder);
        }
        for change in page.changes {
            self.state.recall(change);
        }
        self.until = page.until;
        self.pages += 1;
        Ok(())
    }

    /// How many pages there are so far.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// Whether `first` is the page that this snapshot began with.
    pub fn began_with(&self, first: &Page) -> bool {
        first.after.is_none()
            && first.instance == self.state.instance
            && (first.begun, first.issued_at) == (self.state.sequence, self.state.issued_at_ms)
    }

    /// Whether the last page is there.
    pub fn is_whole(&self) -> bool {
        self.until.is_none()
    }

    /// The state, if the last page is there.
    pub fn into_state(self) -> Option<State> {
        self.is_whole().then_some(self.state)
    }
}
