//! Errors as a caller sees them, in the two shapes of the API: RFC 6749 §5.2 on the protocol endpoints, `{code, message}`
//! everywhere else.

use std::borrow::Cow;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::host::{BodyError, OriginError};
use crate::router::is_verify_path;

/// What the realm of every challenge is called.
pub const REALM: &str = "agentidp";

/// Which shape a path's errors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    OAuth,
    Management,
}

impl Shape {
    pub fn of(path: &str) -> Self {
        let oauth = is_verify_path(path)
            || path == "/api/v1/token"
            || (path.starts_with("/oauth2/") && !path.starts_with("/oauth2/token/"))
            || path.starts_with("/api/v1/token/");
        if oauth { Self::OAuth } else { Self::Management }
    }
}

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    /// Of the management API.
    code: &'static str,
    /// Of the protocol endpoints.
    error: &'static str,
    message: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The parameters of a Bearer challenge besides the realm, if there is one.
    challenge: Option<Vec<(&'static str, String)>>,
}

impl Problem {
    pub fn new(
        status: StatusCode,
        code: &'static str,
        error: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code, error, message: message.into(), headers: Vec::new(), challenge: None }
    }

    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", "invalid_request", message)
    }

    pub fn not_found() -> Self {
        let message = "there is nothing at this path";
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "invalid_request", message)
    }

    pub fn method_not_allowed(allowed: &'static str) -> Self {
        let message = "this method is not allowed at this path";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "invalid_request", message)
            .header(ALLOW, HeaderValue::from_static(allowed))
    }

    /// RFC 6750 §3.1: whoever sent no token is told what is asked for, and no error code.
    pub fn unauthenticated() -> Self {
        let message = "an access token is required";
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "invalid_token", message).challenge(&[])
    }

    /// The edge cannot know the answer. Never a 401: a client must not throw a good token away because of us.
    pub fn unavailable(code: &'static str, message: &'static str, retry_after_seconds: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "temporarily_unavailable", message)
            .header(RETRY_AFTER, retry_after_seconds.into())
    }

    pub fn no_state() -> Self {
        Self::unavailable("NO_STATE", "this edge has not heard from the control plane yet", 2)
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds a Bearer challenge (RFC 6750 §3) with the given parameters, or to the one that is there those it lacks.
    #[must_use]
    pub fn challenge(mut self, parameters: &[(&'static str, &str)]) -> Self {
        let challenge = self.challenge.get_or_insert_default();
        for (name, value) in parameters {
            if challenge.iter().all(|(given, _)| given != name) {
                challenge.push((name, (*value).to_owned()));
            }
        }
        self
    }

    pub fn is_challenge(&self) -> bool {
        self.challenge.is_some()
    }

    /// Whether whoever asked did not say who it is, or not truly.
    pub fn is_unauthenticated(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    pub fn into_response(self, shape: Shape) -> Response<Vec<u8>> {
        let body = match shape {
            Shape::OAuth => json!({ "error": self.error, "error_description": self.message }),
            Shape::Management => json!({ "code": self.code, "message": self.message }),
        };
        let mut response = Response::new(body.to_string().into_bytes());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        if let Some(challenge) = self.challenge.as_deref().and_then(challenge_header) {
            headers.append(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Quotes in parameters become harmless.
fn challenge_header(parameters: &[(&'static str, String)]) -> Option<HeaderValue> {
    let parameter =
        |(name, value): &(&str, String)| format!("{name}=\"{}\"", value.replace(['"', '\\'], "'"));
    let parameters: Vec<String> =
        std::iter::once(&("realm", REALM.to_owned())).chain(parameters).map(parameter).collect();
    HeaderValue::try_from(format!("Bearer {}", parameters.join(", "))).ok()
}

impl From<OriginError> for Problem {
    fn from(error: OriginError) -> Self {
        let (status, code) = match error {
            OriginError::Unreachable => (StatusCode::BAD_GATEWAY, "ORIGIN_UNREACHABLE"),
            OriginError::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "ORIGIN_TIMEOUT"),
        };
        Self::new(status, code, "temporarily_unavailable", error.to_string())
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let (status, code) = match error {
            BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"),
            BodyError::Broken => (StatusCode::BAD_REQUEST, "INVALID_BODY"),
        };
        Self::new(status, code, "invalid_request", error.to_string())
    }
}

/// The answer to a request whose method or URL is none.
pub fn unreadable() -> Response<Vec<u8>> {
    Problem::invalid_request("the method or the URL is malformed").into_response(Shape::Management)
}

/// The answer to every request of an edge whose configuration is not complete. Which variable is wrong is for the log.
pub fn misconfigured(path: &str) -> Response<Vec<u8>> {
    Problem::unavailable("NOT_CONFIGURED", "this edge is not configured; its log says what is missing", 30)
        .into_response(Shape::of(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_endpoints_speak_oauth_and_the_rest_does_not() {
        for path in [
            "/verify",
            "/verify/",
            "/verify/a/b",
            "/oauth2/token",
            "/api/v1/token",
            "/api/v1/token/introspect",
        ] {
            assert_eq!(Shape::of(path), Shape::OAuth, "{path}");
        }
        for path in ["/", "/verifyx", "/oauth2", "/api/v1/tokens", "/api/v1/agents", "/health/ready"] {
            assert_eq!(Shape::of(path), Shape::Management, "{path}");
        }
    }

    #[test]
    fn challenge_injection_attack_quotes_cannot_end_a_parameter() {
        let problem = Problem::not_found().challenge(&[("error_description", "a\", scope=\"x\\")]);
        let answer = problem.into_response(Shape::Management);
        let challenge = answer.headers().get(WWW_AUTHENTICATE).unwrap();
        assert_eq!(challenge, r#"Bearer realm="agentidp", error_description="a', scope='x'""#);
    }
}
