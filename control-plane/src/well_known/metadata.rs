//! Discovery metadata (OpenID Connect Discovery 1.0 §4, RFC 8414 §3, RFC 9728 §3).

use agentidp_shared::discovery::{authorization_server_metadata, protected_resource_metadata};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::document::{self, JSON};
use super::issuer;
use crate::app::App;
use crate::infra::http::error::ApiError;

/// OpenID Connect discovery
#[utoipa::path(get, path = "/.well-known/openid-configuration", operation_id = "get_openid_configuration", tag = "Discovery",
    responses(
        (status = 200, description = "The metadata", body = Object),
        (status = 304, description = "Unchanged")))]
pub(super) async fn get_openid_configuration(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    document::answer(&headers, JSON, &authorization_server_metadata(&issuer(&app).await?))
}

/// Authorization server metadata (RFC 8414)
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", operation_id = "get_authorization_server_metadata",
    tag = "Discovery",
    responses(
        (status = 200, description = "The metadata", body = Object),
        (status = 304, description = "Unchanged")))]
pub(super) async fn get_authorization_server_metadata(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    document::answer(&headers, JSON, &authorization_server_metadata(&issuer(&app).await?))
}

/// Metadata of the management API as a protected resource (RFC 9728)
#[utoipa::path(get, path = "/.well-known/oauth-protected-resource", operation_id = "get_protected_resource_metadata",
    tag = "Discovery",
    responses(
        (status = 200, description = "The metadata", body = Object),
        (status = 304, description = "Unchanged")))]
pub(super) async fn get_protected_resource_metadata(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    document::answer(&headers, JSON, &protected_resource_metadata(&issuer(&app).await?))
}
