//! The ports, given by Spin.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;

use agentidp_edge_core::host::{BodyError, Host, OriginError, Platform, Severity, Store as _, StoreHost};
use agentidp_edge_core::knowledge::ReadingStore;
use agentidp_edge_core::limits::Counting;
use agentidp_edge_core::usage::AddingToStore;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use http::{Request, Response};

use crate::body::Body;
use crate::fetch::fetch;
use crate::store::KeyValue;

/// What [`Platform::remember`] writes, apart from everything else in the store.
const KEPT_PREFIX: &str = "kept/";

type Work = LocalBoxFuture<'static, ()>;

#[derive(Debug, Default)]
pub struct Spin {
    store: KeyValue,
    left: Rc<Left>,
}

/// What is left to do after the answer.
#[derive(Default)]
struct Left(RefCell<Vec<Work>>);

impl std::fmt::Debug for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Left")
    }
}

impl Spin {
    /// Does what is left, and what comes of it.
    pub async fn finish(&self) {
        loop {
            let mut work: FuturesUnordered<Work> = self.left.0.take().into_iter().collect();
            if work.is_empty() {
                return;
            }
            while work.next().await.is_some() {}
        }
    }
}

impl Platform for Spin {
    type Body = Body;

    fn now_ms(&self) -> u64 {
        let now = wasi::clocks::wall_clock::now();
        now.seconds.saturating_mul(1_000).saturating_add(u64::from(now.nanoseconds / 1_000_000))
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or_default();
        for (byte, drawn) in bytes.iter_mut().zip(wasi::random::random::get_random_bytes(length)) {
            *byte = drawn;
        }
    }

    fn log(&self, severity: Severity, line: &str) {
        let severity = match severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        eprintln!("{severity}: {line}");
    }

    fn body(&self, bytes: Vec<u8>) -> Body {
        Body::Bytes(bytes)
    }

    fn read_body(
        &self,
        body: Body,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<u8>, BodyError>> + 'static {
        body.read(limit)
    }

    fn is_empty(&self, body: &Body) -> bool {
        body.is_empty()
    }

    fn bound_body(
        &self,
        body: Body,
        limit: u64,
        exceeded: Rc<Cell<bool>>,
    ) -> impl Future<Output = Result<Body, BodyError>> {
        std::future::ready(body.bound(limit, exceeded))
    }

    fn fetch_origin(
        &self,
        request: Request<Body>,
        limit_ms: u64,
    ) -> impl Future<Output = Result<Response<Body>, OriginError>> + 'static {
        let left = Rc::clone(&self.left);
        async move {
            let (answer, still_sending) = fetch(request, limit_ms).await;
            left.0.borrow_mut().extend(still_sending);
            answer
        }
    }

    fn recall(&self, key: &str) -> impl Future<Output = Option<String>> + 'static {
        let value = self.store.get(vec![format!("{KEPT_PREFIX}{key}")]);
        let now_ms = self.now_ms();
        async move {
            let value = String::from_utf8(value.await.ok()?.into_iter().next()??).ok()?;
            let (expires_at, value) = value.split_once('\n')?;
            (expires_at.parse::<u64>().ok()? > now_ms).then(|| value.to_owned())
        }
    }

    /// The store forgets nothing by itself, so the time is written with the value.
    fn remember(
        &self,
        key: &str,
        value: String,
        ttl_seconds: Option<u64>,
    ) -> impl Future<Output = ()> + 'static {
        let ttl_ms = ttl_seconds.map_or(u64::MAX, |seconds| seconds.saturating_mul(1_000));
        let value = format!("{}\n{value}", self.now_ms().saturating_add(ttl_ms));
        let set = self.store.set(vec![(format!("{KEPT_PREFIX}{key}"), value.into_bytes())]);
        async move {
            if let Err(error) = set.await {
                eprintln!("warning: {error}");
            }
        }
    }

    fn run_in_background(&self, work: impl Future<Output = ()> + 'static) {
        self.left.0.borrow_mut().push(work.boxed_local());
    }
}

impl Host for Spin {
    type Source = ReadingStore;
    type Meters = Counting;
    type Usage = AddingToStore;
}

impl StoreHost for Spin {
    type Store = KeyValue;

    fn store(&self) -> &KeyValue {
        &self.store
    }
}
