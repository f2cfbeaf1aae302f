//! The routes of grants.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{create, delete, get, list};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create_grant, list::list_grants))
        .routes(routes!(get::get_grant, delete::delete_grant))
}
