//! What every request passes, from the outside in: a request id, a log line and metrics; the redirect to TLS; limits on
//! headers, concurrency, time and size. Whatever goes wrong here has the documented shape too.

use std::any::Any;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use super::error::{ApiError, as_oauth};
use super::{limits, request_id, tls_redirect};
use crate::app::App;

/// Puts the router behind everything above, with answers for what it does not know.
pub fn wrap(router: Router<App>, app: &App) -> Router<App> {
    let times =
        limits::TimeLimits { usual: app.config.request_timeout, slow: app.config.audit_verify_timeout };
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), limits::read_body_and_detach))
        .layer(from_fn_with_state(times, limits::limit_time))
        .layer(from_fn_with_state(
            limits::Concurrency::new(app.config.max_concurrency),
            limits::limit_concurrency,
        ))
        .layer(from_fn(limits::limit_head))
        .layer(from_fn_with_state(app.clone(), tls_redirect::redirect_to_tls))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(shape_errors))
        .layer(from_fn_with_state(app.clone(), request_id::observe))
}

async fn not_found() -> ApiError {
    ApiError::not_found("NOT_FOUND", "there is nothing at this path")
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "this method is not allowed at this path",
    )
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over like this")]
fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    ApiError::internal(anyhow::anyhow!("panic: {message}")).into_response()
}

/// Whether a path answers with the errors of RFC 6749 rather than the management API's. Delegations are made and taken back in the
/// manner of the management API, wherever their paths are.
fn speaks_oauth(path: &str) -> bool {
    (path.starts_with("/oauth2/") && !path.starts_with("/oauth2/token/"))
        || path == "/api/v1/token"
        || path.starts_with("/api/v1/token/")
}

/// Gives every error below, whichever layer it comes from, the shape its path promises.
async fn shape_errors(request: Request, next: Next) -> Response {
    let oauth = speaks_oauth(request.uri().path());
    let response = next.run(request).await;
    if oauth { as_oauth(response) } else { response }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::{HeaderMap, header};
    use axum::routing::post;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(method: &str, path: &str) -> (StatusCode, HeaderMap, Value) {
        async fn panics() -> StatusCode {
            panic!("at the disco")
        }
        let router = Router::new()
            .route("/oauth2/token", post(panics))
            .route("/other", post(panics))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn(shape_errors));
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 10_000).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn errors_have_the_shape_their_path_promises() {
        let (status, headers, body) = ask("GET", "/oauth2/token").await;
        assert_eq!((status, &body["error"]), (StatusCode::METHOD_NOT_ALLOWED, &"invalid_request".into()));
        assert_eq!(headers[header::ALLOW], "POST");
        assert!(body.get("code").is_none());
        let (status, headers, body) = ask("GET", "/other").await;
        assert_eq!((status, &body["code"]), (StatusCode::METHOD_NOT_ALLOWED, &"METHOD_NOT_ALLOWED".into()));
        assert_eq!(headers[header::ALLOW], "POST");
        let (status, _, body) = ask("GET", "/oauth2/nothing").await;
        assert_eq!((status, &body["error"]), (StatusCode::NOT_FOUND, &"invalid_request".into()));
        let (status, _, body) = ask("GET", "/nothing").await;
        assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &"NOT_FOUND".into()));
    }

    #[tokio::test]
    async fn a_panic_is_a_500_that_tells_nothing() {
        let (status, _, body) = ask("POST", "/other").await;
        assert_eq!((status, &body["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &"INTERNAL_ERROR".into()));
        assert!(!body.to_string().contains("disco"));
        let (status, _, body) = ask("POST", "/oauth2/token").await;
        assert_eq!((status, &body["error"]), (StatusCode::INTERNAL_SERVER_ERROR, &"server_error".into()));
    }

    #[test]
    fn only_the_protocol_endpoints_speak_oauth() {
        for path in ["/oauth2/token", "/oauth2/x", "/api/v1/token", "/api/v1/token/revoke"] {
            assert!(speaks_oauth(path), "{path}");
        }
        for path in ["/", "/oauth2", "/api/v1/tokens", "/api/v1/agents", "/verify"] {
            assert!(!speaks_oauth(path), "{path}");
        }
    }
}
