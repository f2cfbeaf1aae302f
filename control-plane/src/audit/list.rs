//! `GET /api/v1/audit`.

use agentidp_shared::ids::AgentId;
use axum::Json;
use axum::extract::State;
use time::OffsetDateTime;

use super::model::{Action, AuditEvent, Outcome};
use super::{store, window};
use crate::access::Caller;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::pagination::{Page, PageParameters, Paginated, SortKey, list};
use crate::infra::http::query::StrictQuery;
use crate::infra::lists;

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
}

/// What to list.
#[derive(Debug)]
pub(super) struct AuditFilter {
    pub agent_id: Option<AgentId>,
    pub action: Option<Action>,
    pub outcome: Option<Outcome>,
    pub from_date: Option<OffsetDateTime>,
    pub to_date: Option<OffsetDateTime>,
    pub page: Page,
}

impl FromFields for AuditFilter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            agent_id: fields.optional_parsed("agentId", "a UUID in its canonical form"),
            action: fields.optional_parsed("action", "an audit action like token.issued"),
            outcome: fields.optional_parsed("outcome", "success or failure"),
            from_date: fields.optional_timestamp("fromDate"),
            to_date: fields.optional_timestamp("toDate"),
            page: Page::read(fields, list::AUDIT_EVENTS),
        })
    }
}

/// The organization's audit events, newest first
///
/// An event's `sequence` and hashes are `null` for the moment until it is sealed.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "list_audit_events", tag = "Audit",
    params(ListAuditParameters, PageParameters),
    responses(
        (status = 200, description = "One page", body = Paginated<AuditEvent>),
        (status = 400, description = "A parameter is unknown or malformed, or asks for more than the tier shows", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 408, description = "The search takes too long: narrow it", body = ErrorBody),
        (status = 429, description = "The organization has as many lists running as it may at once", body = ErrorBody),
        (status = 503, description = "As many lists run as there is room for", body = ErrorBody)))]
pub(super) async fn list_audit_events(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(mut filter): StrictQuery<AuditFilter>,
) -> Result<Json<Paginated<AuditEvent>>, ApiError> {
    let mut tx = app.list(caller.organization_id).await?;
    let earliest = window::earliest(&mut tx, &app).await?;
    for asked in [filter.from_date, filter.to_date].into_iter().flatten() {
        window::check(earliest, asked)?;
    }
    filter.from_date = filter.from_date.or(earliest);
    let data = store::list(&mut tx, &filter).await.map_err(lists::error)?;
    let total = if filter.page.is_counted() {
        Some(store::count(&mut tx, &filter).await.map_err(lists::error)?)
    } else {
        None
    };
    tx.commit().await?;
    let key = |event: &AuditEvent| SortKey { at: event.timestamp, id: event.event_id.as_uuid() };
    Ok(Json(filter.page.of(data, total, key)))
}

/// The organization's audit events, newest first (alias)
#[utoipa::path(get, path = "/api/v1/audit/logs", operation_id = "list_audit_logs", tag = "Audit",
    params(ListAuditParameters, PageParameters),
    responses(
        (status = 200, description = "One page", body = Paginated<AuditEvent>),
        (status = 400, description = "A parameter is unknown or malformed, or asks for more than the tier shows", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 408, description = "The search takes too long: narrow it", body = ErrorBody),
        (status = 429, description = "The organization has as many lists running as it may at once", body = ErrorBody),
        (status = 503, description = "As many lists run as there is room for", body = ErrorBody)))]
pub(super) async fn list_audit_logs(
    state: State<App>,
    caller: Caller,
    filter: StrictQuery<AuditFilter>,
) -> Result<Json<Paginated<AuditEvent>>, ApiError> {
    list_audit_events(state, caller, filter).await
}
