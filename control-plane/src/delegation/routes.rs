//! The delegations' routes.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{delegate, revoke, verify};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(delegate::delegate))
        .routes(routes!(revoke::revoke_delegation))
        .routes(routes!(verify::verify_delegation))
}
