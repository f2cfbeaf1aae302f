//! Prometheus metrics, on a listener of their own.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::Label;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use crate::app::App;

/// Upper bounds of the duration histograms, in seconds.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How long a scrape waits for what is read from the database; without an answer the last values stay.
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often old histogram samples are folded together.
const UPKEEP: Duration = Duration::from_secs(5);

/// A gauge with labels that is set as a whole: what is no longer there goes to zero instead of keeping its last value.
#[derive(Debug)]
pub struct LabelledGauge<const N: usize> {
    name: &'static str,
    labels: [&'static str; N],
    shown: Mutex<BTreeSet<[String; N]>>,
}

impl<const N: usize> LabelledGauge<N> {
    pub const fn new(name: &'static str, labels: [&'static str; N]) -> Self {
        Self { name, labels, shown: Mutex::new(BTreeSet::new()) }
    }

    pub fn set(&self, values: impl IntoIterator<Item = ([String; N], f64)>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let gauge = |values: &[String; N]| {
            let labels = self.labels.iter().zip(values);
            let labels: Vec<_> = labels.map(|(name, value)| Label::new(*name, value.clone())).collect();
            metrics::gauge!(self.name, labels)
        };
        let mut gone = std::mem::take(&mut *shown);
        for (labels, value) in values {
            gauge(&labels).set(value);
            gone.remove(&labels);
            shown.insert(labels);
        }
        for labels in gone {
            gauge(&labels).set(0.0);
        }
    }
}

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
        ("agentidp_rate_limit_hits_total", "requests refused because their address asked too often"),
        (
            "agentidp_oidc_tokens_total",
            "tokens of workloads outside, by provider and outcome: exchanged, refused",
        ),
        ("agentidp_outside_issuer_failures_total", "issuers outside whose keys could not be had"),
        (
            "agentidp_share_refusals_total",
            "requests refused because their organization used up a share, by share",
        ),
        ("agentidp_job_runs_total", "runs of jobs, by kind and outcome: done, retried, dead, released, lost"),
        ("agentidp_edge_calls_left_out_total", "calls that edges reported of agents or days not known here"),
    ] {
        metrics::describe_counter!(name, text);
    }
    for (name, text) in [
        ("agentidp_db_pool_active_connections", "database connections in use"),
        ("agentidp_db_pool_idle_connections", "database connections open and free"),
        ("agentidp_db_pool_waiting_requests", "transactions waiting for a database connection"),
        ("agentidp_jobs", "jobs that are not done, by kind and state: ready, running, dead"),
        ("agentidp_jobs_oldest_due_seconds", "how long the first of the due jobs of a kind has waited"),
        ("agentidp_credentials_expiring_soon_total", "an agent's credentials that expire soon"),
        ("agentidp_secrets_overdue", "an organization's client secrets that should have been replaced"),
        (
            "agentidp_audit_chain_integrity",
            "1 while the audit log is what was sealed, 0 once it was tampered with, as of the last check",
        ),
        (
            "agentidp_keystore_vault_up",
            "1 while Vault can be asked for newer keystore keys, 0 while not; absent without Vault",
        ),
        ("agentidp_share_used", "the largest use of a share by any organization, by share and tier"),
        ("agentidp_feed_snapshot_bytes", "bytes of all that an edge must hold in memory, as JSON"),
        (
            "agentidp_feed_promised_bytes",
            "bytes that the organizations' shares of the feed allow them together",
        ),
        ("agentidp_edge_feed_lag_seconds", "how long the oldest change an edge lacks has been waiting"),
    ] {
        metrics::describe_gauge!(name, text);
    }
    for (name, text) in [
        ("agentidp_http_request_duration_seconds", "time to answer an HTTP request"),
        ("agentidp_job_duration_seconds", "time a run of a job took"),
        ("agentidp_db_query_duration_seconds", "time a database transaction took, by operation"),
        (
            "agentidp_revocation_propagation_seconds",
            "time from numbering a revocation until an edge held it, learnt by push or by acknowledgement",
        ),
    ] {
        metrics::describe_histogram!(name, text);
    }
}

/// Serves `GET /metrics`, and what else `more` serves, until shutdown.
pub fn spawn(app: &App, listener: TcpListener, handle: PrometheusHandle, more: Router) {
    let router = Router::new().route("/metrics", get(render)).with_state((app.clone(), handle.clone()));
    let router = router.merge(more);
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
    match tokio::time::timeout(SAMPLE_TIMEOUT, app.sample()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "what the database tells of the queue could not be read"),
        Err(_) => tracing::warn!("the database is slow to tell of the queue"),
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render())
}
