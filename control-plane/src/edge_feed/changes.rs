//! `GET /edge/v1/changes`: what came after a sequence number, waiting for it if need be.

use std::time::Duration;

use agentidp_shared::feed::Change;
use agentidp_shared::wire::WireVersions;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::nodes::{self, EdgeNode};
use super::store;
use crate::app::App;
use crate::infra::http::error::ApiError;
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::query::StrictQuery;

/// Changes in one batch.
const LIMIT: i64 = 500;
/// Longest wait of one request, in seconds; below the time limit of every request.
pub(super) const MAX_WAIT_SECONDS: u64 = 10;

#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangesQuery {
    /// The sequence number the edge holds.
    after: u64,
    /// Seconds to wait for a change if there is none yet.
    #[param(maximum = 10)]
    wait: Option<u64>,
}

impl FromFields for ChangesQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let after = fields.required_u64("after", 0..=i64::MAX.unsigned_abs());
        let wait = fields.optional_u64("wait", 0..=MAX_WAIT_SECONDS);
        Some(Self { after: after?, wait })
    }
}

/// Changes after a sequence number
///
/// Waits up to `wait` seconds for the first. A batch without changes says that there was none as of its `issuedAt`.
#[utoipa::path(get, path = "/edge/v1/changes", operation_id = "get_edge_changes", tag = "Edge",
    security(("edge_key" = [])),
    params(ChangesQuery,
        ("X-Edge-Name" = String, Header, description = "The edge's configured name"),
        ("X-Edge-Node" = Option<String>, Header, description = "The name of this node of the edge, for example its region"),
        ("X-Edge-Sequence" = Option<u64>, Header, description = "The sequence the edge holds: its acknowledgement"),
        ("X-Edge-Versions" = Option<String>, Header, description = "The versions that the edge understands, for example `feed=2, usage=1, claims=1`; version 1 of each without it")),
    responses(
        (status = 200, description = "The signed batch", content_type = "application/jose", body = String),
        (status = 400, description = "A parameter is missing or malformed", body = crate::infra::http::error::ErrorBody),
        (status = 401, description = "The edge key is not known", body = crate::infra::http::error::ErrorBody),
        (status = 503, description = "The edge does not understand what it must know next: update it", body = crate::infra::http::error::ErrorBody),
        (status = 410, description = "That far back is no longer kept, or never was: take a snapshot", body = crate::infra::http::error::ErrorBody)))]
pub(super) async fn get_edge_changes(
    State(app): State<App>,
    node: EdgeNode,
    StrictQuery(query): StrictQuery<ChangesQuery>,
) -> Result<Response, ApiError> {
    nodes::acknowledge(&app, &node).await?;
    let mut head = app.feed.watch();
    if let Some(wait) = query.wait {
        let newer = head.wait_for(|head| *head != query.after);
        let newer = app.shutdown.run_until_cancelled(newer);
        // Whether something came, time ran out or the server is stopping: the answer is what there is.
        let _ = tokio::time::timeout(Duration::from_secs(wait), newer).await;
    }
    let batch = signed_changes(&app, query.after, node.versions()).await?;
    batch.map(|(batch, _)| jose(batch)).ok_or_else(sequence_gone)
}

/// What an edge is told that has to begin anew.
pub(super) fn sequence_gone() -> ApiError {
    let message = "changes after this sequence are not kept; take a snapshot";
    ApiError::new(StatusCode::GONE, "SEQUENCE_GONE", message)
}

/// The signed batch after `after` and the sequence it ends at, or `None` if the feed no longer holds every change since.
pub(super) async fn signed_changes(
    app: &App,
    after: u64,
    versions: WireVersions,
) -> Result<Option<(String, u64)>, ApiError> {
    let now = app.now();
    let mut tx = app.db.system().await?;
    let head = store::head(&mut tx).await?;
    let entries = store::changes_after(&mut tx, after, LIMIT).await?;
    tx.commit().await?;
    app.feed.advance_head(head);
    if after > head || after == 0 {
        return Ok(None);
    }
    let contiguous = (after + 1..).zip(&entries).all(|(expected, entry)| entry.sequence == expected);
    let complete = !entries.is_empty() || after >= head;
    if !contiguous || !complete {
        return Ok(None);
    }
    let to = entries.last().map_or(after, |entry| entry.sequence);
    let changes = told(entries.into_iter().map(|entry| entry.change), versions)?;
    Ok(Some((app.feed.sign(versions.feed, after, to, changes, now)?, to)))
}

/// The changes as an edge that understands `versions` is told them, one for one.
pub(super) fn told(
    changes: impl Iterator<Item = Change>,
    versions: WireVersions,
) -> Result<Vec<Change>, ApiError> {
    if versions.feed > WireVersions::FIRST.feed {
        return Ok(changes.collect());
    }
    changes.map(|change| change.in_first_version().ok_or_else(too_old)).collect()
}

fn too_old() -> ApiError {
    let message = "this edge does not understand what it must know next; update it";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "EDGE_TOO_OLD", message)
}

pub(super) fn jose(batch: String) -> Response {
    let mut response = batch.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jose"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
