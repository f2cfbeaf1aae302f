//! The port: everything an edge needs of the machine it runs on.
//!
//! Nothing here is `Send`: the hosts run one request at a time per instance of this code, interleaved at awaits. A value that
//! came out of one request's calls is never awaited by another request; some hosts forbid it.

use std::cell::Cell;
use std::future::Future;
use std::net::IpAddr;
use std::rc::Rc;

use agentidp_shared::jwk::VerificationKey;
use agentidp_shared::rate_limit;
use http::{Request, Response};

use crate::hub::wire::{Newer, Piece};
use crate::knowledge::{Known, Source};
use crate::limits::{LeaseRequest, Meters};
use crate::usage::{HandOver, Reporting};

/// How much an operator should care about a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Part of a normal day.
    Info,
    /// Something did not work and will be tried again.
    Warning,
    /// Somebody must do something.
    Error,
}

/// Where a request came from, by the platform's own word and never by a header a client could have set. The host attaches
/// it to each request as an extension.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peer {
    pub address: Option<IpAddr>,
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body is larger than what is accepted here")]
    TooLarge,
    #[error("the body ended before its end")]
    Broken,
}

/// Why the control plane gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    #[error("the control plane could not be reached")]
    Unreachable,
    #[error("the control plane did not answer in time")]
    TimedOut,
}

/// The hub could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hub could not be asked")]
pub struct HubUnavailable;

/// What became of a pushed batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was news, or everything in it was known already.
    Known,
    /// It does not fit on what is known: the sender must begin with a snapshot, or has nothing new.
    Conflict,
    /// It is not a batch of this feed.
    Refused,
}

/// Why a connection was not upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    #[error("this host passes on no upgraded connections")]
    Unsupported,
    #[error(transparent)]
    Origin(#[from] OriginError),
}

/// What both halves of an edge, the nodes and their hub, need.
pub trait Platform: 'static {
    /// A body, perhaps not here yet.
    type Body: 'static;

    /// Unix milliseconds. May be wrong, and may move backwards.
    fn now_ms(&self) -> u64;

    /// Fills `bytes` from the machine's cryptographic randomness.
    fn fill_random(&self, bytes: &mut [u8]);

    /// The memory that this instance has taken, in bytes, on platforms that tell. It never shrinks.
    fn memory_bytes(&self) -> Option<u64> {
        None
    }

    /// One line for the operator. Never holds a token, a secret or a body.
    fn log(&self, severity: Severity, line: &str);

    /// Checks a JWS signature (RFC 7518 §3). Platforms with faster cryptography of their own override it.
    fn check_signature(&self, key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
        key.verify(message, signature)
    }

    fn body(&self, bytes: Vec<u8>) -> Self::Body;

    /// Reads a body to its end, but gives up as soon as it is longer than `limit` bytes.
    fn read_body(
        &self,
        body: Self::Body,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<u8>, BodyError>> + 'static;

    /// Whether a body is known to have no bytes.
    fn is_empty(&self, _: &Self::Body) -> bool {
        false
    }

    /// A body that is given up as soon as it is longer than `limit` bytes: `exceeded` is set, and a request with it is broken
    /// off, so that no part of the body passes for the whole. Hosts that can look at a body while they pass it on override
    /// this; the others read it first.
    fn bound_body(
        &self,
        body: Self::Body,
        limit: u64,
        _exceeded: Rc<Cell<bool>>,
    ) -> impl Future<Output = Result<Self::Body, BodyError>> {
        let read = self.read_body(body, usize::try_from(limit).unwrap_or(usize::MAX));
        async { read.await.map(|bytes| self.body(bytes)) }
    }

    /// Sends a request with an absolute URI, follows no redirect, and returns when the head of the answer is there or
    /// `limit_ms` milliseconds have passed. Bodies are streamed both ways.
    fn fetch_origin(
        &self,
        request: Request<Self::Body>,
        limit_ms: u64,
    ) -> impl Future<Output = Result<Response<Self::Body>, OriginError>> + 'static;

    /// A value from storage that all nodes share and that may be a minute behind, such as a CDN's key-value store. A store
    /// that fails holds nothing.
    fn recall(&self, key: &str) -> impl Future<Output = Option<String>> + 'static;

    /// Puts a value there, to be forgotten after `ttl_seconds` (at least 60) if given. May fail silently.
    fn remember(
        &self,
        key: &str,
        value: String,
        ttl_seconds: Option<u64>,
    ) -> impl Future<Output = ()> + 'static;

    /// Goes on with `work` after the answer was given.
    fn run_in_background(&self, work: impl Future<Output = ()> + 'static);
}

/// What a node needs besides.
pub trait Host: Platform + Sized {
    /// How nodes of this host come by what they know.
    type Source: Source<Self>;
    /// How they count requests together.
    type Meters: Meters<Self>;

    /// How what nodes of this host count reaches the control plane.
    type Usage: Reporting<Self>;

    /// Sends a request to upgrade the connection (RFC 9110 §7.8). Of a host that can join the client's connection to the
    /// origin's, the answer then has status 101 and carries the origin's connection.
    fn upgrade(
        &self,
        _: Request<Self::Body>,
        _limit_ms: u64,
    ) -> impl Future<Output = Result<Response<Self::Body>, UpgradeError>> + 'static {
        std::future::ready(Err(UpgradeError::Unsupported))
    }
}

/// A host whose nodes live on and follow the hub of their region ([`FollowingHub`](crate::knowledge::FollowingHub)).
pub trait HubClient: Platform {
    /// What leads from `known` (from nothing if `None`) to the newest the region's hub has ([`Hub::newer`](crate::hub::Hub::newer)).
    /// Nothing if there is nothing newer. If that is everything it comes in pieces, and `piece` is the one to go on with.
    fn newer(
        &self,
        known: Option<Known>,
        piece: Option<Piece>,
    ) -> impl Future<Output = Result<Newer, HubUnavailable>> + 'static;

    /// Gives a pushed batch to the region's hub.
    fn hand_over(&self, batch: String) -> impl Future<Output = Result<Taken, HubUnavailable>> + 'static;

    /// Gives what was counted to the region's hub ([`Hub::take_usage`](crate::hub::Hub::take_usage)).
    fn hand_over_usage(
        &self,
        hand_over: HandOver,
    ) -> impl Future<Output = Result<(), HubUnavailable>> + 'static;

    /// Lets time pass.
    fn sleep(&self, milliseconds: u64) -> impl Future<Output = ()> + 'static;
}

/// The shard that keeps a rate limit's meter could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the shard could not be asked")]
pub struct ShardUnavailable;

/// A host whose nodes lease what they may let through ([`Leasing`](crate::limits::Leasing)).
pub trait LeaseClient: Platform {
    /// Asks the [`Shard`](crate::limits::Shard) with this number, the same for all nodes of the edge wherever they are. Gives up
    /// within a fraction of a second.
    fn lease(
        &self,
        shard: u8,
        request: LeaseRequest,
    ) -> impl Future<Output = Result<rate_limit::Taken, ShardUnavailable>> + 'static;
}

/// A host whose instances live for one request ([`ReadingStore`](crate::knowledge::ReadingStore)).
pub trait StoreHost: Platform {
    type Store: Store;

    fn store(&self) -> &Self::Store;
}

/// The store could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store: {0}")]
pub struct StoreError(pub String);

/// Storage that every instance of an edge shares, on hosts where an instance lives for one request and nothing else is left
/// of it. Whoever has written reads what was written, or something newer; one key changes at once or not at all.
pub trait Store: 'static {
    /// The values of several keys, in their order.
    fn get(
        &self,
        keys: Vec<String>,
    ) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, StoreError>> + 'static;

    /// Sets several keys, each by itself.
    fn set(&self, entries: Vec<(String, Vec<u8>)>) -> impl Future<Output = Result<(), StoreError>> + 'static;

    /// Forgets several keys.
    fn delete(&self, keys: Vec<String>) -> impl Future<Output = Result<(), StoreError>> + 'static;

    /// Sets a key only if it still holds `current`; says whether it did. A key that is to be created (`None`) may be created
    /// by two at once, and then the later one counts.
    fn swap(
        &self,
        key: String,
        current: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> impl Future<Output = Result<bool, StoreError>> + 'static;

    /// Every key there is. Costs as much as that sounds.
    fn keys(&self) -> impl Future<Output = Result<Vec<String>, StoreError>> + 'static;
}

/// The hub's own storage could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the hub's storage: {0}")]
pub struct StorageError(pub String);

/// What a hub needs besides: durable storage of its own, with ordered lists of texts, one for each generation of the snapshot that
/// they begin with, and notes by name.
pub trait HubHost: Platform {
    /// The generation that counts. Writes nothing.
    fn generation(&self) -> Result<Option<u64>, StorageError>;

    /// What was kept at `position` of a generation.
    fn kept(&self, generation: u64, position: usize) -> Result<Option<String>, StorageError>;

    /// Keeps `text` at `position` of a generation, and forgets what was there and behind, in one step.
    fn keep(&self, generation: u64, position: usize, text: &str) -> Result<(), StorageError>;

    /// Makes this the generation that counts, and forgets all others, in one step.
    fn settle(&self, generation: u64) -> Result<(), StorageError>;

    /// The notes of these names, in their order.
    fn noted(&self, names: &[String]) -> Result<Vec<Option<String>>, StorageError>;

    /// The first notes, by the order of their names, whose name begins with `prefix`; at most `most`.
    fn notes(&self, prefix: &str, most: usize) -> Result<Vec<(String, String)>, StorageError>;

    /// Writes notes, or forgets those that are `None`: all of them, durably, or none.
    fn note(&self, changes: &[(String, Option<String>)]) -> Result<(), StorageError>;
}
