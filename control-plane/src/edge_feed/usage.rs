//! `POST /edge/v1/usage`: what an edge counted, taken once however often it arrives.

use agentidp_shared::edge_keys::EdgeKeys;
use agentidp_shared::usage::{self, BATCH_LIFETIME_MS, Batch, DAY_MS, Tally, UsageError};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use sqlx::PgConnection;
use time::{Date, Duration, OffsetDateTime};

use super::nodes::EdgeNode;
use super::usage_store;
use crate::app::App;
use crate::infra::clock::unix_millis;
use crate::infra::http::error::ApiError;

/// How far ahead an edge's clock may be.
const MAX_AHEAD_MS: u64 = DAY_MS;
/// Tallies of days further back are a mistake, not a delay.
const OLDEST_DAY: Duration = Duration::days(400);
/// How long counted batches are remembered: longer than any of them is taken, whatever the clocks.
const REMEMBERED_FOR: Duration = Duration::days(35);

/// What an edge counted
///
/// A compact JWS over one batch: HS256 under the key that is derived from the edge's secret for usage, or under the secret itself from
/// an edge that does not announce its versions. Each batch counts once, by its id; the answer to its repetition is
/// the same. Calls of agents that are not known here are left out.
#[utoipa::path(post, path = "/edge/v1/usage", operation_id = "report_edge_usage", tag = "Edge",
    security(("edge_key" = [])),
    params(("X-Edge-Name" = String, Header, description = "The edge's configured name")),
    request_body(content = String, content_type = "application/jose", description = "The signed batch"),
    responses(
        (status = 204, description = "It is counted, now or before"),
        (status = 400, description = "Not a batch of this edge", body = crate::infra::http::error::ErrorBody),
        (status = 401, description = "The edge key is not known", body = crate::infra::http::error::ErrorBody),
        (status = 410, description = "So old that it may have been counted and forgotten", body = crate::infra::http::error::ErrorBody)))]
pub(super) async fn report_edge_usage(
    State(app): State<App>,
    node: EdgeNode,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let now = app.now();
    let batch = open(&app, &node, &body)?;
    check_age(&batch, now)?;
    let mut tx = app.db.system().await?;
    if !usage_store::remember(&mut tx, node.name(), batch.id, now).await? {
        tx.commit().await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let tallies: Vec<(Tally, Date)> =
        batch.tallies.iter().filter_map(|tally| Some((*tally, plausible_day(tally, now)?))).collect();
    let counted = usage_store::add(&mut tx, &tallies).await?;
    tx.commit().await?;
    observe(node.name(), &batch, &counted);
    Ok(StatusCode::NO_CONTENT)
}

/// Under any key of the edge: it may be changing its key just now.
fn open(app: &App, node: &EdgeNode, body: &[u8]) -> Result<Batch, ApiError> {
    let edge = node.name();
    let invalid = |error: UsageError| ApiError::bad_request("INVALID_BATCH", error.to_string());
    let unverified = std::str::from_utf8(body).map_err(|_| invalid(UsageError::Malformed))?;
    let keys = app.config.edge_keys.iter().filter(|key| key.name == edge);
    let mut outcome = Err(UsageError::InvalidSignature);
    for key in keys {
        let secret = key.secret.expose();
        outcome = if node.has_derived_keys() {
            usage::open(unverified, edge, EdgeKeys::derive(secret).usage().as_bytes())
        } else {
            usage::open(unverified, edge, secret.as_bytes())
        };
        if outcome != Err(UsageError::InvalidSignature) {
            break;
        }
    }
    outcome.map_err(invalid)
}

fn check_age(batch: &Batch, now: OffsetDateTime) -> Result<(), ApiError> {
    let now_ms = unix_millis(now);
    if batch.issued_at > now_ms.saturating_add(MAX_AHEAD_MS) {
        return Err(ApiError::bad_request(
            "BATCH_FROM_THE_FUTURE",
            "the edge's clock is ahead by more than a day",
        ));
    }
    if now_ms.saturating_sub(batch.issued_at) > BATCH_LIFETIME_MS {
        let message = "the batch is older than 30 days; whether it was counted is no longer known";
        return Err(ApiError::new(StatusCode::GONE, "BATCH_TOO_OLD", message));
    }
    Ok(())
}

/// The tally's day, if calls of that day may be reported at `now`.
fn plausible_day(tally: &Tally, now: OffsetDateTime) -> Option<Date> {
    let epoch = OffsetDateTime::UNIX_EPOCH.date();
    let day = epoch.checked_add(Duration::days(tally.day.into()))?;
    let newest = now + Duration::days(1);
    (now.date() - OLDEST_DAY..=newest.date()).contains(&day).then_some(day)
}

fn observe(edge: &str, batch: &Batch, counted: &[(String, u64)]) {
    for (decision, calls) in counted {
        metrics::counter!("agentidp_edge_calls_total", "decision" => decision.clone()).increment(*calls);
    }
    let reported: u64 = batch.tallies.iter().map(|tally| tally.count).sum();
    let left_out = reported.saturating_sub(counted.iter().map(|(_, calls)| calls).sum());
    if left_out > 0 {
        metrics::counter!("agentidp_edge_calls_left_out_total").increment(left_out);
        tracing::warn!(edge, batch = %batch.id, calls = left_out, "an edge reported calls of agents or days not known here");
    }
}

/// Forgets which batches were counted so long ago that they are refused for their age.
pub(super) async fn purge(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    usage_store::purge(tx, now - REMEMBERED_FOR).await
}
