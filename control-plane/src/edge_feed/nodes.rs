//! The edges: who they are, which sequence each holds, how far behind it is.

use agentidp_shared::wire::{self, InvalidVersions, WireVersions};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::store;
use crate::access::bearer_token;
use crate::app::App;
use crate::infra::http::error::ApiError;

/// An edge not heard of for this long no longer counts: it is gone, or it has to take a snapshot anyway.
pub(super) const SEEN_RECENTLY: Duration = Duration::minutes(2);
/// How long an edge that is not heard of any more is told of as lagging.
const LAG_TOLD_FOR: Duration = Duration::days(1);
const MAX_VERSION_LENGTH: usize = 64;

/// An edge that has proven who it is. A handler that takes it first says nothing to anyone else.
#[derive(Debug)]
pub(super) struct EdgeNode {
    /// The edge's configured name, and `/` and the node's own name if it gave one: an edge may have a node in each region.
    id: String,
    name: String,
    version: String,
    sequence: Option<u64>,
    /// What it announced; nothing in 0.1.0.
    versions: Option<WireVersions>,
}

impl EdgeNode {
    /// The edge's configured name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it understands.
    pub(super) fn versions(&self) -> WireVersions {
        self.versions.unwrap_or(WireVersions::FIRST)
    }

    /// Whether it uses the keys derived from its secret, and not the secret itself.
    pub(super) fn has_derived_keys(&self) -> bool {
        self.versions.is_some()
    }
}

impl FromRequestParts<App> for EdgeNode {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        authenticate(app, &parts.headers)
    }
}

/// Checks the edge key (`Authorization: Bearer`, with the edge's name in `X-Edge-Name`): the one derived for the feed from an edge
/// that announces its versions (`X-Edge-Versions`), the secret itself from one that does not.
fn authenticate(app: &App, headers: &HeaderMap) -> Result<EdgeNode, ApiError> {
    let refused = || {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "EDGE_KEY_INVALID",
            "the edge's name or key is not known here",
        )
        .header(header::WWW_AUTHENTICATE, r#"Bearer realm="agentidp-edge""#.to_owned())
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let secret = bearer_token(headers)?.ok_or_else(refused)?;
    let name = text("x-edge-name").ok_or_else(refused)?;
    let announced = headers
        .get(wire::HEADER)
        .map(|value| value.to_str().map_err(|_| InvalidVersions).and_then(str::parse));
    // An announcement that cannot be read is still one: whose it is comes first.
    let versions = announced.map(|announced| announced.unwrap_or(WireVersions::FIRST));
    if !app.feed.authenticates(name, secret, versions) {
        return Err(refused());
    }
    if let Some(Err(error)) = announced {
        return Err(ApiError::bad_request("INVALID_EDGE_VERSIONS", error.to_string()));
    }
    let id = match text("x-edge-node").filter(|node| is_node_name(node)) {
        Some(node) => format!("{name}/{node}"),
        None => name.to_owned(),
    };
    let version = text("x-edge-version").unwrap_or("unknown").chars().take(MAX_VERSION_LENGTH).collect();
    let sequence = text("x-edge-sequence").and_then(|text| text.parse().ok());
    Ok(EdgeNode { id, name: name.to_owned(), version, sequence, versions })
}

/// 1 to 32 lower-case letters, digits and hyphens.
fn is_node_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Takes what the edge says it holds as its acknowledgement.
pub(super) async fn acknowledge(app: &App, node: &EdgeNode) -> Result<(), sqlx::Error> {
    let Some(sequence) = node.sequence else { return Ok(()) };
    // A number this feed never gave out acknowledges nothing.
    let sequence = if sequence > app.feed.head() { 0 } else { sequence };
    let mut tx = app.db.system().await?;
    let wire_versions = node.versions.map(|versions| versions.to_string());
    let noted = store::Noted { node: &node.id, version: &node.version, wire_versions, sequence };
    let before = store::acknowledge(&mut tx, noted, app.now()).await?;
    if let Some(before) = before.filter(|before| *before < sequence) {
        let numbered = store::exceptions_between(&mut tx, before, sequence).await?;
        observe_propagation(app, &numbered, "acknowledgement");
    }
    tx.commit().await
}

/// Records how long ago the exceptions an edge now holds were numbered.
pub(super) fn observe_propagation(app: &App, numbered: &[OffsetDateTime], via: &'static str) {
    for numbered_at in numbered {
        let seconds = (app.now() - *numbered_at).as_seconds_f64().max(0.0);
        metrics::histogram!("agentidp_revocation_propagation_seconds", "via" => via).record(seconds);
    }
}

/// Whether every edge seen recently holds the signing key `kid`.
pub async fn every_edge_holds_key(tx: &mut PgConnection, app: &App, kid: &str) -> Result<bool, sqlx::Error> {
    store::key_is_everywhere(tx, kid, app.now() - SEEN_RECENTLY).await
}

/// Sets `agentidp_edge_feed_lag_seconds` for each edge: how long the oldest change it lacks has been waiting.
pub(super) async fn observe_lag(app: &App) {
    let read = async {
        let mut tx = app.db.system().await?;
        store::lags(&mut tx, app.now() - LAG_TOLD_FOR).await
    };
    match read.await {
        Ok(lags) => {
            for lag in lags {
                let seconds =
                    lag.waiting_since.map_or(0.0, |since| (app.now() - since).as_seconds_f64().max(0.0));
                metrics::gauge!("agentidp_edge_feed_lag_seconds", "edge" => lag.node).set(seconds);
            }
        }
        Err(error) => tracing::debug!(%error, "the edges' lag could not be read"),
    }
}
