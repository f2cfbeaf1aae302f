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

use agentidp_shared::feed::{self, Batch, FeedError, News, Page};
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::jwk::KeySet;
use agentidp_shared::state::{Arriving, State};
use agentidp_shared::wire::WireVersions;

use crate::config::Config;
use crate::feed_client;
use crate::host::Platform;
use crate::verified::VerifiedTokens;
use contact::Contact;
pub use contact::REFRESH_MS;
pub use hub::FollowingHub;
pub use source::{NotKnown, Source};
pub use store::ReadingStore;

/// How far a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub sequence: u64,
    /// When the newest batch was signed, Unix milliseconds.
    pub issued_at_ms: u64,
    /// The version of the feed in which it was told, the oldest if in several.
    pub version: u8,
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
                | Self::Feed(
                    FeedError::Gap { .. }
                        | FeedError::LowerSequence { .. }
                        | FeedError::Replayed
                        | FeedError::PageOutOfOrder
                )
        )
    }
}

/// Everything a node remembers of the feed.
#[derive(Debug)]
pub struct Knowledge {
    pinned: KeySet,
    issuer: String,
    hasher: SeededHasher,
    state: RefCell<Option<State>>,
    /// What takes its place as soon as the last page is there. Requests that are answered side by side fill it together: were
    /// there one for each, a few requests to a cold node would take all its memory.
    arriving: RefCell<Option<Arriving>>,
    /// The state's keys, to be held while a signature is being checked.
    keys: RefCell<Rc<KeySet>>,
    contact: Cell<Contact>,
    /// The version of the feed in which the state was told, the oldest if in several.
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
            arriving: RefCell::new(None),
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
        let version = self.version.get();
        self.with(|state| Known { sequence: state.sequence(), issued_at_ms: state.issued_at_ms(), version })
    }

    pub fn keys(&self) -> Rc<KeySet> {
        Rc::clone(&self.keys.borrow())
    }

    /// Takes what comes from outside, at `now_ms`: a batch, or the only page of a snapshot.
    fn apply(&self, news: News, now_ms: u64) -> Result<(), Unacceptable> {
        let mut state = self.state.borrow_mut();
        match (news, state.as_mut()) {
            (News::Batch(batch), Some(state)) => state.apply(batch, now_ms)?,
            (News::Batch(batch), None) => *state = Some(State::from_snapshot(batch, now_ms, self.hasher)?),
            (News::Page(page), held) => {
                let now_ms = held.map_or(now_ms, |held| held.trusted_now_ms(now_ms));
                let arriving = Arriving::begin(page, now_ms, self.hasher)?;
                let candidate = arriving.into_state().ok_or(FeedError::PageOutOfOrder)?;
                if let Some(held) = &*state {
                    held.may_become(candidate.instance(), candidate.sequence(), candidate.issued_at_ms())?;
                }
                *state = Some(candidate);
            }
        }
        self.settle(&mut state)
    }

    /// Takes what the edge's own hub or store kept: either what follows on the state, or everything from a snapshot on. The first
    /// pages of a snapshot wait for the others.
    fn absorb<P: Platform>(&self, platform: &P, texts: &[String]) -> Result<(), Unacceptable> {
        let mut candidate: Option<(State, u8)> = None;
        for text in texts {
            let version = feed::version_of(text);
            match feed_client::open(platform, text, &self.pinned)? {
                News::Page(page) => candidate = self.gather(page)?.map(|state| (state, version)),
                News::Batch(batch) if batch.is_snapshot() => {
                    candidate = Some((State::restore(batch, self.hasher)?, version));
                }
                News::Batch(batch) => match &mut candidate {
                    Some((candidate, held)) => {
                        let after = version_after(*held, &batch, version)?;
                        candidate.replay(batch)?;
                        *held = after;
                    }
                    None => self.follow(batch, version)?,
                },
            }
        }
        let Some((candidate, version)) = candidate else { return Ok(()) };
        self.arriving.replace(None);
        let mut state = self.state.borrow_mut();
        if let Some(current) = &*state {
            let fits =
                current.may_become(candidate.instance(), candidate.sequence(), candidate.issued_at_ms());
            fits.map_err(|error| match error {
                FeedError::OtherInstance => error.into(),
                _ => Unacceptable::Older,
            })?;
        }
        *state = Some(candidate);
        self.version.set(version);
        self.settle(&mut state)
    }

    /// Adds a page; gives the state if it was the last.
    fn gather(&self, page: Page) -> Result<Option<State>, FeedError> {
        let mut arriving = self.arriving.borrow_mut();
        match arriving.as_mut() {
            // Another request has begun with it, and goes on.
            Some(arriving) if arriving.began_with(&page) => {}
            Some(arriving) if page.after.is_some() => arriving.replay(page)?,
            _ => {
                // Room for the new one.
                *arriving = None;
                *arriving = Some(Arriving::restore(page, self.hasher)?);
            }
        }
        Ok(arriving.take_if(|arriving| arriving.is_whole()).and_then(Arriving::into_state))
    }

    /// Replays a batch on the state that counts.
    fn follow(&self, batch: Batch, version: u8) -> Result<(), Unacceptable> {
        let mut state = self.state.borrow_mut();
        let current = state.as_mut().ok_or(FeedError::Gap { known: 0, from: batch.from })?;
        let after = version_after(self.version.get(), &batch, version)?;
        current.replay(batch)?;
        self.version.set(after);
        // It needs no other.
        self.arriving.replace(None);
        self.settle(&mut state)
    }

    /// How many pages have arrived of a snapshot that is not whole yet.
    fn pages(&self) -> Option<usize> {
        self.arriving.borrow().as_ref().map(Arriving::pages)
    }

    /// Forgets the state: nothing is answered from it any more.
    fn forget(&self) {
        self.state.replace(None);
        self.keys.replace(Rc::default());
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

/// The version that is held after `batch`, told in `version`, has followed on what is held. What was told in an older version
/// could be told better, so nothing in a newer one follows on it. A batch without changes tells nothing.
fn version_after(held: u8, batch: &Batch, version: u8) -> Result<u8, Unacceptable> {
    if version > held {
        return Err(Unacceptable::OlderForm);
    }
    Ok(if batch.changes.is_empty() { held } else { version })
}
