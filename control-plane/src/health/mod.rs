//! How the service is: for people and dashboards (`/health`, `/health/detailed`) and for orchestrators (`/health/live`,
//! `/health/ready`).

mod check;
mod detailed;
mod live;
mod ready;
mod summary;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(summary::get_health))
        .routes(routes!(detailed::get_health_detailed))
        .routes(routes!(live::get_liveness))
        .routes(routes!(ready::get_readiness))
}
