//! The feed's routes.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{changes, overview, snapshot, usage};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(snapshot::get_edge_snapshot))
        .routes(routes!(changes::get_edge_changes))
        .routes(routes!(usage::report_edge_usage))
        .routes(routes!(overview::list_edge_nodes))
}
