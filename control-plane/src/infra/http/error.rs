//! Errors as the API shows them. What the caller is told is kept apart from what the operator needs.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::infra::gather::Unanswered;

/// The body of every error of the management API.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
pub struct ErrorBody {
    /// Stable, for programs.
    #[schema(examples("AGENT_NOT_FOUND"))]
    pub code: Cow<'static, str>,
    /// For people; may change.
    pub message: Cow<'static, str>,
    /// What more there is to say; `errors` lists every bad field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
}

/// An error on its way to the caller. A 5xx is our bug or our database: its cause is logged and not shown.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    details: Option<Value>,
    headers: Vec<(HeaderName, String)>,
    cause: Option<anyhow::Error>,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), details: None, headers: Vec::new(), cause: None }
    }

    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let message = "something went wrong on our side; try again, and name the X-Request-Id if it stays";
        Self {
            cause: Some(cause.into()),
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
        }
    }

    pub fn unavailable(cause: impl Into<anyhow::Error>) -> Self {
        let message = "the service cannot answer just now; try again shortly";
        Self {
            cause: Some(cause.into()),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE", message)
        }
        .header(header::RETRY_AFTER, "2".into())
    }

    pub fn bad_request(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub fn forbidden(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    pub fn not_found(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// `refusal` in the place of a 403 or a 404. Any other error stays what it is: a database that fails refuses nothing for good.
    pub fn refused_as<E: From<Self>>(self, refusal: E) -> E {
        match self.status {
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => refusal,
            _ => self.into(),
        }
    }

    /// The same error in the shape of RFC 6749 §5.2.
    pub fn into_oauth_response(self) -> Response {
        as_oauth(self.into_response())
    }
}

/// An answer that is an error of ours, in the shape of RFC 6749 §5.2; any other as it is.
pub(super) fn as_oauth(mut response: Response) -> Response {
    let Some(body) = response.extensions_mut().remove::<ErrorBody>() else { return response };
    let error = match response.status() {
        StatusCode::UNAUTHORIZED => "invalid_token",
        StatusCode::FORBIDDEN => "insufficient_scope",
        StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request",
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = json!({ "error": error, "error_description": body.message });
    let (shaped, body) = Json(body).into_response().into_parts();
    parts.headers.extend(shaped.headers);
    Response::from_parts(parts, body)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(code = self.code, cause = format!("{cause:#}"), "a request failed");
        }
        let body = ErrorBody { code: self.code.into(), message: self.message, details: self.details };
        let mut response = (self.status, Json(&body)).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
        // For the layer that gives errors of the protocol endpoints another shape.
        response.extensions_mut().insert(body);
        response
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if passes(&error) { Self::unavailable(error) } else { Self::internal(error) }
    }
}

/// An error that several requests share.
impl From<Arc<sqlx::Error>> for ApiError {
    fn from(error: Arc<sqlx::Error>) -> Self {
        if passes(&error) { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<Unanswered> for ApiError {
    fn from(error: Unanswered) -> Self {
        Self::internal(error)
    }
}

/// Whether it may go better another time.
fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => {
            true
        }
        // Class 08: connection; 53: resources; 55P03, 57014: a lock or statement took too long; 57P: shutting down;
        // 40001, 40P01: serialisation failure, deadlock.
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            ["08", "53", "57P"].iter().any(|class| code.starts_with(class))
                || ["55P03", "57014", "40001", "40P01"].contains(&&*code)
        }),
        _ => false,
    }
}

/// The named constraint an insert or update ran into.
pub fn constraint_name(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::constraint)
}

/// Every bad field of a request, told at once.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<(String, String)>);

impl FieldErrors {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, field: &str, reason: impl Into<String>) {
        self.0.push((field.to_owned(), reason.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_result(self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }

    pub fn into_error(self) -> ApiError {
        let errors: Vec<_> =
            self.0.iter().map(|(field, reason)| json!({ "field": field, "reason": reason })).collect();
        let named: Vec<_> = self.0.iter().map(|(field, _)| field.as_str()).take(8).collect();
        ApiError::bad_request("VALIDATION_ERROR", format!("not acceptable: {}", named.join(", ")))
            .details(json!({ "errors": errors }))
    }
}

/// Text of the caller's as it may be shown back to it: cut, and without control characters.
pub fn shown(untrusted: &str) -> String {
    untrusted.chars().filter(|c| !c.is_control()).take(64).collect()
}
