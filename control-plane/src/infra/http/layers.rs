//! What every request passes, from the outside in: a request id, a log line and metrics, the redirect to TLS, limits on
//! concurrency, time and size. Whatever goes wrong here has the documented shape too.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::digest::{Context, SHA256};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use super::error::ApiError;
use super::json::payload_too_large;
use crate::app::App;

/// Largest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Of a body that is too large, this much is read and thrown away, so that the caller gets to read the answer.
const MAX_DRAINED_BYTES: usize = 16 * 1024 * 1024;
const REQUEST_ID: &str = "x-request-id";
const MAX_REQUEST_ID: usize = 128;

/// The id of a request: the caller's, if it has a harmless form, or a new one.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// SHA-256 over method, path and body.
#[derive(Debug, Clone, Copy)]
pub struct BodyDigest(pub [u8; 32]);

/// Puts the router behind everything above, with answers for what it does not know.
pub fn wrap(router: Router<App>, app: &App) -> Router<App> {
    let permits = Arc::new(Semaphore::new(app.config.max_concurrency));
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(read_body))
        .layer(from_fn_with_state(app.clone(), limit_time))
        .layer(from_fn_with_state(permits, limit_concurrency))
        .layer(from_fn_with_state(app.clone(), redirect_to_tls))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), observe))
}

/// Whether a path answers with the errors of RFC 6749 rather than the management API's.
fn speaks_oauth(path: &str) -> bool {
    path.starts_with("/oauth2/") || path == "/api/v1/token" || path.starts_with("/api/v1/token/")
}

fn shaped(path: &str, error: ApiError) -> Response {
    if speaks_oauth(path) { error.into_oauth_response() } else { error.into_response() }
}

async fn not_found(request: Request) -> Response {
    shaped(request.uri().path(), ApiError::not_found("NOT_FOUND", "there is nothing at this path"))
}

async fn method_not_allowed(request: Request) -> Response {
    let error =
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "this method is not allowed at this path");
    shaped(request.uri().path(), error)
}

fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    ApiError::internal(anyhow::anyhow!("panic: {message}")).into_response()
}

/// Request id, log line, metrics. Paths are logged as templates and queries not at all: either may hold what is not ours
/// to keep.
async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = request_id(&app, &request);
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request_id = id, %method, route);
    #[expect(clippy::disallowed_methods, reason = "a monotonic stopwatch, not a time of day")]
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let elapsed = started.elapsed();

    let method = known_method(&method);
    let status = response.status();
    let labels = [("method", method.to_owned()), ("route", route), ("status_code", status.as_u16().to_string())];
    metrics::counter!("agentidp_http_requests_total", &labels).increment(1);
    metrics::histogram!("agentidp_http_request_duration_seconds", &labels).record(elapsed.as_secs_f64());
    span.in_scope(|| {
        let milliseconds = elapsed.as_millis();
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), milliseconds, "answered");
        } else {
            tracing::debug!(status = status.as_u16(), milliseconds, "answered");
        }
    });
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn request_id(app: &App, request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    });
    given.map_or_else(|| app.new_id().to_string(), str::to_owned)
}

/// Methods anyone may invent must not become metric labels.
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

/// Sends requests that reached a trusted proxy over plain HTTP to https, when so configured.
async fn redirect_to_tls(State(app): State<App>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let trusted = peer.is_some_and(|peer| app.config.trusted_proxies.iter().any(|network| network.contains(peer)));
    let forwarded = request.headers().get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    if !(app.config.tls_redirect && trusted && forwarded.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))) {
        return next.run(request).await;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        // What was in this request has already travelled in the clear; a redirect would make that go unnoticed.
        return shaped(
            request.uri().path(),
            ApiError::forbidden("TLS_REQUIRED", "use https: this request was sent unencrypted"),
        );
    }
    // To our own name, never to the Host header's.
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let origin = app.config.issuer.replacen("http://", "https://", 1);
    let Ok(location) = HeaderValue::from_str(&format!("{origin}{path}")) else {
        return ApiError::bad_request("INVALID_PATH", "the path cannot be redirected").into_response();
    };
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response()
}

async fn limit_concurrency(State(permits): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(_permit) = permits.try_acquire() else {
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED", "too many requests at once; try again shortly")
            .header(header::RETRY_AFTER, "1".into());
        return shaped(request.uri().path(), error);
    };
    next.run(request).await
}

async fn limit_time(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match tokio::time::timeout(app.config.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => shaped(
            &path,
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "the request took too long; it may be tried again"),
        ),
    }
}

/// Reads the whole body, up to the limit, before anything looks at it.
async fn read_body(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = match collect(body).await {
        Ok(Some(body)) => body,
        Ok(None) => return shaped(parts.uri.path(), payload_too_large()),
        Err(_) => {
            let error = ApiError::bad_request("INVALID_BODY", "the body could not be read to its end");
            return shaped(parts.uri.path(), error);
        }
    };
    let mut digest = Context::new(&SHA256);
    for part in [parts.method.as_str(), " ", parts.uri.path(), "\n"] {
        digest.update(part.as_bytes());
    }
    digest.update(&body);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.finish().as_ref());
    parts.extensions.insert(BodyDigest(hash));
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// The body, or `None` if it is too large.
async fn collect(mut body: Body) -> Result<Option<Bytes>, axum::Error> {
    let mut kept = Vec::new();
    let mut total = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        total = total.saturating_add(data.len());
        if total > MAX_DRAINED_BYTES {
            return Ok(None);
        }
        if total > MAX_BODY_BYTES {
            kept = Vec::new();
        } else {
            kept.extend_from_slice(&data);
        }
    }
    Ok((total <= MAX_BODY_BYTES).then(|| kept.into()))
}
