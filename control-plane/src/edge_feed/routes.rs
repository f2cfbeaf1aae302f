//! The feed's routes.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{changes, snapshot};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(snapshot::get_edge_snapshot))
        .routes(routes!(changes::get_edge_changes))
}
