//! A host in memory: time is set, nothing waits, and what was asked of the outside is noted.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::future::{Future, poll_fn, ready};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use agentidp_edge_core::host::{
    BodyError, Host, HubClient, HubHost, HubUnavailable, LeaseClient, OriginError, Platform, Severity,
    ShardUnavailable, StorageError, StoreHost, Taken,
};
use agentidp_edge_core::hub::Hub;
use agentidp_edge_core::hub::wire::{Newer, Piece};
use agentidp_edge_core::knowledge::{FollowingHub, Known, ReadingStore};
use agentidp_edge_core::limits::{Counting, LeaseRequest, Leasing, Shard};
use agentidp_edge_core::usage::{AddingToStore, HandOver, HandingOver};
use agentidp_shared::jwk::VerificationKey;
use agentidp_shared::rate_limit;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use http::{Request, Response};

use super::{FEED_KEY_ID, Feed, MemoryStore, NOW_MS};

pub type Answer = Response<Vec<u8>>;
type Origin = dyn Fn(&Request<Vec<u8>>) -> Result<Answer, OriginError>;
type UsageTaker = dyn Fn(&HandOver) -> Result<(), HubUnavailable>;

/// Of the process, so that no two hosts of a test draw the same.
static DRAWN: AtomicU64 = AtomicU64::new(0);

/// What the hub does when it is asked.
#[derive(Debug, Clone)]
pub enum HubIs {
    Down,
    /// Gives the batches after what is known, as far as this feed goes.
    Following(Feed),
    /// Gives exactly these, whatever was asked.
    Giving(Vec<String>),
    /// A real one.
    Real(Rc<Hub<TestHost>>),
}

/// Its nodes live on, or, with another `S`, for one request.
pub struct TestHost<S = FollowingHub> {
    pub now_ms: Cell<u64>,
    pub hub: RefCell<HubIs>,
    pub hub_asked: RefCell<Vec<Option<Known>>>,
    pub handed_over: RefCell<Vec<String>>,
    pub taken: Cell<Result<Taken, HubUnavailable>>,
    /// What nodes counted and handed over, and what becomes of it.
    pub usage: RefCell<Vec<HandOver>>,
    pub usage_taken: RefCell<Box<UsageTaker>>,
    pub origin: RefCell<Box<Origin>>,
    pub origin_asked: RefCell<Vec<Request<Vec<u8>>>>,
    /// How long each of those had.
    pub limits_ms: RefCell<Vec<u64>>,
    pub store: RefCell<HashMap<String, String>>,
    pub store_is_down: Cell<bool>,
    /// The keys that signatures were checked by, one for each check.
    pub keys_used: RefCell<Vec<String>>,
    pub log: RefCell<Vec<String>>,
    /// The hub's own storage: the texts of the generation that counts, which that is, and the texts of others.
    pub kept: RefCell<Vec<String>>,
    pub generation: Cell<Option<u64>>,
    pub kept_beside: RefCell<BTreeMap<u64, Vec<String>>>,
    pub storage_is_down: Cell<bool>,
    /// The hub lets others go first before it answers.
    pub hub_is_slow: Cell<bool>,
    /// Pieces that the hub was asked for.
    pub pieces_asked: RefCell<Vec<Option<Piece>>>,
    /// The rate limits' one shard; `None` when it cannot be reached.
    pub shard: RefCell<Option<Shard>>,
    pub leases_asked: Cell<usize>,
    pub notes: RefCell<BTreeMap<String, String>>,
    /// What instances that live for one request share.
    pub instances: MemoryStore,
    source: PhantomData<S>,
    background: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
}

impl<S> std::fmt::Debug for TestHost<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestHost")
    }
}

impl<S> TestHost<S> {
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            now_ms: Cell::new(NOW_MS),
            hub: RefCell::new(HubIs::Down),
            hub_asked: RefCell::default(),
            handed_over: RefCell::default(),
            taken: Cell::new(Ok(Taken::Known)),
            usage: RefCell::default(),
            usage_taken: RefCell::new(Box::new(|_| Ok(()))),
            origin: RefCell::new(Box::new(|_| Err(OriginError::Unreachable))),
            origin_asked: RefCell::default(),
            limits_ms: RefCell::default(),
            store: RefCell::default(),
            store_is_down: Cell::new(false),
            keys_used: RefCell::default(),
            log: RefCell::default(),
            kept: RefCell::default(),
            generation: Cell::default(),
            kept_beside: RefCell::default(),
            storage_is_down: Cell::default(),
            hub_is_slow: Cell::default(),
            pieces_asked: RefCell::default(),
            shard: RefCell::new(Some(Shard::new([1; 16]))),
            leases_asked: Cell::new(0),
            notes: RefCell::default(),
            instances: MemoryStore::default(),
            source: PhantomData,
            background: RefCell::default(),
        })
    }

    /// Time goes on.
    pub fn pass(&self, milliseconds: u64) {
        self.now_ms.set(self.now_ms.get() + milliseconds);
    }

    /// How many signatures of tokens were checked: by other keys than the feed's.
    pub fn tokens_checked(&self) -> usize {
        self.keys_used.borrow().iter().filter(|kid| *kid != FEED_KEY_ID).count()
    }

    pub fn answer_with(&self, origin: impl Fn(&Request<Vec<u8>>) -> Result<Answer, OriginError> + 'static) {
        *self.origin.borrow_mut() = Box::new(origin);
    }

    /// Runs everything that was left for later.
    pub fn run_background(&self) {
        loop {
            let work = self.background.borrow_mut().pop();
            let Some(work) = work else { return };
            work.now_or_never().unwrap();
        }
    }

    /// Whatever was left for later never happens.
    pub fn drop_background(&self) {
        self.background.borrow_mut().clear();
    }

    /// Hands out what was left for later, to be run step by step.
    pub fn take_background(&self) -> Vec<LocalBoxFuture<'static, ()>> {
        self.background.take()
    }

    pub fn is_idle(&self) -> bool {
        self.background.borrow().is_empty()
    }
}

impl<S: 'static> Platform for TestHost<S> {
    type Body = Vec<u8>;

    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // Weyl's sequence and a mixer: even, and never the same twice.
            let drawn = DRAWN.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (drawn ^ drawn >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            chunk.copy_from_slice(&(mixed ^ mixed >> 29).to_be_bytes()[..chunk.len()]);
        }
    }

    fn log(&self, _: Severity, line: &str) {
        self.log.borrow_mut().push(line.to_owned());
    }

    fn check_signature(&self, key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
        self.keys_used.borrow_mut().push(key.kid().to_owned());
        key.verify(message, signature)
    }

    fn body(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    fn read_body(
        &self,
        body: Vec<u8>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<u8>, BodyError>> + 'static {
        ready(if body.len() > limit { Err(BodyError::TooLarge) } else { Ok(body) })
    }

    fn is_empty(&self, body: &Vec<u8>) -> bool {
        body.is_empty()
    }

    fn fetch_origin(
        &self,
        request: Request<Vec<u8>>,
        limit_ms: u64,
    ) -> impl Future<Output = Result<Answer, OriginError>> + 'static {
        self.limits_ms.borrow_mut().push(limit_ms);
        let answer = self.origin.borrow()(&request);
        self.origin_asked.borrow_mut().push(request);
        ready(answer)
    }

    fn recall(&self, key: &str) -> impl Future<Output = Option<String>> + 'static {
        let value = self.store.borrow().get(key).cloned();
        ready(value.filter(|_| !self.store_is_down.get()))
    }

    fn remember(&self, key: &str, value: String, _: Option<u64>) -> impl Future<Output = ()> + 'static {
        if !self.store_is_down.get() {
            self.store.borrow_mut().insert(key.to_owned(), value);
        }
        ready(())
    }

    fn run_in_background(&self, work: impl Future<Output = ()> + 'static) {
        self.background.borrow_mut().push(work.boxed_local());
    }
}

impl Host for TestHost {
    type Source = FollowingHub;
    type Meters = Leasing;
    type Usage = HandingOver;
}

impl HubClient for TestHost {
    fn newer(
        &self,
        known: Option<Known>,
        piece: Option<Piece>,
    ) -> impl Future<Output = Result<Newer, HubUnavailable>> + 'static {
        self.hub_asked.borrow_mut().push(known);
        self.pieces_asked.borrow_mut().push(piece);
        let now_ms = self.now_ms.get();
        let hub = self.hub.borrow().clone();
        let mut waits = self.hub_is_slow.get();
        let turn = poll_fn(move |_| if std::mem::take(&mut waits) { Poll::Pending } else { Poll::Ready(()) });
        async move {
            turn.await;
            let all = |texts| Ok(Newer { texts, more: None });
            match hub {
                HubIs::Down => Err(HubUnavailable),
                HubIs::Following(feed) => {
                    all(vec![feed.after(known.map_or(0, |known| known.sequence), now_ms)])
                }
                HubIs::Giving(batches) => all(batches),
                HubIs::Real(hub) => hub.newer(known, 2, piece).await.ok_or(HubUnavailable),
            }
        }
    }

    fn hand_over(&self, batch: String) -> impl Future<Output = Result<Taken, HubUnavailable>> + 'static {
        self.handed_over.borrow_mut().push(batch);
        ready(self.taken.get())
    }

    fn hand_over_usage(
        &self,
        hand_over: HandOver,
    ) -> impl Future<Output = Result<(), HubUnavailable>> + 'static {
        let taken = self.usage_taken.borrow()(&hand_over);
        self.usage.borrow_mut().push(hand_over);
        ready(taken)
    }

    fn sleep(&self, _: u64) -> impl Future<Output = ()> + 'static {
        ready(())
    }
}

impl LeaseClient for TestHost {
    fn lease(
        &self,
        _: u8,
        request: LeaseRequest,
    ) -> impl Future<Output = Result<rate_limit::Taken, ShardUnavailable>> + 'static {
        self.leases_asked.set(self.leases_asked.get() + 1);
        let given = self.shard.borrow_mut().as_mut().map(|shard| shard.lease(request, self.now_ms.get()));
        ready(given.ok_or(ShardUnavailable))
    }
}

impl HubHost for TestHost {
    fn generation(&self) -> Result<Option<u64>, StorageError> {
        Ok(self.generation.get())
    }

    fn kept(&self, generation: u64, position: usize) -> Result<Option<String>, StorageError> {
        if self.storage_is_down.get() {
            return Err(StorageError("down".into()));
        }
        if self.generation.get() == Some(generation) {
            return Ok(self.kept.borrow().get(position).cloned());
        }
        let beside = self.kept_beside.borrow();
        Ok(beside.get(&generation).and_then(|texts| texts.get(position)).cloned())
    }

    fn keep(&self, generation: u64, position: usize, text: &str) -> Result<(), StorageError> {
        if self.storage_is_down.get() {
            return Err(StorageError("down".into()));
        }
        let (mut counting, mut beside) = (self.kept.borrow_mut(), self.kept_beside.borrow_mut());
        let kept = match self.generation.get() {
            Some(counts) if counts == generation => &mut *counting,
            _ => beside.entry(generation).or_default(),
        };
        kept.truncate(position);
        assert_eq!(kept.len(), position, "a hole in what is kept");
        kept.push(text.to_owned());
        Ok(())
    }

    fn settle(&self, generation: u64) -> Result<(), StorageError> {
        if self.storage_is_down.get() {
            return Err(StorageError("down".into()));
        }
        if self.generation.replace(Some(generation)) != Some(generation) {
            *self.kept.borrow_mut() = self.kept_beside.borrow_mut().remove(&generation).unwrap_or_default();
        }
        self.kept_beside.borrow_mut().clear();
        Ok(())
    }

    fn noted(&self, names: &[String]) -> Result<Vec<Option<String>>, StorageError> {
        Ok(names.iter().map(|name| self.notes.borrow().get(name).cloned()).collect())
    }

    fn notes(&self, prefix: &str, most: usize) -> Result<Vec<(String, String)>, StorageError> {
        let notes = self.notes.borrow();
        let found = notes.iter().filter(|(name, _)| name.starts_with(prefix)).take(most);
        Ok(found.map(|(name, text)| (name.clone(), text.clone())).collect())
    }

    fn note(&self, changes: &[(String, Option<String>)]) -> Result<(), StorageError> {
        for (name, text) in changes {
            match text {
                Some(text) => self.notes.borrow_mut().insert(name.clone(), text.clone()),
                None => self.notes.borrow_mut().remove(name),
            };
        }
        Ok(())
    }
}

impl Host for TestHost<ReadingStore> {
    type Source = ReadingStore;
    type Meters = Counting;
    type Usage = AddingToStore;
}

impl StoreHost for TestHost<ReadingStore> {
    type Store = MemoryStore;

    fn store(&self) -> &MemoryStore {
        &self.instances
    }
}
