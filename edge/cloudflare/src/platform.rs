//! The ports, given by the Workers runtime.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use agentidp_edge_core::host::{
    BodyError, Host, HubClient, HubUnavailable, LeaseClient, OriginError, Platform, Severity,
    ShardUnavailable, Taken, UpgradeError,
};
use agentidp_edge_core::hub::wire::{Newer, Piece};
use agentidp_edge_core::knowledge::{FollowingHub, Known};
use agentidp_edge_core::limits::{LeaseRequest, Leasing};
use agentidp_edge_core::usage::{HandOver, HandingOver};
use agentidp_shared::jwk::VerificationKey;
use agentidp_shared::rate_limit;
use futures_util::future::{Either, select};
use http::{Request, Response};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, RequestCache, RequestInit, RequestRedirect, WorkerGlobalScope};
use worker::{Context, Delay, Env, SqlStorage, console_error, console_log, console_warn};

use crate::body::Body;
use crate::region::Region;
use crate::{convert, crypto, hub, limiter};

/// The KV namespace's binding.
const STORE: &str = "STORE";

/// A page of WebAssembly's memory, in bytes.
const WASM_PAGE_BYTES: u64 = 64 * 1024;

/// What one event (a request, or a call of the hub) may use.
#[derive(Debug)]
pub struct Workers {
    env: Env,
    role: Role,
}

#[derive(Debug)]
enum Role {
    Node { context: Context, region: Region },
    Hub { storage: SqlStorage },
}

impl Workers {
    pub fn for_request(env: Env, context: Context, region: Region) -> Self {
        Self { env, role: Role::Node { context, region } }
    }

    pub fn for_hub(env: Env, storage: SqlStorage) -> Self {
        Self { env, role: Role::Hub { storage } }
    }

    /// A hub's own storage.
    pub fn storage(&self) -> Option<&SqlStorage> {
        match &self.role {
            Role::Node { .. } => None,
            Role::Hub { storage } => Some(storage),
        }
    }

    fn region(&self) -> Option<Region> {
        match &self.role {
            Role::Node { region, .. } => Some(*region),
            Role::Hub { .. } => None,
        }
    }
}

impl Platform for Workers {
    type Body = Body;

    fn now_ms(&self) -> u64 {
        let now = js_sys::Date::now();
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole milliseconds since 1970; what is no such number becomes the nearest"
        )]
        let now_ms = now as u64;
        now_ms
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        crypto::fill_random(bytes);
    }

    fn memory_bytes(&self) -> Option<u64> {
        let pages = u64::try_from(std::arch::wasm32::memory_size(0)).ok()?;
        pages.checked_mul(WASM_PAGE_BYTES)
    }

    fn log(&self, severity: Severity, line: &str) {
        match severity {
            Severity::Info => console_log!("{line}"),
            Severity::Warning => console_warn!("{line}"),
            Severity::Error => console_error!("{line}"),
        }
    }

    fn check_signature(&self, key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
        crypto::check_signature(key, message, signature)
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
        fetch(request, limit_ms)
    }

    fn recall(&self, key: &str) -> impl Future<Output = Option<String>> + 'static {
        let value = self.env.kv(STORE).map(|store| store.get(key).text());
        async move {
            match value {
                Ok(value) => value.await.ok().flatten(),
                Err(_) => None,
            }
        }
    }

    fn remember(
        &self,
        key: &str,
        value: String,
        ttl_seconds: Option<u64>,
    ) -> impl Future<Output = ()> + 'static {
        let put = self.env.kv(STORE).and_then(|store| Ok(store.put(key, value)?));
        async move {
            let put = put.map(|put| match ttl_seconds {
                Some(seconds) => put.expiration_ttl(seconds),
                None => put,
            });
            let kept = match put {
                Ok(put) => put.execute().await.map_err(worker::Error::from),
                Err(error) => Err(error),
            };
            if let Err(error) = kept {
                console_warn!("KV did not take a value: {error}");
            }
        }
    }

    fn run_in_background(&self, work: impl Future<Output = ()> + 'static) {
        match &self.role {
            Role::Node { context, .. } => context.wait_until(work),
            // The runtime keeps an object alive while it works. No answer leaves it while something is being written: so not before
            // the one that is due now.
            Role::Hub { .. } => wasm_bindgen_futures::spawn_local(async {
                Delay::from(Duration::ZERO).await;
                work.await;
            }),
        }
    }
}

impl Host for Workers {
    type Source = FollowingHub;
    type Meters = Leasing;
    type Usage = HandingOver;

    fn upgrade(
        &self,
        request: Request<Body>,
        limit_ms: u64,
    ) -> impl Future<Output = Result<Response<Body>, UpgradeError>> + 'static {
        // The runtime upgrades by the request's own header.
        let answer = fetch(request, limit_ms);
        async { Ok(answer.await?) }
    }
}

impl LeaseClient for Workers {
    fn lease(
        &self,
        shard: u8,
        request: LeaseRequest,
    ) -> impl Future<Output = Result<rate_limit::Taken, ShardUnavailable>> + 'static {
        limiter::lease(&self.env, shard, &request)
    }
}

impl HubClient for Workers {
    fn newer(
        &self,
        known: Option<Known>,
        piece: Option<Piece>,
    ) -> impl Future<Output = Result<Newer, HubUnavailable>> + 'static {
        hub::newer(&self.env, self.region(), known, piece)
    }

    fn hand_over(&self, batch: String) -> impl Future<Output = Result<Taken, HubUnavailable>> + 'static {
        hub::hand_over(&self.env, self.region(), batch)
    }

    fn hand_over_usage(
        &self,
        hand_over: HandOver,
    ) -> impl Future<Output = Result<(), HubUnavailable>> + 'static {
        hub::hand_over_usage(&self.env, self.region(), &hand_over)
    }

    fn sleep(&self, milliseconds: u64) -> impl Future<Output = ()> + 'static {
        Delay::from(Duration::from_millis(milliseconds))
    }
}

async fn fetch(request: Request<Body>, limit_ms: u64) -> Result<Response<Body>, OriginError> {
    let (parts, body) = request.into_parts();
    let unreachable = |_| OriginError::Unreachable;
    let init = RequestInit::new();
    init.set_method(parts.method.as_str());
    let headers = convert::headers_to_js(&parts.headers).map_err(unreachable)?;
    init.set_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    // Whatever a rule of the operator's zone says: answers of an identity provider are not the platform's to keep.
    init.set_cache(RequestCache::NoStore);
    if let Some(body) = body.to_js() {
        init.set_body(&body);
    }
    let abort = match &body {
        Body::Bounded(_, abort) => abort.clone(),
        _ => AbortController::new().map_err(unreachable)?,
    };
    init.set_signal(Some(&abort.signal()));
    let global = js_sys::global().unchecked_into::<WorkerGlobalScope>();
    let answer = JsFuture::from(global.fetch_with_str_and_init(&parts.uri.to_string(), &init));
    let limit = pin!(Delay::from(Duration::from_millis(limit_ms)));
    match select(answer, limit).await {
        Either::Left((Ok(answer), _)) => {
            convert::response_from_js(&answer.unchecked_into()).ok_or(OriginError::Unreachable)
        }
        Either::Left((Err(_), _)) => Err(OriginError::Unreachable),
        Either::Right(_) => {
            abort.abort();
            Err(OriginError::TimedOut)
        }
    }
}
