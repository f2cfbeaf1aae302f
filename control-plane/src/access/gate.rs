//! The gate in front of every route.

use agentidp_shared::policy::{Decision, Denial, PolicyInput};
use agentidp_shared::scopes::ScopeSet;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::act::Act;
use super::authenticate::{authenticate_bearer, insufficient_scope, unauthenticated};
use super::caller::refused;
use crate::app::App;
use crate::infra::http::error::ApiError;

/// Lets a request through only if the policy says so, with its [`Caller`](super::Caller) attached where a token is asked.
pub async fn authorize(
    State(app): State<App>,
    route: MatchedPath,
    mut request: Request,
    next: Next,
) -> Result<Response, Response> {
    // axum answers HEAD with the handler of GET.
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    let ask = |authenticated: bool, scopes: &ScopeSet| {
        app.policy.decide(&PolicyInput {
            method: method.as_str(),
            route: route.as_str(),
            authenticated,
            scopes,
        })
    };
    let anonymous = ask(false, &ScopeSet::empty());
    if anonymous == Decision::Allow {
        return Ok(next.run(request).await);
    }
    if let Decision::Deny(Denial::UnknownEndpoint) = anonymous {
        return Err(unknown_endpoint(&app, route.as_str()).into_response());
    }
    let caller = authenticate_bearer(&app, request.headers())
        .await
        .and_then(|caller| caller.ok_or_else(|| unauthenticated(&app)))
        .map_err(IntoResponse::into_response)?;
    match ask(true, &caller.scopes) {
        Decision::Allow => {
            let act = app.policy.operation_of(method.as_str(), route.as_str());
            let act = act.as_deref().and_then(Act::of_operation);
            let act = act.ok_or_else(|| unknown_endpoint(&app, route.as_str()).into_response())?;
            caller.right.may_begin(act).map_err(|refusal| refused(refusal).into_response())?;
            request.extensions_mut().insert(caller.acting());
            request.extensions_mut().insert(caller);
            Ok(next.run(request).await)
        }
        Decision::Deny(Denial::InsufficientScope { required, any }) => {
            Err(insufficient_scope(&app, &required, any).into_response())
        }
        Decision::Deny(_) => Err(unknown_endpoint(&app, route.as_str()).into_response()),
    }
}

/// A method the route does not have, or a route without a row in the policy: both are refused before any handler.
fn unknown_endpoint(app: &App, route: &str) -> ApiError {
    let methods = app.policy.methods_of(route);
    if methods.is_empty() {
        tracing::error!(route, "a route without a row in the policy was refused");
        return ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing here");
    }
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "this method is not allowed here")
        .header(header::ALLOW, methods.join(", "))
}
