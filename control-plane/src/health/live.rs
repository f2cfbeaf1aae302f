//! `GET /health/live`: the process answers. Asks nothing of anything else, or a database in trouble would get every replica
//! restarted.

use axum::Json;
use utoipa::ToSchema;

#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Liveness {
    #[schema(examples("live"))]
    status: &'static str,
}

/// Does the process answer?
#[utoipa::path(get, path = "/health/live", operation_id = "get_liveness", tag = "Health",
    responses((status = 200, description = "It does", body = Liveness)))]
pub(super) async fn get_liveness() -> Json<Liveness> {
    Json(Liveness { status: "live" })
}
