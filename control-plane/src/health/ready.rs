//! `GET /health/ready`: requests may be sent here.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use utoipa::ToSchema;

use super::check::{self, HealthStatus};
use crate::app::App;

#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Readiness {
    /// `ready`, `stopping` or `unavailable`.
    #[schema(examples("ready"))]
    status: &'static str,
}

/// May requests be sent here?
#[utoipa::path(get, path = "/health/ready", operation_id = "get_readiness", tag = "Health",
    responses(
        (status = 200, description = "Yes", body = Readiness),
        (status = 503, description = "No: it is stopping, or something it needs is missing", body = Readiness)))]
pub(super) async fn get_readiness(State(app): State<App>) -> impl IntoResponse {
    let status = if app.shutdown.is_cancelled() {
        "stopping"
    } else if check::overall(&check::services(&app).await) == HealthStatus::Unreachable {
        "unavailable"
    } else {
        "ready"
    };
    let code = if status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(Readiness { status }))
}
