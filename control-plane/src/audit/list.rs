//! `GET /api/v1/audit`: by page, or by cursor, which stays in place while events come in.

use agentidp_shared::ids::{AgentId, EventId};
use agentidp_shared::strict::{decode_base64url, encode_base64url};
use axum::Json;
use axum::extract::State;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Action, AuditEvent, Outcome};
use super::{store, window};
use crate::access::Caller;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::pagination::{Page, PageParameters};
use crate::infra::http::query::StrictQuery;

#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the parameters; `AuditFilter` reads them")]
pub(super) struct ListAuditParameters {
    /// Events about this agent.
    #[param(value_type = Option<uuid::Uuid>)]
    agent_id: Option<AgentId>,
    action: Option<Action>,
    outcome: Option<Outcome>,
    /// From this moment on.
    #[param(value_type = Option<String>, format = DateTime)]
    from_date: Option<OffsetDateTime>,
    /// Up to this moment.
    #[param(value_type = Option<String>, format = DateTime)]
    to_date: Option<OffsetDateTime>,
    /// `nextCursor` of the page before; instead of `page`.
    cursor: Option<String>,
}

/// A place in the log, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub timestamp: OffsetDateTime,
    pub event_id: EventId,
}

/// Not a cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidCursor;

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let microseconds = i64::try_from(self.timestamp.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX);
        let bytes = [&microseconds.to_be_bytes()[..], self.event_id.as_uuid().as_bytes()].concat();
        f.write_str(&encode_base64url(&bytes))
    }
}

impl std::str::FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = decode_base64url(text).map_err(|_| InvalidCursor)?;
        let (microseconds, event_id) = bytes.split_first_chunk::<8>().ok_or(InvalidCursor)?;
        let nanoseconds = i128::from(i64::from_be_bytes(*microseconds)) * 1_000;
        let timestamp = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).map_err(|_| InvalidCursor)?;
        let event_id = Uuid::from_slice(event_id).map_err(|_| InvalidCursor)?;
        Ok(Self { timestamp, event_id: event_id.into() })
    }
}

/// What to list.
#[derive(Debug)]
pub(super) struct AuditFilter {
    pub agent_id: Option<AgentId>,
    pub action: Option<Action>,
    pub outcome: Option<Outcome>,
    pub from_date: Option<OffsetDateTime>,
    pub to_date: Option<OffsetDateTime>,
    pub cursor: Option<Cursor>,
    pub page: Page,
}

impl FromFields for AuditFilter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        if fields.has("cursor") && fields.has("page") {
            fields.error("cursor", "goes on from a place of its own: use it without `page`");
        }
        Some(Self {
            agent_id: fields.optional_parsed("agentId", "a UUID in its canonical form"),
            action: fields.optional_parsed("action", "an audit action like token.issued"),
            outcome: fields.optional_parsed("outcome", "success or failure"),
            from_date: fields.optional_timestamp("fromDate"),
            to_date: fields.optional_timestamp("toDate"),
            cursor: fields.optional_parsed("cursor", "the nextCursor of an earlier answer"),
            page: Page::read(fields),
        })
    }
}

/// Audit events, newest first.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditPage {
    data: Vec<AuditEvent>,
    /// How many match on all pages; absent when a cursor was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
    /// Absent when a cursor was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u64>,
    limit: u64,
    /// For the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// The organization's audit events, newest first
///
/// An event's `sequence` and hashes are `null` for the moment until it is sealed.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "list_audit_events", tag = "Audit",
    security(("bearer" = ["audit:read"])),
    params(ListAuditParameters, PageParameters),
    responses(
        (status = 200, description = "One page", body = AuditPage),
        (status = 400, description = "A parameter is unknown or malformed, or asks for more than the tier shows", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody)))]
pub(super) async fn list_audit_events(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(mut filter): StrictQuery<AuditFilter>,
) -> Result<Json<AuditPage>, ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let earliest = window::earliest(&mut tx, &app).await?;
    for asked in [filter.from_date, filter.to_date].into_iter().flatten() {
        window::check(earliest, asked)?;
    }
    filter.from_date = filter.from_date.or(earliest);
    let mut data = store::list(&mut tx, &filter).await?;
    let total = match filter.cursor {
        Some(_) => None,
        None => Some(store::count(&mut tx, &filter).await?),
    };
    tx.commit().await?;
    let limit = usize::try_from(filter.page.limit).unwrap_or(usize::MAX);
    let more = data.len() > limit;
    data.truncate(limit);
    let last = data.last().filter(|_| more);
    let next_cursor =
        last.map(|event| Cursor { timestamp: event.timestamp, event_id: event.event_id }.to_string());
    let page = filter.cursor.is_none().then_some(filter.page.page);
    Ok(Json(AuditPage { data, total, page, limit: filter.page.limit, next_cursor }))
}

/// The organization's audit events, newest first (alias)
#[utoipa::path(get, path = "/api/v1/audit/logs", operation_id = "list_audit_logs", tag = "Audit",
    security(("bearer" = ["audit:read"])),
    params(ListAuditParameters, PageParameters),
    responses(
        (status = 200, description = "One page", body = AuditPage),
        (status = 400, description = "A parameter is unknown or malformed, or asks for more than the tier shows", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody)))]
pub(super) async fn list_audit_logs(
    state: State<App>,
    caller: Caller,
    filter: StrictQuery<AuditFilter>,
) -> Result<Json<AuditPage>, ApiError> {
    list_audit_events(state, caller, filter).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::from_unix_seconds;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_is_one() {
        let cursor =
            Cursor { timestamp: from_unix_seconds(1_700_000_000), event_id: Uuid::from_u128(7).into() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "AAAA", "not base64", &format!("{cursor}AA"), &encode_base64url(&[0xff; 24])] {
            let read = text.parse::<Cursor>();
            assert!(read.is_err() || read.is_ok_and(|read| read != cursor), "{text}");
        }
        assert_eq!("AAAA".parse::<Cursor>(), Err(InvalidCursor));
    }
}
