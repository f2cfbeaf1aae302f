//! `POST /oauth2/revoke` (RFC 7009).

use agentidp_shared::claims::Claims;
use agentidp_shared::feed::Change;
use agentidp_shared::issuer;
use agentidp_shared::verify;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::json;
use utoipa::ToSchema;

use super::client_auth::{self, Requester};
use super::form::Form;
use super::introspect::signed_by_us;
use super::oauth_error::{OAuthError, OAuthErrorBody};
use super::store;
use crate::access::{Act, Permit};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::edge_feed::{self, Charge};
use crate::infra::clock::{from_unix_seconds, unix_seconds};
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::ApiError;
use crate::{agents, tenancy};

/// A revocation request.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents the form; the parameters are read one by one")]
pub(super) struct RevocationRequest {
    token: String,
    /// `access_token`; other hints are ignored.
    token_type_hint: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
}

/// Revoke a token
///
/// Answers 200 also for a token that is unknown, expired or already revoked. Beyond the organization's limit of single revocations
/// all tokens that the token's client obtained so far are revoked with it.
#[utoipa::path(post, path = "/oauth2/revoke", operation_id = "revoke_token", tag = "Tokens",
    security(("bearer" = []), ("client_basic" = []), ()),
    request_body(content = RevocationRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is not good any more"),
        (status = 400, description = "The request is malformed, or the token belongs to another agent", body = OAuthErrorBody),
        (status = 401, description = "The caller could not be authenticated", body = OAuthErrorBody),
        (status = 429, description = "Too many failed logins", body = OAuthErrorBody)))]
pub(super) async fn revoke_token(
    State(app): State<App>,
    client_info: ClientInfo,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, OAuthError> {
    let form = Form::read(&headers, &body)?;
    let requester = client_auth::requester(&app, &headers, &form, &client_info).await?;
    let unverified_token = form.required("token")?;
    if let Some(claims) = revocable_claims(&app, unverified_token) {
        revoke(&app, &requester, &claims).await?;
    }
    Ok((StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]))
}

/// Revoke a token (alias)
#[utoipa::path(post, path = "/api/v1/token/revoke", operation_id = "revoke_token_alias", tag = "Tokens",
    security(("bearer" = []), ("client_basic" = []), ()),
    request_body(content = RevocationRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is not good any more"),
        (status = 400, description = "The request is malformed, or the token belongs to another agent", body = OAuthErrorBody),
        (status = 401, description = "The caller could not be authenticated", body = OAuthErrorBody),
        (status = 429, description = "Too many failed logins", body = OAuthErrorBody)))]
pub(super) async fn revoke_token_alias(
    state: State<App>,
    client_info: ClientInfo,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, OAuthError> {
    revoke_token(state, client_info, headers, body).await
}

/// The claims of a token that one of our keys signed and that has not expired; nothing else needs revoking.
fn revocable_claims(app: &App, unverified_token: &str) -> Option<Claims> {
    let authentic = signed_by_us(app, unverified_token).ok()?;
    let claims = authentic.unjudged_claims();
    let alive = claims.exp.saturating_add(verify::LEEWAY_SECONDS) > unix_seconds(app.now());
    let is_ours = issuer::may_issue(&app.config.issuer, &claims.iss, claims.organization_id);
    (is_ours && alive).then(|| claims.clone())
}

async fn revoke(app: &App, requester: &Requester, claims: &Claims) -> Result<(), OAuthError> {
    if claims.organization_id != requester.organization_id {
        // As if the token did not exist: what another organization has issued is not for this one to know.
        return Ok(());
    }
    let own = claims.sub == requester.agent_id || claims.client_id == requester.agent_id;
    let mut tx = app.db.tenant(requester.organization_id).await?;
    if !own {
        let refused = OAuthError::UnauthorizedClient("the token was issued to another agent".into());
        let permit = requester.right.permit(&mut tx, Act::RevokeToken, claims.sub, None).await;
        permit.map_err(|error| error.refused_as(refused))?;
    }
    let expires_at = from_unix_seconds(claims.exp);
    let newly =
        store::revoke(&mut tx, requester.organization_id, claims.sub, claims.jti, expires_at, app.now())
            .await?;
    if newly {
        let (jti, actor) = (claims.jti, requester.agent_id);
        let metadata = match tell_edges(&mut tx, app, claims).await? {
            Told::OfThisToken => json!({ "jti": jti, "actorId": actor }),
            Told::OfAllTokens => json!({ "jti": jti, "actorId": actor, "allTokens": true }),
        };
        let event = NewEvent::new(requester.organization_id, Action::TokenRevoked)
            .agent(claims.sub)
            .client(&requester.client_info)
            .metadata(metadata);
        audit::record(&mut tx, app, event).await?;
    }
    Ok(tx.commit().await?)
}

/// What the edges were told when a token was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    OfThisToken,
    OfAllTokens,
}

/// Tells the edges of the token; if too many are revoked one by one, of all that its client obtained so far. Every edge holds each
/// single revocation until the token expires, and of an agent only the newest word.
async fn tell_edges(tx: &mut TenantTx, app: &App, claims: &Claims) -> Result<Told, ApiError> {
    let limits = app.tiers.of(tenancy::tier(tx, claims.organization_id).await?);
    if store::has_too_many_revoked(tx, claims.organization_id, claims.sub, limits, app.now()).await? {
        // A client that revokes without end pays with its own tokens, not with those of whom it acts for, unless it is another
        // organization's.
        let is_here = agents::lock(tx, claims.client_id).await?.is_some();
        let agent = if is_here { claims.client_id } else { claims.sub };
        agents::revoke_tokens_until(tx, app, Permit::of_instance(agent), claims.iat).await?;
        return Ok(Told::OfAllTokens);
    }
    let change = Change::TokenRevoked { jti: claims.jti, expires_at: claims.exp };
    edge_feed::append_charged(tx, app, &change, Charge::Always).await?;
    Ok(Told::OfThisToken)
}
