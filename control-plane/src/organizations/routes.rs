//! The organizations' routes.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{create, delete, get, limits, list, membership, resources, update};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create_organization, list::list_organizations))
        .routes(routes!(get::get_organization, update::update_organization, delete::delete_organization))
        .routes(routes!(limits::get_organization_limits))
        .routes(routes!(resources::get_allowed_resources, resources::set_allowed_resources))
        .routes(routes!(membership::list_members, membership::add_member))
        .routes(routes!(membership::change_member, membership::remove_member))
}
