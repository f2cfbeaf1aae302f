//! Metadata of organizations that have an issuer of their own. Public, so the answer about all others is the same, whether they
//! exist or not.

use agentidp_shared::discovery::organization_server_metadata;
use agentidp_shared::ids::OrganizationId;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::document::{self, JSON};
use super::issuer;
use super::store;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;

/// OpenID Connect discovery of an organization's issuer
#[utoipa::path(get, path = "/organizations/{organizationId}/.well-known/openid-configuration",
    operation_id = "get_organization_openid_configuration", tag = "Discovery",
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    responses(
        (status = 200, description = "The metadata: the instance's endpoints and keys under the organization's issuer", body = Object),
        (status = 304, description = "Unchanged"),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 404, description = "There is no such issuer", body = ErrorBody)))]
pub(super) async fn get_organization_openid_configuration(
    State(app): State<App>,
    Id(organization): Id<OrganizationId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut tx = app.db.system().await?;
    let has_issuer = store::has_issuer_any_tenant(&mut tx, organization).await?;
    tx.commit().await?;
    if !has_issuer {
        return Err(ApiError::not_found("ISSUER_NOT_FOUND", "there is no issuer with this identifier"));
    }
    document::answer(&headers, JSON, &organization_server_metadata(&issuer(&app).await?, organization))
}

/// OpenID Connect discovery of an organization's issuer, with its path behind (RFC 8414 §5)
#[utoipa::path(get, path = "/.well-known/openid-configuration/organizations/{organizationId}",
    operation_id = "get_organization_openid_configuration_alias", tag = "Discovery",
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    responses(
        (status = 200, description = "The metadata", body = Object),
        (status = 304, description = "Unchanged"),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 404, description = "There is no such issuer", body = ErrorBody)))]
pub(super) async fn get_organization_openid_configuration_alias(
    state: State<App>,
    id: Id<OrganizationId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    get_organization_openid_configuration(state, id, headers).await
}

/// Authorization server metadata of an organization's issuer (RFC 8414 §3.1)
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server/organizations/{organizationId}",
    operation_id = "get_organization_authorization_server_metadata", tag = "Discovery",
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    responses(
        (status = 200, description = "The metadata", body = Object),
        (status = 304, description = "Unchanged"),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 404, description = "There is no such issuer", body = ErrorBody)))]
pub(super) async fn get_organization_authorization_server_metadata(
    state: State<App>,
    id: Id<OrganizationId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    get_organization_openid_configuration(state, id, headers).await
}
