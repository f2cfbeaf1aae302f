//! `GET /health/detailed`: each dependency with its latency.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use utoipa::ToSchema;

use super::check::{self, HealthStatus, Services};
use crate::app::App;

#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct DetailedHealth {
    status: HealthStatus,
    #[schema(examples("0.1.0"))]
    version: &'static str,
    /// Seconds since the process started.
    uptime: u64,
    /// Each dependency by name.
    #[schema(value_type = std::collections::BTreeMap<String, check::ServiceHealth>)]
    services: Services,
}

/// How each dependency is
#[utoipa::path(get, path = "/health/detailed", operation_id = "get_health_detailed", tag = "Health",
    responses(
        (status = 200, description = "All is well", body = DetailedHealth),
        (status = 207, description = "Something is slow (more than a second) or behind", body = DetailedHealth),
        (status = 503, description = "Something is missing", body = DetailedHealth)))]
pub(super) async fn get_health_detailed(State(app): State<App>) -> impl IntoResponse {
    let services = check::services(&app).await;
    let status = check::overall(&services);
    let body =
        DetailedHealth { status, version: env!("CARGO_PKG_VERSION"), uptime: check::uptime(&app), services };
    (check::status_code(status), Json(body))
}
