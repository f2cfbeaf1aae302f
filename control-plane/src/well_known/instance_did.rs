//! `GET /.well-known/did.json`: the DID document of this instance.

use agentidp_shared::did;
use agentidp_shared::discovery::published_keys;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::document;
use crate::app::App;
use crate::infra::http::error::ApiError;

/// The DID document of this instance
#[utoipa::path(get, path = "/.well-known/did.json", operation_id = "get_instance_did", tag = "Discovery",
    responses(
        (status = 200, description = "The document of `did:web:HOST`", content_type = "application/did+json", body = Object),
        (status = 304, description = "Unchanged")))]
pub(super) async fn get_instance_did(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let did = did::instance_document(
        &app.config.issuer,
        &published_keys(&app.signers.current().jwks, &app.document_keys.jwks()),
    );
    document::answer(&headers, did::MEDIA_TYPE, &did)
}
