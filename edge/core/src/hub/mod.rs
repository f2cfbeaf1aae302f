//! The hub of a region: follows the feed for all nodes around it, so that the control plane is asked once and not by each.
//!
//! It pulls when its copy is old and somebody asks, takes what is pushed, and keeps itself fresh by a timer, so that the
//! control plane can count on it. What it accepted survives a restart. It also takes what the nodes counted, and reports it.

mod chain;
mod pull;
mod usage;
pub mod wire;

use std::cell::RefCell;
use std::rc::Rc;

use agentidp_shared::feed::{self, Batch};
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::state::State;
use agentidp_shared::wire::WireVersions;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, Shared};

use crate::config::Config;
use crate::feed_client;
use crate::host::{HubHost, Severity, Taken};
use crate::knowledge::{Known, Unacceptable, snapshot_key};
use chain::{Chain, Step};

/// A copy older than this is renewed before it is given to a node, in milliseconds.
const COPY_AGE_MS: u64 = 1_000;
/// How often the timer should call [`Hub::tick`], in milliseconds.
pub const TICK_MS: u64 = crate::usage::REPORT_EVERY_MS;
/// How often it is written down that there was nothing new.
const HEARTBEAT_KEPT_EVERY_MS: u64 = 30_000;
/// The shared store takes a key about once a second from anywhere; a minute is as fast as it spreads.
const PUBLISHED_EVERY_MS: u64 = 60_000;
/// Published again although nothing changed: a copy that looks a day old is no use to a cold node.
const PUBLISHED_AT_LEAST_EVERY_MS: u64 = 60 * 60_000;
/// The shared store's limit for one value, with room to spare.
const MAX_PUBLISHED_BYTES: usize = 20 * 1024 * 1024;
/// How long nothing newer is asked for than what a node of an older version could read, after one has asked, in milliseconds.
const OLDER_NODES_FOR_MS: u64 = 10 * 60_000;
/// After a failed pull; doubled with each up to the longest.
const FIRST_PAUSE_MS: u64 = 500;
const LONGEST_PAUSE_MS: u64 = 4_000;

/// Follows the feed for one region.
pub struct Hub<H: HubHost> {
    host: Rc<H>,
    config: Config,
    region: String,
    hasher: SeededHasher,
    memory: RefCell<Memory>,
    /// The pull under way, which everyone who needs it awaits.
    pulling: RefCell<Option<Shared<LocalBoxFuture<'static, ()>>>>,
}

impl<H: HubHost> std::fmt::Debug for Hub<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("region", &self.region).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Memory {
    state: Option<State>,
    chain: Chain,
    pulled_at: Option<u64>,
    no_pull_before: u64,
    pause: u64,
    heartbeat_kept_at: u64,
    /// The first snapshot is known, and not kept yet.
    is_unkept: bool,
    published: Option<(u64, u64)>,
    tidied_at: u64,
    /// When a node last asked that understands less than this build, and what it understands.
    older_node: Option<(u64, u8)>,
}

impl<H: HubHost> Hub<H> {
    /// Opens the hub with what it kept. `region` is 1 to 32 lower-case letters, digits or hyphens; `seed` is the host's
    /// randomness.
    pub fn open(host: Rc<H>, config: Config, region: String, seed: [u8; 16]) -> Rc<Self> {
        let hub = Self {
            host,
            config,
            region,
            hasher: SeededHasher::new(seed),
            memory: RefCell::default(),
            pulling: RefCell::default(),
        };
        hub.restore();
        Rc::new(hub)
    }

    /// Takes up what was kept as far as it is sound. What is not, for example after the pinned key was replaced, is left
    /// behind: the next pull begins with a snapshot.
    fn restore(&self) {
        let texts = match self.host.kept() {
            Ok(texts) => texts,
            Err(error) => {
                self.host.log(Severity::Warning, &error.to_string());
                return;
            }
        };
        for text in texts {
            let restored =
                feed::open(&text, self.config.pinned()).map_err(Unacceptable::from).and_then(|batch| {
                    let mut memory = self.memory.borrow_mut();
                    let step = Step::of(&batch, &text);
                    match memory.state.as_mut() {
                        Some(state) => state.replay(batch)?,
                        None => memory.state = Some(State::restore(batch, self.hasher)?),
                    }
                    self.settle(&mut memory)?;
                    memory.chain.push(step, text);
                    Ok(())
                });
            if let Err(error) = restored {
                self.host.log(Severity::Warning, &format!("a kept batch is not taken up: {error}"));
                return;
            }
        }
    }

    fn known(&self) -> Option<Known> {
        let memory = self.memory.borrow();
        let state = memory.state.as_ref()?;
        Some(Known { sequence: state.sequence(), issued_at_ms: state.issued_at_ms() })
    }

    /// The batches that lead a node from `known` to the newest there is. `understood` is the version of the feed that the node
    /// understands: while a deployment is being replaced it may be older than the hub.
    pub async fn newer(self: &Rc<Self>, known: Option<Known>, understood: u8) -> Vec<String> {
        if understood < WireVersions::CURRENT.feed {
            self.memory.borrow_mut().older_node = Some((self.host.now_ms(), understood));
        }
        let is_readable = || self.memory.borrow().chain.newest_version() <= understood;
        self.renew(if is_readable() { COPY_AGE_MS } else { 0 }).await;
        // A node that could not read it goes on with what it knows.
        if is_readable() { self.memory.borrow().chain.after(known) } else { Vec::new() }
    }

    /// What every node around understands, as far as is known.
    fn versions(&self) -> WireVersions {
        let now_ms = self.host.now_ms();
        let older = self.memory.borrow().older_node;
        let older = older.filter(|(at, _)| now_ms.abs_diff(*at) < OLDER_NODES_FOR_MS);
        let feed = older.map_or(WireVersions::CURRENT.feed, |(_, feed)| feed);
        WireVersions { feed, ..WireVersions::CURRENT }
    }

    /// By the timer.
    pub async fn tick(self: &Rc<Self>) {
        self.renew(TICK_MS / 2).await;
        self.publish();
        self.report_usage().await;
    }

    /// Takes a pushed batch.
    pub async fn take(self: &Rc<Self>, unverified: String) -> Taken {
        let opened = feed_client::open(&*self.host, &unverified, self.config.pinned());
        let Ok(batch) = opened else { return Taken::Refused };
        let to = batch.to;
        let is_known = || self.known().is_some_and(|known| known.sequence >= to);
        if self.memory.borrow().chain.is_newer_than(feed::version_of(&unverified)) {
            // The control plane does not know yet what is understood here, and tells it better if it is asked.
            self.renew(0).await;
        }
        let taken = match self.accept(batch, &unverified) {
            Ok(()) => Taken::Known,
            Err(error) if error.is_misfit() => {
                if !is_known() {
                    // It does not fit, but what is missing may be there for the asking.
                    self.renew(0).await;
                }
                if is_known() { Taken::Known } else { Taken::Conflict }
            }
            Err(error) => {
                self.host.log(Severity::Warning, &format!("a pushed batch is not acceptable: {error}"));
                Taken::Conflict
            }
        };
        // Whoever pushed it is told that it is here to stay.
        self.keep_first();
        self.publish();
        taken
    }

    /// Takes a batch from outside, wholly or not at all, and keeps it.
    fn accept(&self, batch: Batch, text: &str) -> Result<(), Unacceptable> {
        self.keep_first();
        let now_ms = self.host.now_ms();
        let mut memory = self.memory.borrow_mut();
        let step = Step::of(&batch, text);
        if !memory.chain.takes(step) {
            return Err(Unacceptable::OlderForm);
        }
        let is_first = memory.state.is_none();
        match memory.state.as_mut() {
            Some(state) => state.apply(batch, now_ms)?,
            None => memory.state = Some(State::from_snapshot(batch, now_ms, self.hasher)?),
        }
        self.settle(&mut memory)?;
        let position = memory.chain.push(step, text.to_owned());
        if is_first {
            memory.is_unkept = true;
            return Ok(());
        }
        if step.is_heartbeat {
            if now_ms.abs_diff(memory.heartbeat_kept_at) < HEARTBEAT_KEPT_EVERY_MS {
                return Ok(());
            }
            memory.heartbeat_kept_at = now_ms;
        }
        drop(memory);
        if let Err(error) = self.host.keep(position, text) {
            self.host.log(Severity::Warning, &error.to_string());
        }
        Ok(())
    }

    /// Keeps the first snapshot, if that was put off.
    fn keep_first(&self) {
        let mut memory = self.memory.borrow_mut();
        if std::mem::take(&mut memory.is_unkept)
            && let Some(text) = memory.chain.first()
            && let Err(error) = self.host.keep(0, text)
        {
            self.host.log(Severity::Warning, &error.to_string());
        }
    }

    /// As for nodes: a feed of another issuer is a mistake somebody must settle before anything is answered.
    fn settle(&self, memory: &mut Memory) -> Result<(), Unacceptable> {
        if memory.state.as_ref().is_some_and(|state| state.issuer.issuer != self.config.issuer()) {
            memory.state = None;
            memory.chain = Chain::default();
            return Err(Unacceptable::OtherIssuer);
        }
        Ok(())
    }

    /// Pulls if the copy is older than `max_age_ms`, or waits for the pull that is under way.
    async fn renew(self: &Rc<Self>, max_age_ms: u64) {
        let under_way = self.pulling.borrow().clone();
        if let Some(pull) = under_way {
            pull.await;
        } else if self.may_pull(max_age_ms) {
            let hub = Rc::clone(self);
            let pull = async move {
                let is_first = hub.known().is_none();
                hub.pull().await;
                hub.pulling.borrow_mut().take();
                if is_first && hub.known().is_some() {
                    hub.follow_up();
                }
            };
            let pull = pull.boxed_local().shared();
            *self.pulling.borrow_mut() = Some(pull.clone());
            // Goes on to its end even if those who wait for it leave.
            self.host.run_in_background(pull.clone());
            pull.await;
        }
    }

    /// What nobody has to wait for who waits for the first snapshot: keeping it, telling the control plane that it is here, and asking
    /// what happened meanwhile.
    fn follow_up(self: &Rc<Self>) {
        let hub = Rc::clone(self);
        self.host.run_in_background(async move {
            hub.keep_first();
            hub.renew(0).await;
        });
    }

    fn may_pull(&self, max_age_ms: u64) -> bool {
        let now_ms = self.host.now_ms();
        let memory = self.memory.borrow();
        let is_recent = memory.pulled_at.is_some_and(|at| now_ms.abs_diff(at) < max_age_ms);
        // A pause far in the future is one that a wrong clock has set.
        let is_pausing = (1..=LONGEST_PAUSE_MS).contains(&memory.no_pull_before.saturating_sub(now_ms));
        !is_recent && !is_pausing
    }

    /// Puts everything where a cold node finds it if the hub cannot be reached.
    fn publish(&self) {
        let Some(known) = self.known() else { return };
        let now_ms = self.host.now_ms();
        let mut memory = self.memory.borrow_mut();
        let due = match memory.published {
            None => true,
            Some((sequence, at)) => {
                let every =
                    if sequence == known.sequence { PUBLISHED_AT_LEAST_EVERY_MS } else { PUBLISHED_EVERY_MS };
                now_ms.abs_diff(at) >= every
            }
        };
        if !due {
            return;
        }
        memory.published = Some((known.sequence, now_ms));
        let (lines, version) = (memory.chain.lines(), memory.chain.newest_version());
        drop(memory);
        if lines.len() <= MAX_PUBLISHED_BYTES {
            self.host.run_in_background(self.host.remember(snapshot_key(version), lines, None));
        }
    }
}
