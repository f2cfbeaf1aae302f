//! The hub of a region: follows the feed for all nodes around it, so that the control plane is asked once and not by each.
//!
//! It pulls when its copy is old and somebody asks, takes what is pushed, and keeps itself fresh by a timer, so that the
//! control plane can count on it. What it accepted survives a restart. It also takes what the nodes counted, and reports it.

mod chain;
mod older_nodes;
pub mod published;
mod pull;
mod usage;
pub mod wire;

use std::cell::RefCell;
use std::rc::Rc;

use agentidp_shared::feed::{self, Batch, Change, FeedError, News, Page};
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::state::{Arriving, State};
use agentidp_shared::wire::WireVersions;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, Shared};

use crate::config::Config;
use crate::feed_client::{self, PullError};
use crate::host::{HubHost, Severity, StorageError, Taken};
use crate::knowledge::{Known, Unacceptable};
use chain::{Chain, Step};
use older_nodes::{OlderNodes, is_recent};
use wire::{Newer, Piece};

/// A copy older than this is renewed before it is given to a node, in milliseconds.
const COPY_AGE_MS: u64 = 1_000;
/// How often the timer should call [`Hub::tick`], in milliseconds.
pub const TICK_MS: u64 = crate::usage::REPORT_EVERY_MS;
/// How often it is written down that there was nothing new.
const HEARTBEAT_KEPT_EVERY_MS: u64 = 30_000;
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
    /// What the rules of acceptance need, and nothing that concerns only some subjects: no hub decides anything.
    state: Option<State>,
    chain: Chain,
    /// A snapshot of which some pages are there.
    arriving: Option<(Arriving, Chain)>,
    /// A whole one that takes the place of `state` and `chain` as soon as it is as far: meanwhile more was pushed.
    behind: Option<(State, Chain)>,
    pulled_at: Option<u64>,
    no_pull_before: u64,
    pause: u64,
    heartbeat_kept_at: u64,
    /// The first snapshot is known, and not kept yet.
    is_unkept: bool,
    published: Option<published::Last>,
    tidied_at: u64,
    /// Those that understand less than this build.
    older_nodes: OlderNodes,
    /// When it was found that they cannot be told what there is.
    older_untold_at: Option<u64>,
}

impl Memory {
    fn known(&self) -> Option<Known> {
        let state = self.state.as_ref()?;
        let version = self.chain.version();
        Some(Known { sequence: state.sequence(), issued_at_ms: state.issued_at_ms(), version })
    }
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
        if let Err(error) = hub.restore() {
            hub.host.log(Severity::Warning, &format!("a kept batch is not taken up: {error}"));
        }
        Rc::new(hub)
    }

    /// Takes up what was kept as far as it is sound. What is not, for example after the pinned key was replaced, is left
    /// behind: the next pull begins with a snapshot.
    fn restore(&self) -> Result<(), PullError> {
        let Some(generation) = self.host.generation()? else { return Ok(()) };
        let mut memory = self.memory.borrow_mut();
        memory.chain = Chain::new(generation);
        for position in 0.. {
            let Some(text) = self.host.kept(generation, position)? else { break };
            let news =
                feed_client::open(&*self.host, &text, self.config.pinned()).map_err(Unacceptable::from)?;
            self.take_up(&mut memory, news, text).map_err(Unacceptable::from)?;
            self.settle(&mut memory)?;
        }
        Ok(())
    }

    /// Takes up one text, after those that were kept before it.
    fn take_up(&self, memory: &mut Memory, news: News, text: String) -> Result<(), FeedError> {
        let step = Step::of(&news, &text);
        let first = match without_subjects(news) {
            Ok(page) if page.after.is_some() => {
                let (mut arriving, mut chain) = memory.arriving.take().ok_or(FeedError::PageOutOfOrder)?;
                arriving.replay(page)?;
                chain.push(step, text);
                (arriving, chain)
            }
            Ok(first) => {
                let mut chain = Chain::new(memory.chain.generation);
                chain.push(step, text);
                (Arriving::restore(first, self.hasher)?, chain)
            }
            Err(batch) => {
                let state = memory.state.as_mut();
                let state = state.ok_or(FeedError::Gap { known: 0, from: batch.from })?;
                state.replay(batch)?;
                state.forget_subjects();
                memory.chain.push(step, text);
                return Ok(());
            }
        };
        let (arriving, mut chain) = first;
        if chain.is_large() {
            chain.let_go();
        }
        if arriving.is_whole() {
            (memory.state, memory.chain) = (arriving.into_state(), chain);
        } else {
            memory.arriving = Some((arriving, chain));
        }
        Ok(())
    }

    fn known(&self) -> Option<Known> {
        self.memory.borrow().known()
    }

    /// What leads a node from `known` to the newest there is, or one `piece` of everything. `understood` is the version of the feed
    /// that the node understands: while a deployment is being replaced it may be older than the hub. `None` if there is nothing
    /// that it could read.
    pub async fn newer(
        self: &Rc<Self>,
        known: Option<Known>,
        understood: u8,
        piece: Option<Piece>,
    ) -> Option<Newer> {
        if understood < WireVersions::CURRENT.feed {
            self.memory.borrow_mut().older_nodes.note(understood, self.host.now_ms());
        }
        let is_readable = || self.memory.borrow().chain.newest_version() <= understood;
        let piece = piece.filter(|piece| {
            let memory = self.memory.borrow();
            piece.generation == memory.chain.generation && piece.number < memory.chain.pages()
        });
        if let Some(piece) = piece {
            return if is_readable() { self.piece(piece.number) } else { None };
        }
        let is_askable = self.versions().feed <= understood;
        self.renew(if is_readable() || !is_askable { COPY_AGE_MS } else { 0 }).await;
        if !is_readable() {
            // It goes on with what it knows.
            return None;
        }
        let after = self.memory.borrow().chain.after(known);
        after.map_or_else(|| self.piece(0), |texts| Some(Newer { texts, more: None }))
    }

    /// A page of the snapshot; with the last of them, everything that followed.
    fn piece(&self, number: usize) -> Option<Newer> {
        let memory = self.memory.borrow();
        let chain = &memory.chain;
        let page = self.page(chain, number)?;
        let is_last = number + 1 >= chain.pages();
        let following = chain.following().filter(|_| is_last).map(str::to_owned);
        let texts = std::iter::once(page).chain(following).collect();
        let next = Piece { generation: chain.generation, number: number + 1 };
        Some(Newer { texts, more: Some(next).filter(|_| !is_last) })
    }

    /// A page of the snapshot of this generation, if that still counts.
    fn page_of(&self, generation: u64, number: usize) -> Option<String> {
        let memory = self.memory.borrow();
        if memory.chain.generation == generation { self.page(&memory.chain, number) } else { None }
    }

    /// A page of the snapshot, from memory or from storage.
    fn page(&self, chain: &Chain, number: usize) -> Option<String> {
        if let Some(text) = chain.page(number) {
            return Some(text.to_owned());
        }
        let missing = || StorageError("a page of the snapshot is missing".to_owned());
        let kept = self.host.kept(chain.generation, number).and_then(|kept| kept.ok_or_else(missing));
        kept.map_err(|error| self.host.log(Severity::Error, &error.to_string())).ok()
    }

    /// What every node around understands, as far as is known and can be had.
    fn versions(&self) -> WireVersions {
        let now_ms = self.host.now_ms();
        let memory = self.memory.borrow();
        let is_untold = memory.older_untold_at.is_some_and(|at| is_recent(at, now_ms));
        let older = memory.older_nodes.understand(now_ms).filter(|_| !is_untold);
        WireVersions { feed: older.unwrap_or(WireVersions::CURRENT.feed), ..WireVersions::CURRENT }
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
        let Ok(news) = opened else { return Taken::Refused };
        let to = news.to();
        let is_known = || self.known().is_some_and(|known| known.sequence >= to);
        if self.memory.borrow().chain.is_newer_than(feed::version_of(&unverified)) {
            // The control plane does not know yet what is understood here, and tells it better if it is asked.
            self.renew(0).await;
        }
        let accepted = match news {
            // A snapshot that has more pages is asked for.
            News::Page(page) if !page.is_whole() => Err(Unacceptable::Feed(FeedError::PageOutOfOrder).into()),
            news => self.accept(news, unverified),
        };
        let taken = match accepted {
            Ok(()) => Taken::Known,
            Err(PullError::Unacceptable(error)) if error.is_misfit() => {
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

    /// Takes a batch or a page from outside, wholly or not at all, and keeps it.
    fn accept(&self, news: News, text: String) -> Result<(), PullError> {
        self.keep_first();
        let mut memory = self.memory.borrow_mut();
        let step = Step::of(&news, &text);
        match without_subjects(news) {
            Ok(page) => self.accept_page(&mut memory, page, step, text),
            Err(batch) => Ok(self.accept_batch(&mut memory, batch, step, text)?),
        }
    }

    fn accept_page(
        &self,
        memory: &mut Memory,
        page: Page,
        step: Step,
        text: String,
    ) -> Result<(), PullError> {
        let now_ms = self.host.now_ms();
        // A page that does not fit ends what was arriving.
        let (arriving, mut chain) = match memory.arriving.take() {
            Some((mut arriving, chain)) if page.after.is_some() => {
                arriving.take(page, now_ms).map_err(Unacceptable::from)?;
                (arriving, chain)
            }
            _ => {
                let state = memory.state.as_ref();
                let fits =
                    state.map_or(Ok(()), |state| state.may_become(page.instance, page.begun, page.issued_at));
                fits.map_err(Unacceptable::from)?;
                let now_ms = state.map_or(now_ms, |state| state.trusted_now_ms(now_ms));
                let arriving = Arriving::begin(page, now_ms, self.hasher).map_err(Unacceptable::from)?;
                (arriving, Chain::new(memory.chain.generation + 1))
            }
        };
        chain.push(step, text);
        if chain.is_large() {
            for (position, text) in chain.held() {
                self.host.keep(chain.generation, position, text)?;
            }
            chain.let_go();
        }
        if !arriving.is_whole() {
            memory.arriving = Some((arriving, chain));
            return Ok(());
        }
        memory.behind = arriving.into_state().map(|state| (state, chain));
        Ok(self.catch_up_with(memory)?)
    }

    fn accept_batch(
        &self,
        memory: &mut Memory,
        batch: Batch,
        step: Step,
        text: String,
    ) -> Result<(), Unacceptable> {
        let now_ms = self.host.now_ms();
        if let Some((state, chain)) = &mut memory.behind
            && state.sequence() == batch.from
            && chain.takes(step)
        {
            state.apply(batch, now_ms)?;
            state.forget_subjects();
            chain.push(step, text);
            return self.catch_up_with(memory);
        }
        if !memory.chain.takes(step) {
            return Err(Unacceptable::OlderForm);
        }
        let state = memory.state.as_mut().ok_or(FeedError::Gap { known: 0, from: batch.from })?;
        state.apply(batch, now_ms)?;
        state.forget_subjects();
        self.settle(memory)?;
        let generation = memory.chain.generation;
        let position = memory.chain.push(step, text.clone());
        if step.is_heartbeat {
            if now_ms.abs_diff(memory.heartbeat_kept_at) < HEARTBEAT_KEPT_EVERY_MS {
                return Ok(());
            }
            memory.heartbeat_kept_at = now_ms;
        }
        if let Err(error) = self.host.keep(generation, position, &text) {
            self.host.log(Severity::Warning, &error.to_string());
        }
        Ok(())
    }

    /// Lets a whole snapshot take the place of what it replaces, if it is as far.
    fn catch_up_with(&self, memory: &mut Memory) -> Result<(), Unacceptable> {
        let Some((state, chain)) = memory.behind.take() else { return Ok(()) };
        if let Some(held) = &memory.state {
            match held.may_become(state.instance(), state.sequence(), state.issued_at_ms()) {
                Ok(()) => {}
                Err(FeedError::OtherInstance) => return Err(FeedError::OtherInstance.into()),
                Err(_) => {
                    memory.behind = Some((state, chain));
                    return Ok(());
                }
            }
        }
        let is_first = memory.state.is_none();
        (memory.state, memory.chain) = (Some(state), chain);
        self.settle(memory)?;
        memory.is_unkept = true;
        // Whoever waits for the first does not wait for its being kept.
        if !is_first {
            self.keep_chain(memory);
        }
        Ok(())
    }

    /// Keeps the first snapshot, if that was put off.
    fn keep_first(&self) {
        self.keep_chain(&mut self.memory.borrow_mut());
    }

    /// Keeps what is not kept yet, and forgets what it replaces.
    fn keep_chain(&self, memory: &mut Memory) {
        if !memory.is_unkept {
            return;
        }
        let chain = &memory.chain;
        let keep = |(position, text): (usize, &str)| self.host.keep(chain.generation, position, text);
        match chain.held().try_for_each(keep).and_then(|()| self.host.settle(chain.generation)) {
            Ok(()) => memory.is_unkept = false,
            Err(error) => self.host.log(Severity::Warning, &error.to_string()),
        }
    }

    /// As for nodes: a feed of another issuer is a mistake somebody must settle before anything is answered.
    fn settle(&self, memory: &mut Memory) -> Result<(), Unacceptable> {
        if memory.state.as_ref().is_some_and(|state| state.issuer.issuer != self.config.issuer()) {
            memory.state = None;
            memory.chain = Chain::new(memory.chain.generation);
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
}

/// What the rules of acceptance need: a page, or a snapshot of version 1 as the only page of one; else a batch that follows.
fn without_subjects(news: News) -> Result<Page, Batch> {
    let mut page = match news {
        News::Page(page) => page,
        News::Batch(batch) if batch.is_snapshot() => {
            let Batch { instance, to, issued_at, expires_at, changes, .. } = batch;
            Page { instance, begun: to, to, issued_at, expires_at, after: None, until: None, changes }
        }
        News::Batch(batch) => return Err(batch),
    };
    page.changes.retain(Change::concerns_all);
    Ok(page)
}
