//! The routes of trust policies, and of the exchange.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{create, delete, exchange, list};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create_trust_policy, list::list_trust_policies))
        .routes(routes!(delete::delete_trust_policy))
        .routes(routes!(exchange::exchange_oidc_token))
}
