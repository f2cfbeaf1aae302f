//! Serving HTTP: one connection loop with limits on heads and time, and an orderly end.
//!
//! On SIGTERM or SIGINT the process stops accepting, lets running requests finish for at most `AGENTIDP_SHUTDOWN_SECONDS`,
//! numbers and seals what they committed, and ends. A second signal ends it at once. SIGHUP reloads the policy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::app::{self, App};
use crate::infra::{keystore, metrics};
use crate::{audit, edge_feed, keys, policy};

/// Longest wait for a request's head to arrive; also the life of an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Beyond these the server itself answers 431, without a body; what the router refuses lies below them.
const MAX_BUFFER_BYTES: usize = 128 * 1024;
const MAX_HEADERS: usize = 256;
/// Connections for each request that may run at once: most are idle.
const CONNECTIONS_PER_REQUEST: usize = 4;
/// The pause after the system refused a connection (out of file descriptors, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The sockets, bound before anything else happens, so that a taken port is told at once.
#[derive(Debug)]
pub struct Listeners {
    pub api: TcpListener,
    pub metrics: TcpListener,
}

impl Listeners {
    pub async fn bind(api: SocketAddr, metrics: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self {
            api: bind("AGENTIDP_LISTEN", api).await?,
            metrics: bind("AGENTIDP_METRICS_LISTEN", metrics).await?,
        })
    }
}

pub async fn bind(name: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{name}: {address} cannot be listened on"))
}

/// Runs jobs and nothing else until `app.shutdown` is cancelled. What the jobs commit is numbered and sealed by those who serve.
pub async fn work(app: App, listener: TcpListener, recorder: PrometheusHandle) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    metrics::spawn(&app, listener, recorder, app::health_router(&app));
    keystore::spawn(&app);
    app.spawn_jobs();
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "working; health and metrics are here");
    app.shutdown.cancelled().await;
    tracing::info!("stopping: running jobs finish, or are given back");
    end_background(&app, Instant::now() + app.config.shutdown).await;
    app.db.pool().close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn end_background(app: &App, deadline: Instant) {
    app.tasks.close();
    if tokio::time::timeout_at(deadline, app.tasks.wait()).await.is_err() {
        tracing::warn!("some background work did not finish in time");
    }
}

/// Serves until `app.shutdown` is cancelled, then ends in order.
pub async fn run(app: App, listeners: Listeners, recorder: PrometheusHandle) -> anyhow::Result<()> {
    let address = listeners.api.local_addr()?;
    metrics::spawn(&app, listeners.metrics, recorder, Router::new());
    // Before the first request: the published keys are not to change right after the start.
    keys::advance_documents(&app).await.context("the keys of documents cannot be made")?;
    app.spawn_background();
    tracing::info!(%address, issuer = app.config.issuer, version = env!("CARGO_PKG_VERSION"), "listening");
    let connections = accept(&app, listeners.api).await;

    let deadline = Instant::now() + app.config.shutdown;
    tracing::info!(
        connections = connections.count(),
        "stopping: no new connections, running requests finish"
    );
    if tokio::time::timeout_at(deadline, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
    end_background(&app, deadline).await;
    finish(&app).await;
    app.db.pool().close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Numbers and seals what the last requests committed. Left undone, the next process would do it.
async fn finish(app: &App) {
    let work = async {
        while edge_feed::sequence_committed(app).await? > 0 {}
        while audit::seal_committed(app).await? > 0 {}
        Ok::<_, sqlx::Error>(())
    };
    match tokio::time::timeout(Duration::from_secs(2), work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "left for the next process to number and seal"),
        Err(_) => tracing::warn!("left for the next process to number and seal: the database is slow"),
    }
}

/// Accepts connections until shutdown; returns those still open.
async fn accept(app: &App, listener: TcpListener) -> GracefulShutdown {
    let router = app::router(app);
    let connections = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(app.config.max_concurrency.saturating_mul(CONNECTIONS_PER_REQUEST)));
    let next = async || {
        let slot = slots.clone().acquire_owned().await.ok();
        (slot, listener.accept().await)
    };
    while let Some((slot, accepted)) = app.shutdown.run_until_cancelled(next()).await {
        match accepted {
            Ok((stream, peer)) => {
                let connection = connections.watch(connection(stream, peer, router.clone()));
                tokio::spawn(async move {
                    // Its end, however it came, concerns nobody but the peer.
                    let _ = connection.await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections
}

/// HTTP/1.1 only: in front of us stands the edge or a proxy, and both speak it.
fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl GracefulConnection<Output: Send> + Send {
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_BUFFER_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
}

/// Turns signals into what they ask for, while the process lives.
pub fn listen_to_signals(app: &App) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let app = app.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = terminate.recv() => stop(&app),
                Some(()) = interrupt.recv() => stop(&app),
                Some(()) = hang_up.recv() => policy::reload_and_publish(&app).await,
                else => return,
            }
        }
    });
    Ok(())
}

fn stop(app: &App) {
    if app.shutdown.is_cancelled() {
        tracing::warn!("stopped at once by a second signal");
        std::process::exit(130);
    }
    app.shutdown.cancel();
}
