//! `POST /oauth2/introspect` (RFC 7662) at the origin. The edge answers the same question from what it knows; this one asks
//! the database.

use agentidp_shared::claims::Claims;
use agentidp_shared::exceptions::Exceptions;
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::verify::{self, Authentic, Expectation, Refusal, Unverified};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde_json::json;
use utoipa::ToSchema;

use super::client_auth;
use super::form::Form;
use super::oauth_error::{OAuthError, OAuthErrorBody};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::delegation::stands;
use crate::infra::clock::unix_seconds;
use crate::infra::http::client_info::ClientInfo;

const REQUIRED_SCOPE: &str = "tokens:read";

/// An introspection request.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents the form; the parameters are read one by one")]
pub(super) struct IntrospectionRequest {
    token: String,
    /// `access_token`; other hints are ignored.
    token_type_hint: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
}

/// What is known of a token (RFC 7662 §2.2). Of one that is not active, or another organization's: only that.
#[derive(Debug, Default, serde::Serialize, ToSchema)]
pub(super) struct IntrospectionResponse {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    claims: Option<Claims>,
}

/// Ask about a token
#[utoipa::path(post, path = "/oauth2/introspect", operation_id = "introspect_token", tag = "Tokens",
    security(("bearer" = ["tokens:read"]), ("client_basic" = []), ()),
    request_body(content = IntrospectionRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Whether the token is active, and its claims", body = IntrospectionResponse),
        (status = 400, description = "The request is malformed", body = OAuthErrorBody),
        (status = 401, description = "The caller could not be authenticated", body = OAuthErrorBody),
        (status = 403, description = "The caller lacks the scope tokens:read", body = OAuthErrorBody)))]
pub(super) async fn introspect_token(
    State(app): State<App>,
    client_info: ClientInfo,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, OAuthError> {
    let form = Form::read(&headers, &body)?;
    let requester = client_auth::requester(&app, &headers, &form, &client_info).await?;
    if !requester.scopes.contains(REQUIRED_SCOPE) {
        return Err(OAuthError::InsufficientScope(REQUIRED_SCOPE));
    }
    let unverified_token = form.required("token")?;
    let claims = match authentic_claims(&app, unverified_token) {
        Ok(claims) if claims.organization_id == requester.organization_id => {
            counts(&app, claims, &requester.client_info).await?
        }
        _ => None,
    };
    let response = match claims {
        Some(claims) => {
            IntrospectionResponse { active: true, token_type: Some("Bearer"), claims: Some(claims) }
        }
        None => IntrospectionResponse::default(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(response)))
}

/// Ask about a token (alias)
#[utoipa::path(post, path = "/api/v1/token/introspect", operation_id = "introspect_token_alias", tag = "Tokens",
    security(("bearer" = ["tokens:read"]), ("client_basic" = []), ()),
    request_body(content = IntrospectionRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Whether the token is active, and its claims", body = IntrospectionResponse),
        (status = 400, description = "The request is malformed", body = OAuthErrorBody),
        (status = 401, description = "The caller could not be authenticated", body = OAuthErrorBody),
        (status = 403, description = "The caller lacks the scope tokens:read", body = OAuthErrorBody)))]
pub(super) async fn introspect_token_alias(
    state: State<App>,
    client_info: ClientInfo,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, OAuthError> {
    introspect_token(state, client_info, headers, body).await
}

/// A token that one of our keys signed, good or not.
pub fn signed_by_us(app: &App, unverified_token: &str) -> Result<Authentic, Refusal> {
    verify::parse(unverified_token, &app.signers.current().verification).and_then(Unverified::check_signature)
}

/// Its claims, if its issuer and times are good, whatever its audience.
pub fn timely_claims(app: &App, authentic: &Authentic) -> Result<Claims, Refusal> {
    let audience = authentic.unjudged_claims().aud.first().cloned().unwrap_or_default();
    let none = Exceptions::new(SeededHasher::new([0; 16]));
    let expected =
        Expectation { issuer: &app.config.issuer, audience: &audience, scopes: &ScopeSet::empty() };
    let keys = app.signers.current();
    authentic.judge(&keys.verification, &none, unix_seconds(app.now()), &expected).cloned()
}

/// The claims of a token of ours whose signature, issuer and times are good, whatever its audience.
pub(super) fn authentic_claims(app: &App, unverified_token: &str) -> Result<Claims, Refusal> {
    timely_claims(app, &signed_by_us(app, unverified_token)?)
}

/// The claims, if the token still counts by the database; that it was asked about is recorded.
async fn counts(app: &App, claims: Claims, client_info: &ClientInfo) -> Result<Option<Claims>, OAuthError> {
    let mut tx = app.db.system().await?;
    if !stands(&mut tx, &claims).await? {
        return Ok(None);
    }
    let event = NewEvent::new(claims.organization_id, Action::TokenIntrospected)
        .agent(claims.sub)
        .client(client_info)
        .metadata(json!({ "jti": claims.jti }));
    audit::record(&mut tx, app, event).await?;
    tx.commit().await?;
    Ok(Some(claims))
}
