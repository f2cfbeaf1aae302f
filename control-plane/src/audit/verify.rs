//! `GET /api/v1/audit/verify`, and checking the whole log: for the command line, and every hour for the gauge.
//!
//! A seal is good when its hash is the hash of its event and of the seal before it, and that one is there. Read a page at a
//! time, so memory is bounded however long the log is. What is sealed meanwhile is checked too: seals only ever follow.
//!
//! Found: an event that was altered, removed, put in, reordered, or moved to another organization, and a seal that was altered
//! or removed. Not found from the database alone: a log cut short or written anew together with its seals.

use std::time::Duration;

use agentidp_shared::audit_chain::{genesis, hash};
use agentidp_shared::ids::{EventId, OrganizationId};
use axum::Json;
use axum::extract::State;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{store, window};
use crate::app::App;
use crate::infra::db::SystemTx;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::query::StrictQuery;
use crate::policy::Caller;

/// Seals looked at per query.
const PAGE: i64 = 2_000;
/// How often the whole log is checked, and how long after the start first.
const INTERVAL: Duration = Duration::from_hours(1);
const FIRST: Duration = Duration::from_mins(1);
/// `pg_try_advisory_xact_lock` key of who checks ("veri" in ASCII): one process of a deployment is enough.
const VERIFIER_LOCK: i64 = 0x7665_7269;

/// Which events to check; all of them by default.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Range {
    pub organization_id: Option<OrganizationId>,
    pub from_date: Option<OffsetDateTime>,
    pub to_date: Option<OffsetDateTime>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Events whose seals are good, up to the first that is not.
    pub checked_count: u64,
    pub broken: Option<Broken>,
}

/// The first place where the log is not what was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub event_id: EventId,
    /// Absent for an event that nobody sealed and that waits for no seal.
    pub sequence: Option<i64>,
}

/// Checks every event of the instance.
pub async fn verify(app: &App) -> Result<Verification, sqlx::Error> {
    let mut tx = app.db.system().await?;
    store::without_time_limit(&mut tx).await?;
    check(&mut tx, app, Range::default()).await
}

async fn check(tx: &mut SystemTx, app: &App, range: Range) -> Result<Verification, sqlx::Error> {
    let genesis = genesis(app.feed.instance());
    let (mut checked_count, mut last) = (0, 0);
    loop {
        let seals = store::seals_after(tx, last, range, PAGE).await?;
        for seal in &seals {
            let previous = match &seal.predecessor {
                Some(hash) => Some(hash.as_slice()),
                // Only the first has none before it.
                None => (seal.sequence == 1).then_some(genesis.as_slice()),
            };
            let good = previous == Some(&seal.previous_hash)
                && seal.event().is_some_and(|event| {
                    seal.previous_hash
                        .as_slice()
                        .try_into()
                        .is_ok_and(|previous| hash(previous, &event) == *seal.hash)
                });
            if !good {
                let broken = Broken { event_id: seal.event_id.into(), sequence: Some(seal.sequence) };
                return Ok(Verification { checked_count, broken: Some(broken) });
            }
            checked_count += 1;
            last = seal.sequence;
        }
        if seals.is_empty() {
            break;
        }
    }
    let unsealed = store::never_to_be_sealed(tx, range).await?;
    let broken = unsealed.map(|event_id| Broken { event_id, sequence: None });
    Ok(Verification { checked_count, broken })
}

/// Checks the whole log every hour, in one process of the deployment, which shows `agentidp_audit_chain_integrity`.
pub(super) fn spawn(app: &App) {
    let app = app.clone();
    app.tasks.clone().spawn(async move {
        let mut pause = FIRST;
        while app.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            pause = INTERVAL;
            match app.shutdown.run_until_cancelled(watch(&app)).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(%error, "checking the audit log failed; it will be tried again");
                }
                None => return,
            }
        }
    });
}

async fn watch(app: &App) -> Result<(), sqlx::Error> {
    let mut tx = app.db.system().await?;
    store::without_time_limit(&mut tx).await?;
    if !store::try_lock(&mut tx, VERIFIER_LOCK).await? {
        return Ok(());
    }
    let found = check(&mut tx, app, Range::default()).await?;
    match &found.broken {
        None => tracing::info!(events = found.checked_count, "the audit log is whole"),
        Some(broken) => tracing::error!(
            event_id = %broken.event_id,
            sequence = broken.sequence,
            "THE AUDIT LOG WAS TAMPERED WITH: an event is not what was sealed"
        ),
    }
    let whole = if found.broken.is_none() { 1.0 } else { 0.0 };
    metrics::gauge!("agentidp_audit_chain_integrity").set(whole);
    Ok(())
}

#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the parameters; `Asked` reads them")]
pub(super) struct VerifyAuditParameters {
    /// Events from this moment on.
    #[param(value_type = Option<String>, format = DateTime)]
    from_date: Option<OffsetDateTime>,
    /// Events up to this moment.
    #[param(value_type = Option<String>, format = DateTime)]
    to_date: Option<OffsetDateTime>,
}

#[derive(Debug)]
pub(super) struct Asked {
    from_date: Option<OffsetDateTime>,
    to_date: Option<OffsetDateTime>,
}

impl FromFields for Asked {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let asked = Self {
            from_date: fields.optional_timestamp("fromDate"),
            to_date: fields.optional_timestamp("toDate"),
        };
        if asked.from_date.zip(asked.to_date).is_some_and(|(from, to)| from > to) {
            fields.error("toDate", "lies before `fromDate`");
        }
        Some(asked)
    }
}

/// Whether the organization's events are what was sealed.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditVerification {
    verified: bool,
    /// Events that were found good, up to the first that is not.
    checked_count: u64,
    #[schema(value_type = Option<uuid::Uuid>)]
    broken_at_event_id: Option<EventId>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    from_date: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    to_date: Option<OffsetDateTime>,
}

/// Check the organization's part of the audit log
///
/// Recomputes each event's hash, and compares it with its seal and the seal before. Events that are not sealed yet are left
/// out. Answered with 200 whether or not the log is whole. Within the time that the tier shows.
#[utoipa::path(get, path = "/api/v1/audit/verify", operation_id = "verify_audit_log", tag = "Audit",
    security(("bearer" = ["audit:read"])),
    params(VerifyAuditParameters),
    responses(
        (status = 200, description = "What was found", body = AuditVerification),
        (status = 400, description = "A parameter is unknown or malformed, or asks for more than the tier shows", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody)))]
pub(super) async fn verify_audit_log(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(asked): StrictQuery<Asked>,
) -> Result<Json<AuditVerification>, ApiError> {
    let earliest = window::earliest(&mut app.db.tenant(caller.organization_id).await?, &app).await?;
    for asked in [asked.from_date, asked.to_date].into_iter().flatten() {
        window::check(earliest, asked)?;
    }
    let range = Range {
        organization_id: Some(caller.organization_id),
        from_date: asked.from_date.or(earliest),
        to_date: asked.to_date,
    };
    // The seal before an event's own may be another organization's: its hash is compared, and nothing of it is shown.
    let found = check(&mut app.db.system().await?, &app, range).await?;
    Ok(Json(AuditVerification {
        verified: found.broken.is_none(),
        checked_count: found.checked_count,
        broken_at_event_id: found.broken.map(|broken| broken.event_id),
        from_date: range.from_date,
        to_date: range.to_date,
    }))
}
