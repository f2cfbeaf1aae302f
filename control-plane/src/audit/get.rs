//! `GET /api/v1/audit/{eventId}`.

use agentidp_shared::ids::EventId;
use axum::Json;
use axum::extract::State;

use super::model::AuditEvent;
use super::{store, window};
use crate::access::Caller;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;

/// An audit event
#[utoipa::path(get, path = "/api/v1/audit/{eventId}", operation_id = "get_audit_event", tag = "Audit",
    params(("eventId" = uuid::Uuid, Path, description = "The event")),
    responses(
        (status = 200, description = "The event", body = AuditEvent),
        (status = 400, description = "The event is older than the tier shows", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such event", body = ErrorBody)))]
pub(super) async fn get_audit_event(
    State(app): State<App>,
    caller: Caller,
    Id(event): Id<EventId>,
) -> Result<Json<AuditEvent>, ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let earliest = window::earliest(&mut tx, &app).await?;
    let found = store::find(&mut tx, event).await?;
    tx.commit().await?;
    let found =
        found.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND", "there is no event with this id"))?;
    window::check(earliest, found.timestamp)?;
    Ok(Json(found))
}
