//! The routes of federation.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{change, create, delete, get, grants, list, verify};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create_partner, list::list_partners))
        .routes(routes!(get::get_partner, change::update_partner, delete::delete_partner))
        .routes(routes!(verify::verify_partner_token))
        .merge(grants::routes())
}
