//! `POST /api/v1/federation/verify`: is this token a partner's?

use agentidp_shared::claims::{MAX_URI_LENGTH, MalformedClaim};
use agentidp_shared::ids::PartnerId;
use agentidp_shared::issuer;
use agentidp_shared::jwk::{KeySet, VerificationKey};
use agentidp_shared::outside_token::{self, Accepted, Kind, Refusal};
use agentidp_shared::verify::MAX_TOKEN_LENGTH;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::model::Stored;
use super::store;
use crate::app::App;
use crate::infra::clock::unix_seconds;
use crate::infra::config::Secret;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::outside_issuers::{FRESH, MAX_AGE, MIN_INTERVAL};
use crate::policy::Caller;

/// A token to look at.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct VerifyPartnerTokenRequest {
    /// A JWT of a partner.
    #[schema(value_type = String, max_length = 8_192)]
    token: Secret<String>,
    /// What `aud` must be. If absent: the issuer identifier of the organization, or of this deployment.
    #[schema(max_length = 2_048)]
    audience: Option<String>,
}

impl FromFields for VerifyPartnerTokenRequest {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let token = input.required_string("token", 1..=MAX_TOKEN_LENGTH).map(Secret::new);
        let audience = input.optional_string("audience", 1..=MAX_URI_LENGTH);
        Some(Self { token: token?, audience })
    }
}

/// What a token is.
#[derive(Debug, Default, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerifiedPartnerToken {
    valid: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    partner_id: Option<PartnerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The partner's organization that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<String>,
    /// What it says of itself. None of these scopes is one of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Token(#[from] Refusal),
    #[error("no partner has this issuer")]
    Issuer,
    #[error("the partnership has expired")]
    Expired,
    #[error("the partner has no key with the token's `kid`")]
    Key,
    #[error("the token is meant for another audience")]
    Audience,
    #[error("the partner's organization is not one that is allowed")]
    Organization,
}

impl From<MalformedClaim> for Refused {
    fn from(claim: MalformedClaim) -> Self {
        Self::Token(claim.into())
    }
}

/// Verify a partner's token
///
/// Never an error for a token that is not good: the answer says so, and why.
#[utoipa::path(post, path = "/api/v1/federation/verify", operation_id = "verify_partner_token", tag = "Federation",
    security(("bearer" = ["agents:read"])),
    request_body = VerifyPartnerTokenRequest,
    responses(
        (status = 200, description = "Whether it is good, and what it says or why not", body = VerifiedPartnerToken),
        (status = 400, description = "Fields are missing or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody)))]
pub(super) async fn verify_partner_token(
    State(app): State<App>,
    caller: Caller,
    StrictJson(request): StrictJson<VerifyPartnerTokenRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let verified = match verify(&app, &caller, &request).await? {
        Ok(verified) => verified,
        Err(reason) => VerifiedPartnerToken { reason: Some(reason.to_string()), ..Default::default() },
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(verified)))
}

async fn verify(
    app: &App,
    caller: &Caller,
    request: &VerifyPartnerTokenRequest,
) -> Result<Result<VerifiedPartnerToken, Refused>, ApiError> {
    let unverified = match outside_token::parse(request.token.expose(), Kind::Partner) {
        Ok(unverified) => unverified,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let now = app.now();
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let partner = store::find_by_issuer(&mut tx, unverified.issuer()).await?;
    tx.commit().await?;
    let Some(partner) = partner else { return Ok(Err(Refused::Issuer)) };
    if partner.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Ok(Err(Refused::Expired));
    }
    let Some(key) = key(app, caller, &partner, unverified.kid(), now).await? else {
        return Ok(Err(Refused::Key));
    };
    let own = issuer::of_organization(&app.config.issuer, caller.organization_id);
    let is_for_us = match &request.audience {
        Some(audience) => unverified.audience() == audience,
        None => unverified.audience() == app.config.issuer || unverified.audience() == own,
    };
    let judged = unverified
        .check_signature(&key)
        .and_then(|authentic| authentic.judge(unix_seconds(app.now()), Kind::Partner));
    Ok(match judged {
        Err(refusal) => Err(refusal.into()),
        Ok(_) if !is_for_us => Err(Refused::Audience),
        Ok(accepted) => shown(&partner, accepted),
    })
}

/// What is told of a good token, if it is of an organization that is allowed.
fn shown(partner: &Stored, accepted: Accepted) -> Result<VerifiedPartnerToken, Refused> {
    let claims = accepted.claims;
    let text = |claims: &Map<String, Value>, name: &'static str| {
        let found = claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        found.map(str::to_owned).ok_or(MalformedClaim(name))
    };
    let organization = text(&claims, "organization_id")?;
    if !partner.allowed_organizations.contains(&organization) {
        return Err(Refused::Organization);
    }
    let scope = claims.contains_key("scope").then(|| text(&claims, "scope")).transpose()?;
    Ok(VerifiedPartnerToken {
        valid: true,
        reason: None,
        partner_id: Some(partner.id),
        issuer: Some(partner.issuer.clone()),
        subject: Some(text(&claims, "sub")?),
        organization_id: Some(organization),
        scope,
        expires_at: claims.get("exp").and_then(Value::as_u64),
    })
}

/// The partner's key of this `kid`, after asking for its keys anew if there is reason to and it was not done just now.
async fn key(
    app: &App,
    caller: &Caller,
    partner: &Stored,
    kid: &str,
    now: OffsetDateTime,
) -> Result<Option<VerificationKey>, ApiError> {
    let age = now - partner.keys_fetched_at;
    let known = KeySet::from_jwks(&partner.keys).unwrap_or_default();
    // What a partner has taken back meanwhile is not accepted for ever, however long it is away.
    let key = known.find(kid).filter(|_| age <= MAX_AGE).cloned();
    if key.is_some() && age <= FRESH {
        return Ok(key);
    }
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let may_ask = store::may_ask_for_keys(&mut tx, partner.id, MIN_INTERVAL, now).await?;
    tx.commit().await?;
    if !may_ask {
        return Ok(key);
    }
    match app.outside_issuers.key_set(&partner.jwks_uri).await {
        Ok(fetched) => {
            let mut tx = app.db.tenant(caller.organization_id).await?;
            store::keep_keys(&mut tx, partner.id, &partner.jwks_uri, &fetched.to_jwks(), now).await?;
            tx.commit().await?;
            Ok(fetched.find(kid).cloned())
        }
        Err(error) => {
            tracing::warn!(issuer = partner.issuer, %error, "the keys of a partner could not be had");
            Ok(key)
        }
    }
}
