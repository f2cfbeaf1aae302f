//! The routes of DIDs.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{resolve, rotate};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(resolve::resolve_agent_did))
        .routes(routes!(rotate::rotate_agent_did_key))
}
