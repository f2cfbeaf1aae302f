//! The organizations' routes.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{create, get, list};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create_organization, list::list_organizations))
        .routes(routes!(get::get_organization))
}
