//! Public documents: discovery metadata, keys, DID documents. Usually the edge serves them; this is where they come from.

mod agent_did;
pub mod document;
mod instance_did;
mod jwks;
mod metadata;
mod organization_issuer;
mod store;

use agentidp_shared::discovery::IssuerConfig;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::edge_feed;
use crate::infra::http::error::ApiError;

/// What the documents say of the issuer now.
async fn issuer(app: &App) -> Result<IssuerConfig, ApiError> {
    let mut tx = app.db.system().await?;
    let issuer = edge_feed::issuer_config(&mut tx, app).await?;
    tx.commit().await?;
    Ok(issuer)
}

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(metadata::get_openid_configuration))
        .routes(routes!(metadata::get_authorization_server_metadata))
        .routes(routes!(metadata::get_protected_resource_metadata))
        .routes(routes!(organization_issuer::get_organization_openid_configuration))
        .routes(routes!(organization_issuer::get_organization_openid_configuration_alias))
        .routes(routes!(organization_issuer::get_organization_authorization_server_metadata))
        .routes(routes!(jwks::get_jwks))
        .routes(routes!(instance_did::get_instance_did))
        .routes(routes!(agent_did::get_agent_did))
        .routes(routes!(agent_did::get_agent_did_alias))
}
