//! The routes of OpenID Connect that are not the token endpoint's.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::agent_info;
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(agent_info::get_agent_info))
        .routes(routes!(agent_info::post_agent_info))
}
