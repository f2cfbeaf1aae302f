//! Public documents: discovery metadata, keys, DID documents. Usually the edge serves them; this is where they come from.

mod agent_did;
pub mod document;
mod instance_did;
mod jwks;
mod metadata;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(metadata::get_openid_configuration))
        .routes(routes!(metadata::get_authorization_server_metadata))
        .routes(routes!(metadata::get_protected_resource_metadata))
        .routes(routes!(jwks::get_jwks))
        .routes(routes!(instance_did::get_instance_did))
        .routes(routes!(agent_did::get_agent_did))
        .routes(routes!(agent_did::get_agent_did_alias))
}
