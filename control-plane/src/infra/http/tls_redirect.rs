//! Behind a proxy that terminates TLS: requests it received over plain HTTP are sent to https.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use crate::app::App;

/// Does so when configured, and only on the word of a trusted proxy.
pub(super) async fn redirect_to_tls(State(app): State<App>, request: Request, next: Next) -> Response {
    if !(app.config.tls_redirect && came_unencrypted(&app, &request)) {
        return next.run(request).await;
    }
    answer(&request, &app.config.issuer)
}

fn came_unencrypted(app: &App, request: &Request) -> bool {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let trusted =
        peer.is_some_and(|peer| app.config.trusted_proxies.iter().any(|network| network.contains(peer)));
    let scheme = request.headers().get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    trusted && scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
}

fn answer(request: &Request, issuer: &str) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        // What was in this request has already travelled in the clear; a redirect would make that go unnoticed.
        return ApiError::forbidden("TLS_REQUIRED", "use https: this request was sent unencrypted")
            .into_response();
    }
    // To our own name, never to the Host header's.
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let origin = issuer.replacen("http://", "https://", 1);
    match HeaderValue::from_str(&format!("{origin}{path}")) {
        Ok(location) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response(),
        Err(_) => ApiError::bad_request("INVALID_PATH", "the path cannot be redirected").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn host_header_attack_the_redirect_goes_to_our_own_name() {
        let request = Request::get("/a?b=c").header("host", "evil.example").body(Body::empty()).unwrap();
        let response = answer(&request, "https://id.example");
        assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(response.headers()[header::LOCATION], "https://id.example/a?b=c");
    }

    #[test]
    fn what_was_sent_in_the_clear_is_refused_rather_than_redirected() {
        let request = Request::post("/oauth2/token").body(Body::empty()).unwrap();
        assert_eq!(answer(&request, "https://id.example").status(), StatusCode::FORBIDDEN);
    }
}
