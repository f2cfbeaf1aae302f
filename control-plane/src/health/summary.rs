//! `GET /health`: one word for everything.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use utoipa::ToSchema;

use super::check::{self, HealthStatus};
use crate::app::App;

#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Health {
    status: HealthStatus,
    #[schema(examples("0.1.0"))]
    version: &'static str,
    /// Seconds since the process started.
    uptime: u64,
    /// Each dependency by name.
    services: BTreeMap<&'static str, HealthStatus>,
}

/// How the service is
#[utoipa::path(get, path = "/health", operation_id = "get_health", tag = "Health",
    responses(
        (status = 200, description = "It works, perhaps slowly", body = Health),
        (status = 503, description = "Something it needs is missing", body = Health)))]
pub(super) async fn get_health(State(app): State<App>) -> impl IntoResponse {
    let services = check::services(&app).await;
    let status = check::overall(&services);
    let code =
        if status == HealthStatus::Unreachable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let body = Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        uptime: check::uptime(&app),
        services: services.into_iter().map(|(name, service)| (name, service.status)).collect(),
    };
    (code, Json(body))
}
