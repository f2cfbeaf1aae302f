//! Who reads meanwhile: two edges, by the rules of edges, and an auditor who keeps the signed heads of the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use agentidp_shared::feed::{Batch, Change, open};
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::jwk::KeySet;
use agentidp_shared::state::State;
use agentidp_tests::{Api, ControlPlane};
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use crate::random::Random;

pub fn now_ms() -> u64 {
    u64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap()
}

/// An edge's way to its control plane.
#[derive(Debug, Clone)]
pub struct Feed {
    api: Api,
    edge: String,
    keys: KeySet,
}

impl Feed {
    pub fn of(control_plane: &ControlPlane) -> Self {
        let api = Api::new(&control_plane.url()).with_token(&control_plane.edge_key());
        let jwks = serde_json::from_str(&control_plane.feed_public_keys()).unwrap();
        let keys = KeySet::from_jwks(&jwks).unwrap();
        Self { api, edge: control_plane.edge_name().to_owned(), keys }
    }

    /// `Err` is what an edge must never be told.
    async fn ask(&self, path: &str, node: &str, holds: u64) -> Result<Option<Batch>, String> {
        let request = self.api.request("GET", path).header("x-edge-name", &self.edge);
        let request = request.header("x-edge-node", node).header("x-edge-sequence", holds);
        match self.api.try_send(request).await {
            Some(answer) if answer.is(200) => {
                open(&answer.body, &self.keys).map(Some).map_err(|error| format!("{path}: {error}"))
            }
            Some(answer) if answer.status < 500 => {
                Err(format!("{path} → {}: {}", answer.status, answer.body))
            }
            _ => Ok(None),
        }
    }

    pub async fn snapshot(&self, node: &str) -> Result<Option<State>, String> {
        let Some(batch) = self.ask("/edge/v1/snapshot", node, 0).await? else { return Ok(None) };
        State::from_snapshot(batch, now_ms(), SeededHasher::new([7; 16])).map(Some).map_err(|e| e.to_string())
    }
}

/// What an edge has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub state: Option<State>,
    /// By sequence number.
    pub changes: BTreeMap<u64, Change>,
    pub snapshots: usize,
    pub batches: usize,
    pub violations: Vec<String>,
}

#[derive(Debug)]
pub struct Reader {
    task: JoinHandle<Seen>,
    /// To be reached before the end.
    until: Arc<AtomicU64>,
}

impl Reader {
    /// Follows by long poll; with `restarts` it begins anew with a snapshot from time to time, as an edge that was evicted.
    pub fn start(feed: Feed, node: &'static str, restarts: Option<Random>) -> Self {
        let until = Arc::new(AtomicU64::new(u64::MAX));
        let task = tokio::spawn(follow(feed, node, restarts, Arc::clone(&until)));
        Self { task, until }
    }

    pub async fn stop_at(self, sequence: u64) -> Seen {
        self.until.store(sequence, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn follow(feed: Feed, node: &str, mut restarts: Option<Random>, until: Arc<AtomicU64>) -> Seen {
    let mut seen = Seen::default();
    let mut highest = 0;
    loop {
        let holds = seen.state.as_ref().map_or(0, State::sequence);
        if holds >= until.load(Ordering::Relaxed) || seen.violations.len() > 20 {
            return seen;
        }
        let restart = restarts.as_mut().is_some_and(|random| random.percent(2));
        let step = match &seen.state {
            Some(_) if !restart => advance(&feed, node, &mut seen, holds).await,
            _ => feed.snapshot(node).await.map(|state| {
                let came = state.is_some();
                seen.snapshots += usize::from(came);
                seen.state = state.or(seen.state.take());
                came
            }),
        };
        match step {
            Ok(true) => {}
            Ok(false) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(violation) => seen.violations.push(format!("{node} holds {holds}: {violation}")),
        }
        let sequence = seen.state.as_ref().map_or(0, State::sequence);
        if sequence < highest {
            seen.violations.push(format!("{node} was told of {highest}, and then of {sequence}"));
        }
        highest = highest.max(sequence);
    }
}

async fn advance(feed: &Feed, node: &str, seen: &mut Seen, holds: u64) -> Result<bool, String> {
    let path = format!("/edge/v1/changes?after={holds}&wait=2");
    let Some(batch) = feed.ask(&path, node, holds).await? else { return Ok(false) };
    seen.batches += 1;
    for (sequence, change) in (batch.from + 1..).zip(&batch.changes) {
        if let Some(before) = seen.changes.insert(sequence, change.clone())
            && before != *change
        {
            return Err(format!("change {sequence} was one thing and is another now"));
        }
    }
    let state = seen.state.as_mut().unwrap();
    state.apply(batch, now_ms()).map_err(|error| error.to_string())?;
    Ok(true)
}

/// Keeps the signed heads of the audit log, as somebody would who does not trust its keeper.
#[derive(Debug)]
pub struct Auditor {
    task: JoinHandle<BTreeMap<u64, (String, String)>>,
    stop: Arc<AtomicBool>,
}

impl Auditor {
    pub fn start(api: Api) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut heads = BTreeMap::new();
            while !stopped.load(Ordering::Relaxed) {
                let answer = api.try_send(api.request("GET", "/api/v1/audit/checkpoint")).await;
                if let Some(answer) = answer.filter(|answer| answer.is(200)) {
                    let head = answer.json();
                    let size = head["treeSize"].as_u64().unwrap();
                    heads.insert(size, (answer.text("rootHash"), answer.text("checkpoint")));
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            heads
        });
        Self { task, stop }
    }

    /// Root hashes and notes, by size of the tree.
    pub async fn stop(self) -> BTreeMap<u64, (String, String)> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}
