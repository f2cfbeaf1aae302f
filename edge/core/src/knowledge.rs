//! What a node knows, and how it keeps up.
//!
//! The state lives in memory. Requests ask the region's hub for news in the background; a request waits only when there is
//! nothing to answer from, or when the node has not been in touch for long. Everything is believed by its signature alone.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use agentidp_shared::feed::{self, Batch, FeedError};
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::jwk::KeySet;
use agentidp_shared::state::State;

use crate::config::Config;
use crate::host::{Host, Severity};
use crate::node::Node;
use crate::verified::VerifiedTokens;

/// How long a node goes without asking for news, in milliseconds.
pub const REFRESH_MS: u64 = 2_000;
/// A node out of touch for longer asks before it answers: it may have slept while the world went on.
const OUT_OF_TOUCH_MS: u64 = 10_000;
/// Without any state, how long after an attempt the next may follow.
const COLD_RETRY_MS: u64 = 500;
/// A refresh that has not ended by then never will: its request is gone.
const ABANDONED_MS: u64 = 10_000;
/// How often an unknown `kid` may cause a refresh, whoever sends it.
const FORCED_REFRESH_MS: u64 = 10_000;

/// The key under which the shared store holds what a cold node can begin with.
pub const SNAPSHOT_KEY: &str = "snapshot";

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

/// When a node was last in touch, Unix milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Contact {
    asked_at: Option<u64>,
    answered_at: Option<u64>,
    asking_since: Option<u64>,
    forced_at: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    No,
    InBackground,
    Now,
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
    pub fn apply(&self, batch: Batch, now_ms: u64) -> Result<(), Unacceptable> {
        let mut state = self.state.borrow_mut();
        match state.as_mut() {
            Some(state) => state.apply(batch, now_ms)?,
            None => *state = Some(State::from_snapshot(batch, now_ms, self.hasher)?),
        }
        self.settle(&mut state)
    }

    /// Takes what the edge's own hub or store kept: either what follows on the state, or everything from a snapshot on.
    pub fn absorb(&self, texts: &[String]) -> Result<(), Unacceptable> {
        let batches: Vec<Batch> =
            texts.iter().map(|text| feed::open(text, &self.pinned)).collect::<Result<_, _>>()?;
        let Some(first) = batches.first() else { return Ok(()) };
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

    /// Whether a request at `now_ms` should ask for news. If so, it must.
    fn due(&self, now_ms: u64) -> Due {
        let mut contact = self.contact.get();
        let within = |moment: Option<u64>, limit: u64| moment.is_some_and(|at| now_ms.abs_diff(at) < limit);
        if self.state.borrow().is_none() {
            // Another request may be asking already, but what it waits for is not ours to await.
            return if within(contact.asked_at, COLD_RETRY_MS) { Due::No } else { Due::Now };
        }
        if within(contact.asking_since, ABANDONED_MS) || within(contact.asked_at, REFRESH_MS) {
            return Due::No;
        }
        contact.asking_since = Some(now_ms);
        self.contact.set(contact);
        if within(contact.answered_at, OUT_OF_TOUCH_MS) { Due::InBackground } else { Due::Now }
    }

    fn may_force(&self, now_ms: u64) -> bool {
        let mut contact = self.contact.get();
        if contact.forced_at.is_some_and(|at| now_ms.abs_diff(at) < FORCED_REFRESH_MS) {
            return false;
        }
        contact.forced_at = Some(now_ms);
        self.contact.set(contact);
        true
    }

    fn asked(&self, now_ms: u64, was_answered: bool) {
        let mut contact = self.contact.get();
        contact.asking_since = None;
        contact.asked_at = Some(now_ms);
        if was_answered {
            contact.answered_at = Some(now_ms);
        }
        self.contact.set(contact);
    }
}

fn known_of(state: &State) -> Known {
    Known { sequence: state.sequence(), issued_at_ms: state.issued_at_ms() }
}

/// Before every request: sees to it that the node keeps up.
pub async fn keep_up<H: Host>(node: &Rc<Node>, host: &Rc<H>) {
    match node.knowledge.due(host.now_ms()) {
        Due::No => {}
        Due::InBackground => {
            let (node, in_background) = (Rc::clone(node), Rc::clone(host));
            host.run_in_background(async move { refresh(&node, &*in_background).await });
        }
        Due::Now => refresh(node, &**host).await,
    }
}

/// For an unknown `kid`: asks for news at once, but only once in a while, whoever causes it. True if it did.
pub async fn refresh_for_unknown_key(node: &Node, host: &impl Host) -> bool {
    let may = node.knowledge.may_force(host.now_ms());
    if may {
        refresh(node, host).await;
    }
    may
}

/// Asks the hub for news; without any state and without a hub, the shared store.
pub async fn refresh(node: &Node, host: &impl Host) {
    let knowledge = &node.knowledge;
    let known = knowledge.known();
    let mut news = host.newer_batches(known).await;
    if let Ok(batches) = &news
        && let Err(error) = knowledge.absorb(batches)
    {
        // It may only not fit, for example because a push has cut it differently: take everything anew.
        let mut error = Some(error);
        if known.is_some() {
            news = host.newer_batches(None).await;
            error = news.as_ref().ok().and_then(|batches| knowledge.absorb(batches).err());
        }
        if let Some(error) = error.filter(|error| *error != Unacceptable::Older) {
            host.log(Severity::Error, &format!("what the hub holds is not acceptable: {error}"));
        }
    }
    let answered = news.is_ok();
    if knowledge.known().is_none()
        && let Some(kept) = host.recall(SNAPSHOT_KEY).await
    {
        let batches: Vec<String> = kept.lines().map(str::to_owned).collect();
        if let Err(error) = knowledge.absorb(&batches) {
            host.log(Severity::Warning, &format!("the kept snapshot is not acceptable: {error}"));
        }
    }
    knowledge.asked(host.now_ms(), answered);
}
