//! The agents' routes.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{create, decommission, get, list, set_scopes, update};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create_agent, list::list_agents))
        .routes(routes!(get::get_agent, update::update_agent, decommission::decommission_agent))
        .routes(routes!(set_scopes::set_agent_scopes))
}
