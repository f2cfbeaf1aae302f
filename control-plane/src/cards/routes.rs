//! The routes of cards.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{agent, instance};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(instance::get_instance_card))
        .routes(routes!(agent::get_agent_card))
        .routes(routes!(agent::get_agntcy_card))
        .routes(routes!(agent::get_oasf_record))
        .routes(routes!(agent::get_agent_badge))
}
