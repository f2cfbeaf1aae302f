//! `GET /api/v1/audit/verify`: an organization's part of the log.
//!
//! Its seals and its events are read side by side in the order of time, a page at a time, so memory is bounded however long the log
//! is, and no page costs more than the first. Each seal is checked by itself, against its event and the seal before, so their order
//! does not matter.

use std::collections::BTreeMap;

use agentidp_shared::audit_chain::genesis;
use agentidp_shared::ids::{EventId, OrganizationId};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::check::{Broken, Verification};
use super::seals::{self, Place};
use super::window;
use crate::access::Caller;
use crate::app::App;
use crate::infra::db::SystemTx;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::query::StrictQuery;

/// Seals, and events, looked at per query.
const PAGE: i64 = 2_000;

/// Checks the organization's events from one moment to another.
async fn check(
    tx: &mut SystemTx,
    app: &App,
    organization: OrganizationId,
    from: Option<OffsetDateTime>,
    to: Option<OffsetDateTime>,
) -> Result<Verification, sqlx::Error> {
    let genesis = genesis(app.feed.instance());
    let (mut checked_count, mut after) = (0, seals::before(from));
    loop {
        // The seals first: the event of each was committed before it.
        let sealed = seals::of_organization(tx, organization, after, to, PAGE).await?;
        let events = seals::events_of_organization(tx, organization, after, to, PAGE).await?;
        let sealed_to = sealed.last().map(|seal| (seal.occurred_at, seal.event_id));
        let events_to = events.last().map(|event| (event.occurred_at, event.event_id));
        // Both were read up to here; `None` is the end.
        let whole = |length: usize, last: Option<Place>| last.filter(|_| i64::try_from(length) == Ok(PAGE));
        let read_to: Option<Place> =
            whole(sealed.len(), sealed_to).into_iter().chain(whole(events.len(), events_to)).min();
        let within = |place: &Place| read_to.is_none_or(|read_to| *place <= read_to);

        let mut events: BTreeMap<Place, _> = events
            .into_iter()
            .map(|event| ((event.occurred_at, event.event_id), event))
            .filter(|(place, _)| within(place))
            .collect();
        for seal in sealed {
            let place = (seal.occurred_at, seal.event_id);
            if !within(&place) {
                break;
            }
            if !seal.is_good(events.remove(&place).as_ref(), &genesis) {
                return Ok(Verification { checked_count, broken: Some(Broken::of(&seal)) });
            }
            checked_count += 1;
        }
        let unsealed: Vec<Place> = events.into_keys().collect();
        if let Some(event_id) = seals::never_to_be_sealed(tx, organization, &unsealed).await? {
            let broken = Broken::NeverSealed { event_id: event_id.into() };
            return Ok(Verification { checked_count, broken: Some(broken) });
        }
        match read_to {
            Some(read_to) => after = read_to,
            None => return Ok(Verification { checked_count, broken: None }),
        }
    }
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
/// out. Answered with 200 whether or not the log is whole. Within the time that the tier shows. Over millions of events it takes
/// minutes: be patient, or ask for a shorter time. Thirty times a minute, and one at a time.
#[utoipa::path(get, path = "/api/v1/audit/verify", operation_id = "verify_audit_log", tag = "Audit",
    params(VerifyAuditParameters),
    responses(
        (status = 200, description = "What was found", body = AuditVerification),
        (status = 400, description = "A parameter is unknown or malformed, or asks for more than the tier shows", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 408, description = "It takes too long: ask for a shorter time", body = ErrorBody),
        (status = 429, description = "Asked too often, or while an earlier check still runs", body = ErrorBody),
        (status = 503, description = "Too many checks run already", body = ErrorBody)))]
pub(super) async fn verify_audit_log(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(asked): StrictQuery<Asked>,
) -> Result<Response, ApiError> {
    let standing = app.audit.asked.take(caller.organization_id, app.now())?;
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let earliest = window::earliest(&mut tx, &app).await?;
    tx.commit().await?;
    for asked in [asked.from_date, asked.to_date].into_iter().flatten() {
        window::check(earliest, asked)?;
    }
    let _turn = app.audit.turns.begin(caller.organization_id).await.map_err(super::refuse_check)?;
    let (from_date, to_date) = (asked.from_date.or(earliest), asked.to_date);
    // The seal before an event's own may be another organization's: its hash is compared, and nothing of it is shown.
    let mut tx = app.db.system().await?;
    let found = check(&mut tx, &app, caller.organization_id, from_date, to_date).await?;
    tx.commit().await?;
    let body = Json(AuditVerification {
        verified: found.broken.is_none(),
        checked_count: found.checked_count,
        broken_at_event_id: found.broken.and_then(Broken::event_id),
        from_date,
        to_date,
    });
    Ok((standing, body).into_response())
}
