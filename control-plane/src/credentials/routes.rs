//! The credentials' routes.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{generate, list, revoke, rotate};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(
            generate::generate_credential,
            list::list_credentials,
            revoke::revoke_all_credentials
        ))
        .routes(routes!(rotate::rotate_only_credential))
        .routes(routes!(rotate::rotate_credential))
        .routes(routes!(revoke::revoke_credential))
}
