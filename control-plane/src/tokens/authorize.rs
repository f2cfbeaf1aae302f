//! `GET /oauth2/authorize` (RFC 6749 §3.1). Agents have no browser: no response type is supported, as the metadata says.
//!
//! It is there because clients refuse metadata without an authorization endpoint, also those that never use it.

use super::oauth_error::{OAuthError, OAuthErrorBody};

/// Authorize
///
/// Supports no response type: agents get their tokens from the token endpoint alone. Never redirects (RFC 6749 §4.1.2.1).
#[utoipa::path(get, path = "/oauth2/authorize", operation_id = "authorize", tag = "Tokens",
    security(()),
    responses((status = 400, description = "No response type is supported", body = OAuthErrorBody)))]
pub(super) async fn authorize() -> OAuthError {
    OAuthError::UnsupportedResponseType
}
