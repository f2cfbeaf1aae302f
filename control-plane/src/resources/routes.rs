//! The routes of protected APIs.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{create, delete, get, list, update};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create::create_resource, list::list_resources)).routes(routes!(
        get::get_resource,
        update::update_resource,
        delete::delete_resource
    ))
}
