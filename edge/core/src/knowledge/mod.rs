//! What a node knows, and how it keeps up.
//!
//! Everything is believed by its signature alone. How it arrives differs by host ([`Source`]): a node that lives on holds the
//! whole state in memory and follows its region's hub; one that lives for a single request reads what that request needs from
//! a store.

mod contact;
mod hub;
mod source;
mod store;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use agentidp_shared::feed::{self, Batch, FeedError};
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::jwk::KeySet;
use agentidp_shared::state::State;
use agentidp_shared::wire::WireVersions;

use crate::config::Config;
use crate::feed_client;
use crate::host::Platform;
use crate::verified::VerifiedTokens;
use contact::Contact;
pub use contact::REFRESH_MS;
pub use hub::{FollowingHub, snapshot_key};
pub use source::{NotKnown, Source};
pub use store::ReadingStore;

/// How far a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub sequence: u64,
    /// When the newest batch was signed, Unix milliseconds.
    pub issued_at_ms: u64,
}

/// Why news was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error("the feed is of another issuer than ISSUER")]
    OtherIssuer,
    #[error("what was offered is older than what is known")]
    Older,
    #[error("one of the two is of a newer version of the feed, which tells more")]
    OlderForm,
}

impl Unacceptable {
    /// Whether it is only that the batch does not follow on what is known; something else may.
    pub fn is_misfit(&self) -> bool {
        matches!(
            self,
            Self::OlderForm
                | Self::Feed(FeedError::Gap { .. } | FeedError::LowerSequence { .. } | FeedError::Replayed)
        )
    }
}

/// Begins a state from kept batches: a snapshot and what followed it.
pub fn restore(batches: Vec<Batch>, hasher: SeededHasher) -> Result<State, FeedError> {
    let mut batches = batches.into_iter();
    let mut state = State::restore(batches.next().ok_or(FeedError::Incomplete)?, hasher)?;
    for batch in batches {
        state.replay(batch)?;
    }
    Ok(state)
}

/// Everything a node remembers of the feed.
#[derive(Debug)]
pub struct Knowledge {
    pinned: KeySet,
    issuer: String,
    hasher: SeededHasher,
    state: RefCell<Option<State>>,
    /// The state's keys, to be held while a signature is being checked.
    keys: RefCell<Rc<KeySet>>,
    contact: Cell<Contact>,
    /// The version of the feed in which the last news was told.
    version: Cell<u8>,
    /// Of hosts with a store: what the state was read from.
    head: RefCell<Option<store::Head>>,
    pub verified: RefCell<VerifiedTokens>,
}

impl Knowledge {
    pub fn new(config: &Config, hasher: SeededHasher) -> Self {
        Self {
            pinned: config.pinned().clone(),
            issuer: config.issuer().to_owned(),
            hasher,
            state: RefCell::new(None),
            keys: RefCell::default(),
            contact: Cell::default(),
            version: Cell::new(WireVersions::FIRST.feed),
            head: RefCell::default(),
            verified: RefCell::new(VerifiedTokens::new(hasher)),
        }
    }

    /// Looks at the state, if there is one.
    pub fn with<T>(&self, look: impl FnOnce(&State) -> T) -> Option<T> {
        self.state.borrow().as_ref().map(look)
    }

    pub fn known(&self) -> Option<Known> {
        self.with(known_of)
    }

    pub fn keys(&self) -> Rc<KeySet> {
        Rc::clone(&self.keys.borrow())
    }

    /// Takes one batch that comes from outside, at `now_ms`.
    fn apply(&self, batch: Batch, now_ms: u64) -> Result<(), Unacceptable> {
        let mut state = self.state.borrow_mut();
        match state.as_mut() {
            Some(state) => state.apply(batch, now_ms)?,
            None => *state = Some(State::from_snapshot(batch, now_ms, self.hasher)?),
        }
        self.settle(&mut state)
    }

    /// Takes what the edge's own hub or store kept: either what follows on the state, or everything from a snapshot on.
    fn absorb<P: Platform>(&self, platform: &P, texts: &[String]) -> Result<(), Unacceptable> {
        let mut batches = Vec::with_capacity(texts.len());
        for text in texts {
            batches.push(feed_client::open(platform, text, &self.pinned)?);
        }
        let Some(first) = batches.first() else { return Ok(()) };
        if let Some(text) = texts.last() {
            self.version.set(feed::version_of(text));
        }
        let mut state = self.state.borrow_mut();
        match state.as_mut() {
            Some(current) if !first.is_snapshot() => {
                // What came before one that does not fit counts all the same.
                let replayed = batches.into_iter().try_for_each(|batch| current.replay(batch));
                self.settle(&mut state)?;
                return Ok(replayed?);
            }
            current => {
                let candidate = restore(batches, self.hasher)?;
                if let Some(current) = current {
                    if candidate.instance() != current.instance() {
                        return Err(FeedError::OtherInstance.into());
                    }
                    let (held, offered) = (known_of(current), known_of(&candidate));
                    if offered.sequence < held.sequence || offered.issued_at_ms < held.issued_at_ms {
                        return Err(Unacceptable::Older);
                    }
                }
                *state = Some(candidate);
            }
        }
        self.settle(&mut state)
    }

    /// After every change. An issuer that is not the configured one means that one of the two is wrong, and nothing may be
    /// answered until that is settled.
    fn settle(&self, state: &mut Option<State>) -> Result<(), Unacceptable> {
        if state.as_ref().is_some_and(|state| state.issuer.issuer != self.issuer) {
            *state = None;
            self.keys.replace(Rc::default());
            return Err(Unacceptable::OtherIssuer);
        }
        if let Some(state) = state {
            self.keys.replace(Rc::new(state.keys.clone()));
        }
        Ok(())
    }
}

fn known_of(state: &State) -> Known {
    Known { sequence: state.sequence(), issued_at_ms: state.issued_at_ms() }
}
