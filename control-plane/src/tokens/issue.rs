//! `POST /oauth2/token`: an access token (RFC 9068) by client credentials (RFC 6749 §4.4) or for another token (RFC 8693).

use agentidp_shared::claims::Claims;
use agentidp_shared::ids::{AgentId, TokenId};
use agentidp_shared::scopes::ScopeSet;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::allowed::Asked;
use super::form::Form;
use super::issued::Issued;
use super::oauth_error::{OAuthError, OAuthErrorBody};
use super::store::Client;
use super::{allowed, client_auth, exchange, from_outside, store};
use crate::access::Act;
use crate::app::App;
use crate::infra::clock::unix_seconds;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::ApiError;
use crate::keys::Choice;
use crate::{oidc, status_lists};

/// A token request.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents the form; the parameters are read one by one")]
pub(super) struct TokenRequest {
    /// `client_credentials` or `urn:ietf:params:oauth:grant-type:token-exchange`
    grant_type: String,
    /// The agent's id, if the client does not authenticate by `Basic`.
    client_id: Option<String>,
    /// The agent's secret, if the client does not authenticate by `Basic`.
    client_secret: Option<String>,
    /// For `private_key_jwt`: `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
    /// The JWT that the agent signed (RFC 7523); `client_id` may be left out.
    client_assertion: Option<String>,
    /// Scopes separated by spaces; all granted ones if absent.
    scope: Option<String>,
    /// The API the token is for (RFC 8707): an absolute URI, which becomes `aud`. AgentIdP itself if absent.
    resource: Option<String>,
    /// Copied into the ID token.
    #[schema(max_length = 512)]
    nonce: Option<String>,
    /// For an administrator: another agent of the organization to get a token for. For a workload's token: the agent; a token that can
    /// register agents if absent.
    agent_id: Option<String>,
    /// To be exchanged (RFC 8693): a token that the client holds, also one that was delegated to it; or, without client authentication,
    /// one of a workload outside that an organization trusts.
    subject_token: Option<String>,
    /// `urn:ietf:params:oauth:token-type:access_token`, or `…:jwt`; of a workload's `…:jwt` or `…:id_token`.
    subject_token_type: Option<String>,
    /// A token of the client's own; the new one does not outlive it.
    actor_token: Option<String>,
    actor_token_type: Option<String>,
    /// `urn:ietf:params:oauth:token-type:access_token`
    requested_token_type: Option<String>,
    /// As `resource`.
    audience: Option<String>,
}

/// An access token (RFC 6749 §5.1).
#[derive(Debug, serde::Serialize, ToSchema)]
pub struct TokenResponse {
    access_token: String,
    /// Of a token exchange (RFC 8693 §2.2.1): `urn:ietf:params:oauth:token-type:access_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    #[schema(examples("Bearer"))]
    token_type: &'static str,
    /// Seconds.
    expires_in: u32,
    /// The scopes given, separated by spaces.
    scope: String,
    /// Who the agent is, for the client (OpenID Connect Core 1.0 §2); if `openid` is among the scopes.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

impl TokenResponse {
    /// The answer to a token exchange.
    pub(super) fn with_type(self, issued: &'static str) -> Self {
        Self { issued_token_type: Some(issued), ..self }
    }
}

/// Get an access token
#[utoipa::path(post, path = "/oauth2/token", operation_id = "issue_token", tag = "Tokens",
    security(("client_basic" = []), ()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token", body = TokenResponse),
        (status = 400, description = "The request, scope, resource or client is not acceptable", body = OAuthErrorBody),
        (status = 401, description = "The client could not be authenticated", body = OAuthErrorBody),
        (status = 429, description = "Too many failed logins", body = OAuthErrorBody)))]
pub(super) async fn issue_token(
    State(app): State<App>,
    client_info: ClientInfo,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, OAuthError> {
    let form = Form::read(&headers, &body)?;
    let grant = match form.required("grant_type")? {
        "client_credentials" => Grant::ClientCredentials,
        exchange::GRANT_TYPE => Grant::TokenExchange,
        _ => return Err(OAuthError::UnsupportedGrantType),
    };
    let headers_of_answer = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    let unverified = match client_auth::presented(&headers, &form)? {
        Some(unverified) => unverified,
        None if matches!(grant, Grant::TokenExchange) && from_outside::is_meant(&form) => {
            let response = from_outside::exchange(&app, &client_info, &form).await?;
            return Ok((headers_of_answer, Json(response)));
        }
        None => return Err(OAuthError::InvalidClient),
    };
    // Before the secret or assertion is looked at: a token must never be younger than the check that allowed it.
    let now = app.now();
    let client = client_auth::authenticate(&app, &unverified, &client_info).await?;
    let response = match grant {
        Grant::ClientCredentials => by_credentials(&app, &client, &client_info, &form, now).await?,
        Grant::TokenExchange => {
            let (token, claims) =
                exchange::exchange(&app, &client, &client_info, &form, unix_seconds(now)).await?;
            answer(token, &claims, None).with_type(exchange::ACCESS_TOKEN)
        }
    };
    Ok((headers_of_answer, Json(response)))
}

enum Grant {
    ClientCredentials,
    TokenExchange,
}

/// The answer, counted: for a token whose event is written.
pub(super) fn answer(access_token: String, claims: &Claims, id_token: Option<String>) -> TokenResponse {
    for scope in claims.scopes.iter() {
        metrics::counter!("agentidp_tokens_issued_total", "scope" => scope.to_string()).increment(1);
    }
    TokenResponse {
        access_token,
        issued_token_type: None,
        token_type: "Bearer",
        expires_in: u32::try_from(claims.exp.saturating_sub(claims.iat)).unwrap_or(u32::MAX),
        scope: claims.scopes.to_string(),
        id_token,
    }
}

async fn by_credentials(
    app: &App,
    client: &Client,
    client_info: &ClientInfo,
    form: &Form,
    now: OffsetDateTime,
) -> Result<TokenResponse, OAuthError> {
    let target = target(app, client, form.get("agent_id")).await?;
    let mut asked =
        Asked::read(app, form.get("scope"), form.get("resource"), &held_by_both(client, &target))?;
    if !asked.is_plain(app) {
        let mut tx = app.db.tenant(target.organization_id).await?;
        let lacking = asked.lacking(&mut tx, app, target.organization_id).await?;
        tx.commit().await?;
        asked = asked.without(&lacking)?;
    }

    let claims = fresh_claims(app, client, &target, asked, now);
    let access_token = sign(app, target.signing, &claims)?;
    let id_token = oidc::id_token(app, target.signing, &claims, &access_token, form.get("nonce")).await?;
    record(app, client, &claims, client_info).await?;
    Ok(answer(access_token, &claims, id_token))
}

/// Of a token that `client` holds, for `target`: itself, or an agent it administers. `now` is when the check began that allowed it.
pub(super) fn fresh_claims(
    app: &App,
    client: &Client,
    target: &Client,
    asked: Asked,
    now: OffsetDateTime,
) -> Claims {
    let not_before = target.not_before.max(client.not_before);
    let iat = not_before.map_or(unix_seconds(now), |limit| unix_seconds(now).max(limit + 1));
    Claims {
        iss: target.issuer_kind.identifier(&app.config.issuer, target.organization_id),
        sub: target.agent_id,
        aud: vec![asked.audience],
        client_id: client.agent_id,
        organization_id: target.organization_id,
        scopes: asked.scopes,
        jti: TokenId::new(app.new_id()),
        iat,
        nbf: unix_seconds(now),
        exp: iat + u64::from(app.config.token_ttl_seconds),
        auth_time: Some(unix_seconds(now)),
        status: Some(status_lists::reserve(app)),
        delegation: None,
    }
}

/// Get an access token (alias)
#[utoipa::path(post, path = "/api/v1/token", operation_id = "issue_token_alias", tag = "Tokens",
    security(("client_basic" = []), ()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token", body = TokenResponse),
        (status = 400, description = "The request, scope, resource or client is not acceptable", body = OAuthErrorBody),
        (status = 401, description = "The client could not be authenticated", body = OAuthErrorBody),
        (status = 429, description = "Too many failed logins", body = OAuthErrorBody)))]
pub(super) async fn issue_token_alias(
    state: State<App>,
    client_info: ClientInfo,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, OAuthError> {
    issue_token(state, client_info, headers, body).await
}

/// Whom the token is for: the client itself, or an agent it administers.
async fn target(app: &App, client: &Client, unverified_agent_id: Option<&str>) -> Result<Client, OAuthError> {
    let Some(unverified_agent_id) = unverified_agent_id else { return Ok(client.clone()) };
    let refused =
        || OAuthError::UnauthorizedClient("the client does not manage an agent with this agent_id".into());
    let agent_id: AgentId = unverified_agent_id
        .parse()
        .map_err(|_| OAuthError::InvalidRequest("agent_id is not an agent's id".into()))?;
    if agent_id == client.agent_id {
        return Ok(client.clone());
    }
    let mut tx = app.db.tenant(client.organization_id).await?;
    let permit = client.right().permit(&mut tx, Act::BorrowToken, agent_id, None).await;
    permit.map_err(|error| error.refused_as(refused()))?;
    let target = store::client(&mut tx, agent_id).await?.ok_or_else(refused)?;
    match target.refusal() {
        Some(reason) => Err(OAuthError::UnauthorizedClient(format!("the {reason}").into())),
        None => Ok(target),
    }
}

/// What a token that `client` gets for `target` may hold: for another agent no more than both were given, and nothing of the
/// platform, which is for an agent's own tokens alone.
fn held_by_both(client: &Client, target: &Client) -> ScopeSet {
    if client.agent_id == target.agent_id {
        return target.scopes.clone();
    }
    let both = client.scopes.intersection(&target.scopes);
    both.iter().filter(|scope| !scope.is_for_platform()).cloned().collect()
}

pub fn sign(app: &App, choice: Choice, claims: &Claims) -> Result<String, ApiError> {
    let keys = app.signers.current();
    let signer = keys
        .signer_for(choice)
        .ok_or_else(|| ApiError::internal(anyhow::anyhow!("no active signing key")))?;
    signer.sign_jwt("at+jwt", claims).map_err(ApiError::internal)
}

/// Writes the audit event and the count, durable before the token is answered. Refuses a token that one of its organizations may not
/// have (any more): nothing is written of it.
pub(super) async fn record(
    app: &App,
    client: &Client,
    claims: &Claims,
    client_info: &ClientInfo,
) -> Result<(), OAuthError> {
    let issued = Issued::of(claims, client, client_info);
    let rounds =
        if allowed::is_plain(app, claims) { &app.tokens.issued } else { &app.tokens.issued_for_apis };
    allowed::refuse(&rounds.ask(|| app.clone(), issued).await??)
}
