//! `GET /.well-known/jwks.json`: the keys tokens are signed with, next, active and retiring, and those of documents
//! (RFC 7517 §5).

use agentidp_shared::discovery::published_keys;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::document::{self, JSON};
use crate::app::App;
use crate::infra::http::error::ApiError;

/// The keys that tokens and documents are signed with
#[utoipa::path(get, path = "/.well-known/jwks.json", operation_id = "get_jwks", tag = "Discovery",
    responses(
        (status = 200, description = "The JWK Set", body = Object),
        (status = 304, description = "Unchanged")))]
pub(super) async fn get_jwks(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let keys = published_keys(&app.signers.current().jwks, &app.document_keys.jwks());
    document::answer(&headers, JSON, &keys)
}
