//! The token endpoints' routes, each also under the alias of the earlier API.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{authorize, introspect, issue, revoke};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(authorize::authorize))
        .routes(routes!(issue::issue_token))
        .routes(routes!(issue::issue_token_alias))
        .routes(routes!(revoke::revoke_token))
        .routes(routes!(revoke::revoke_token_alias))
        .routes(routes!(introspect::introspect_token))
        .routes(routes!(introspect::introspect_token_alias))
}
