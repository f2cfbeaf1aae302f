//! The id of a request, and what is noted of it: one span, one log line, two metrics. Paths are noted as templates and
//! queries not at all: either may hold what is not ours to keep.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use crate::app::App;

const HEADER: &str = "x-request-id";
const MAX_LENGTH: usize = 128;

/// The id of a request: the caller's, if it has a harmless form, or a new one. Sent back as `X-Request-Id`.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Gives the request its id, and logs and counts the answer.
pub(super) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = given_id(request.headers()).unwrap_or_else(|| app.new_id().to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request_id = id, method, route);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let elapsed = started.elapsed();

    let status = response.status();
    let labels =
        [("method", method.to_owned()), ("route", route), ("status_code", status.as_u16().to_string())];
    metrics::counter!("agentidp_http_requests_total", &labels).increment(1);
    metrics::histogram!("agentidp_http_request_duration_seconds", &labels).record(elapsed.as_secs_f64());
    span.in_scope(|| {
        let (status, milliseconds) = (status.as_u16(), (elapsed.as_secs_f64() * 1e6).round() / 1e3);
        if status >= 500 {
            tracing::warn!(status, milliseconds, "answered");
        } else {
            tracing::info!(status, milliseconds, "answered");
        }
    });
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HEADER, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(HEADER)?.to_str().ok()?;
    let harmless = (1..=MAX_LENGTH).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    harmless.then(|| id.to_owned())
}

/// Methods anyone may invent must not become metric labels or log fields.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_injection_attack_only_harmless_request_ids_are_taken() {
        let given = |value: &str| {
            let headers =
                HeaderMap::from_iter([(header::HeaderName::from_static(HEADER), value.parse().unwrap())]);
            given_id(&headers)
        };
        assert_eq!(given("abc-DEF_1.2").as_deref(), Some("abc-DEF_1.2"));
        for value in ["", "a b", "a\"b", "a{b}", "ü", &"x".repeat(129)] {
            assert_eq!(given(value), None, "{value}");
        }
    }

    #[test]
    fn invented_methods_share_one_label() {
        assert_eq!(known_method(&Method::PATCH), "PATCH");
        assert_eq!(known_method(&Method::from_bytes(b"X1").unwrap()), "other");
    }
}
