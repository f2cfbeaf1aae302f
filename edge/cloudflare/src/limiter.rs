//! The shards of the rate limits as Durable Objects, and how nodes reach them.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use agentidp_edge_core::host::ShardUnavailable;
use agentidp_edge_core::limits::{LeaseRequest, Shard};
use agentidp_shared::rate_limit::Taken;
use futures_util::future::{Either, select};
use worker::{Date, Delay, DurableObject, Env, Method, RequestInit, State, durable_object};

use crate::crypto;

/// The Durable Object namespace's binding.
const SHARDS: &str = "RATE_LIMITER";
const ADDRESS: &str = "https://shard/lease";
/// How long a request waits for a shard before its node counts alone.
const TIME_LIMIT: Duration = Duration::from_millis(250);

/// Asks a shard for a lease.
pub fn lease(
    env: &Env,
    shard: u8,
    request: &LeaseRequest,
) -> impl Future<Output = Result<Taken, ShardUnavailable>> + use<> {
    let body = serde_json::to_string(request).map_err(|_| ShardUnavailable);
    let stub = env.durable_object(SHARDS).and_then(|shards| shards.get_by_name(&format!("shard-{shard}")));
    async move {
        let stub = stub.map_err(|_| ShardUnavailable)?;
        let mut init = RequestInit::new();
        init.with_method(Method::Post).with_body(Some(body?.into()));
        let request = worker::Request::new_with_init(ADDRESS, &init).map_err(|_| ShardUnavailable)?;
        let answer = async { stub.fetch_with_request(request).await?.json::<Taken>().await };
        match select(pin!(answer), pin!(Delay::from(TIME_LIMIT))).await {
            Either::Left((answer, _)) => answer.map_err(|_| ShardUnavailable),
            Either::Right(_) => Err(ShardUnavailable),
        }
    }
}

/// The Durable Object: a shard by its number.
#[durable_object]
#[expect(missing_debug_implementations, reason = "made by the runtime, and shown to nobody")]
pub struct RateLimiter {
    shard: RefCell<Shard>,
}

impl DurableObject for RateLimiter {
    fn new(_: State, _: Env) -> Self {
        Self { shard: RefCell::new(Shard::new(crypto::random())) }
    }

    async fn fetch(&self, mut request: worker::Request) -> worker::Result<worker::Response> {
        let lease: LeaseRequest = request.json().await?;
        worker::Response::from_json(&self.shard.borrow_mut().lease(lease, Date::now().as_millis()))
    }
}
