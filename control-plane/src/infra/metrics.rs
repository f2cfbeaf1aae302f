//! Prometheus metrics, on a listener of their own.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use crate::app::App;

/// Upper bounds of the duration histograms, in seconds.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How often old histogram samples are folded together.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts recording; the handle renders what was recorded.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), BUCKETS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    for (name, text) in [
        ("agentidp_http_requests_total", "HTTP requests by method, route template and status"),
        ("agentidp_tokens_issued_total", "access tokens issued, by scope"),
        ("agentidp_agents_registered_total", "agents registered, by deployment environment"),
        ("agentidp_edge_push_failures_total", "pushes of the feed that an edge did not take"),
        ("agentidp_edge_calls_total", "calls that edges decided on, by decision"),
        ("agentidp_edge_calls_left_out_total", "calls that edges reported of agents or days not known here"),
    ] {
        metrics::describe_counter!(name, text);
    }
    for (name, text) in [
        ("agentidp_db_pool_active_connections", "database connections in use"),
        ("agentidp_db_pool_idle_connections", "database connections open and free"),
        ("agentidp_db_pool_waiting_requests", "transactions waiting for a database connection"),
        (
            "agentidp_audit_chain_integrity",
            "1 while the audit log is what was sealed, 0 once it was tampered with; shown by the process that checked it",
        ),
        (
            "agentidp_keystore_vault_up",
            "1 while Vault can be asked for newer keystore keys, 0 while not; absent without Vault",
        ),
        ("agentidp_edge_feed_lag_seconds", "how long the oldest change an edge lacks has been waiting"),
    ] {
        metrics::describe_gauge!(name, text);
    }
    for (name, text) in [
        ("agentidp_http_request_duration_seconds", "time to answer an HTTP request"),
        ("agentidp_db_query_duration_seconds", "time a database transaction took, by operation"),
        (
            "agentidp_revocation_propagation_seconds",
            "time from numbering a revocation until an edge held it, learnt by push or by acknowledgement",
        ),
    ] {
        metrics::describe_histogram!(name, text);
    }
}

/// Serves `GET /metrics` until shutdown.
pub fn spawn(app: &App, listener: TcpListener, handle: PrometheusHandle) {
    let router = Router::new().route("/metrics", get(render)).with_state((app.clone(), handle.clone()));
    let shutdown = app.shutdown.clone();
    app.tasks.spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the metrics listener failed");
        }
    });
    let shutdown = app.shutdown.clone();
    app.tasks.spawn(async move {
        while shutdown.run_until_cancelled(tokio::time::sleep(UPKEEP)).await.is_some() {
            handle.run_upkeep();
        }
    });
}

async fn render(State((app, handle)): State<(App, PrometheusHandle)>) -> impl IntoResponse {
    let (open, idle) = (app.db.pool().size(), app.db.pool().num_idle());
    let idle = u32::try_from(idle).unwrap_or(u32::MAX);
    metrics::gauge!("agentidp_db_pool_active_connections").set(open.saturating_sub(idle));
    metrics::gauge!("agentidp_db_pool_idle_connections").set(idle);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render())
}
