//! The listener: an instance for every request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{HeaderName, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::instance::bindings::Spin;
use crate::instance::{Instance, Shared};

/// How long an instance may take for everything.
const TIME_LIMIT: Duration = Duration::from_mins(1);
/// How long requests may still take when the host is to end.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// What the platform says of a request; nobody else may.
const PLATFORM_HEADERS: &str = "spin-";

pub struct Server {
    pre: ProxyPre<Instance>,
    shared: Arc<Shared>,
}

impl Server {
    /// Compiles the component, or takes from `cache` what was compiled before.
    pub fn new(component: &Path, cache: &Path, shared: Shared) -> wasmtime::Result<Arc<Self>> {
        let mut config = Config::new();
        let mut cache_config = CacheConfig::new();
        cache_config.with_directory(cache);
        config.cache(Some(Cache::new(cache_config)?));
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        let engine = Engine::new(&config)?;
        let component = Component::from_file(&engine, component)?;
        let mut linker = Linker::<Instance>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        Spin::add_to_linker::<_, HasSelf<_>>(&mut linker, |instance| instance)?;
        let pre = ProxyPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Arc::new(Self { pre, shared: Arc::new(shared) }))
    }

    /// Serves until `end`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, end: impl Future<Output = ()>) {
        let mut end = std::pin::pin!(end);
        let connections = GracefulShutdown::new();
        loop {
            let (stream, peer) = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        eprintln!("a connection could not be accepted: {error}");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
                () = &mut end => break,
            };
            let _ = stream.set_nodelay(true);
            let server = Arc::clone(&self);
            let service = service_fn(move |request| {
                let server = Arc::clone(&server);
                async move { Ok::<_, Infallible>(server.answer(request, peer).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            let connection = connections.watch(connection);
            tokio::spawn(async move {
                // A client that goes away is nothing to tell of.
                let _ = connection.await;
            });
        }
        drop(listener);
        let _ = tokio::time::timeout(LAST_REQUESTS, connections.shutdown()).await;
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<HyperOutgoingBody> {
        let request = match describe(request, peer) {
            Ok(request) => request,
            Err(reason) => return problem(400, reason),
        };
        match self.handle(request).await {
            Ok(response) => response,
            Err(error) => {
                eprintln!("the component failed: {error:?}");
                problem(500, "the component failed")
            }
        }
    }

    async fn handle(&self, request: Request<Incoming>) -> wasmtime::Result<Response<HyperOutgoingBody>> {
        let mut store = Store::new(self.pre.engine(), Instance::new(&self.shared));
        store.limiter(|instance| instance);
        let (sender, receiver) = oneshot::channel();
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
        let out = store.data_mut().http().new_response_outparam(sender)?;
        let proxy = self.pre.instantiate_async(&mut store).await?;
        // Goes on after the head of the answer was sent, for the body and for what is left to do.
        tokio::spawn(async move {
            let call = proxy.wasi_http_incoming_handler().call_handle(&mut store, request, out);
            match tokio::time::timeout(TIME_LIMIT, call).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => eprintln!("the component failed: {error:?}"),
                Err(_) => eprintln!("the component took longer than {TIME_LIMIT:?}"),
            }
        });
        let Ok(answer) = receiver.await else { wasmtime::bail!("no answer; the line before says why") };
        Ok(answer?)
    }
}

/// As Spin has it: room for so many requests at once is set aside at the start, and is not given back to the system with each.
fn pool() -> PoolingAllocationConfig {
    const INSTANCES: u32 = 1_000;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES)
        .total_core_instances(INSTANCES * 8)
        .total_memories(INSTANCES)
        .total_tables(INSTANCES * 2)
        .total_stacks(INSTANCES)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(512 << 10);
    pool
}

/// Adds what Spin says of a request, and takes away what only Spin may say.
fn describe(mut request: Request<Incoming>, peer: SocketAddr) -> Result<Request<Incoming>, &'static str> {
    let path = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let host = if let Some(authority) = request.uri().authority() {
        authority.to_string()
    } else {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        host.ok_or("the request names no host")?.to_owned()
    };
    let full = format!("http://{host}{path}");
    *request.uri_mut() = full.parse().map_err(|_| "the request's host or target is malformed")?;
    let path_info = request.uri().path().to_owned();
    let headers = request.headers_mut();
    let claimed: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with(PLATFORM_HEADERS)).cloned().collect();
    for name in claimed {
        headers.remove(name);
    }
    for (name, value) in [
        ("spin-client-addr", peer.to_string()),
        ("spin-full-url", full),
        ("spin-path-info", path_info),
        ("spin-matched-route", "/...".to_owned()),
        ("spin-component-route", String::new()),
        ("spin-base-path", "/".to_owned()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    Ok(request)
}

fn problem(status: u16, text: &'static str) -> Response<HyperOutgoingBody> {
    let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}
