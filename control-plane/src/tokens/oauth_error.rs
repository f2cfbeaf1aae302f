//! Errors of the OAuth endpoints (RFC 6749 §5.2, RFC 7009 §2.2.1, RFC 8707 §2).

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use crate::infra::gather::Unanswered;
use crate::infra::http::error::ApiError;
use crate::oidc::IdTokenError;

/// The body of an OAuth error.
#[derive(Debug, serde::Serialize, ToSchema)]
pub struct OAuthErrorBody {
    #[schema(examples("invalid_client"))]
    pub error: &'static str,
    pub error_description: Cow<'static, str>,
}

#[derive(Debug)]
pub enum OAuthError {
    InvalidRequest(Cow<'static, str>),
    /// Unknown client or wrong secret: which of them is never said.
    InvalidClient,
    UnauthorizedClient(Cow<'static, str>),
    UnsupportedGrantType,
    UnsupportedResponseType,
    InvalidScope(Cow<'static, str>),
    InvalidTarget(Cow<'static, str>),
    InsufficientScope(&'static str),
    /// Too many failed logins; seconds to wait.
    SlowDown(u64),
    /// Authentication with an access token failed.
    Bearer(ApiError),
    Internal(ApiError),
}

impl From<sqlx::Error> for OAuthError {
    fn from(error: sqlx::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// An error that several requests share.
impl From<Arc<sqlx::Error>> for OAuthError {
    fn from(error: Arc<sqlx::Error>) -> Self {
        Self::Internal(error.into())
    }
}

impl From<Unanswered> for OAuthError {
    fn from(error: Unanswered) -> Self {
        Self::Internal(error.into())
    }
}

impl From<IdTokenError> for OAuthError {
    fn from(error: IdTokenError) -> Self {
        match error {
            IdTokenError::NonceTooLong => Self::InvalidRequest(error.to_string().into()),
            IdTokenError::Internal(error) => Self::Internal(error),
        }
    }
}

impl From<ApiError> for OAuthError {
    fn from(error: ApiError) -> Self {
        Self::Internal(error)
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let retry_after = if let Self::SlowDown(seconds) = self { Some(seconds) } else { None };
        let (status, error, description): (_, _, Cow<'static, str>) = match self {
            Self::InvalidRequest(description) => (StatusCode::BAD_REQUEST, "invalid_request", description),
            Self::InvalidClient => {
                (StatusCode::UNAUTHORIZED, "invalid_client", "the client could not be authenticated".into())
            }
            Self::UnauthorizedClient(description) => {
                (StatusCode::BAD_REQUEST, "unauthorized_client", description)
            }
            Self::UnsupportedResponseType => (
                StatusCode::BAD_REQUEST,
                "unsupported_response_type",
                "no response type is supported; use the token endpoint".into(),
            ),
            Self::UnsupportedGrantType => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "grant_type must be client_credentials or that of a token exchange".into(),
            ),
            Self::InvalidScope(description) => (StatusCode::BAD_REQUEST, "invalid_scope", description),
            Self::InvalidTarget(description) => (StatusCode::BAD_REQUEST, "invalid_target", description),
            Self::InsufficientScope(scope) => {
                (StatusCode::FORBIDDEN, "insufficient_scope", format!("this needs the scope {scope}").into())
            }
            Self::SlowDown(seconds) => (
                StatusCode::TOO_MANY_REQUESTS,
                "slow_down",
                format!("too many failed logins; try again in {seconds} s").into(),
            ),
            Self::Bearer(error) | Self::Internal(error) => return error.into_oauth_response(),
        };
        let mut response =
            (status, Json(OAuthErrorBody { error, error_description: description })).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="agentidp""#));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
