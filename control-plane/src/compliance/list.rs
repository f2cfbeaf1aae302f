//! `GET /api/v1/compliance/controls`: public, for whoever has to trust the service.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::model::{Control, ControlStatus};
use super::store;
use crate::app::App;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};

const CACHE_CONTROL: &str = "public, max-age=60";

/// How a control stands.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ComplianceControl {
    /// Of the Trust Services Criteria (SOC 2).
    #[schema(examples("CC6.1"))]
    id: &'static str,
    name: &'static str,
    status: ControlStatus,
    /// When the last check ran.
    #[serde(with = "time::serde::rfc3339::option")]
    last_checked: Option<OffsetDateTime>,
}

#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct ComplianceControls {
    controls: Vec<ComplianceControl>,
}

/// How the service's controls stand
///
/// As their last checks found them. A check that did not run lately, or could not tell, is `unknown`. At most 120 requests a
/// minute from one address.
#[utoipa::path(get, path = "/api/v1/compliance/controls", operation_id = "list_compliance_controls", tag = "Compliance",
    responses(
        (status = 200, description = "The controls", body = ComplianceControls),
        (status = 429, description = "Too many requests from this address", body = ErrorBody)))]
pub(super) async fn list_compliance_controls(
    State(app): State<App>,
    client: ClientInfo,
) -> Result<Response, ApiError> {
    app.compliance.asked.take(client.ip, app.now())?;
    let mut tx = app.db.system().await?;
    let found = store::all(&mut tx).await?;
    tx.commit().await?;
    let now = app.now();
    let controls = Control::ALL.map(|control| {
        let stored = found.get(control.id());
        let status = stored.map_or(ControlStatus::Unknown, |stored| {
            ControlStatus::at(now, stored.checked_at, control.valid_for(&app), stored.passing)
        });
        ComplianceControl {
            id: control.id(),
            name: control.name(),
            status,
            last_checked: stored.map(|stored| stored.checked_at),
        }
    });
    let body = Json(ComplianceControls { controls: controls.into() });
    Ok(([(header::CACHE_CONTROL, CACHE_CONTROL)], body).into_response())
}
