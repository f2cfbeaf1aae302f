//! `POST /api/v1/federation/verify`: is this token a partner's?

use agentidp_shared::claims::MAX_URI_LENGTH;
use agentidp_shared::outside_token::{self, Kind};
use agentidp_shared::partner::{Accepted, Refused, Verification};
use agentidp_shared::verify::MAX_TOKEN_LENGTH;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::ToSchema;

use super::keys::partner_with_key;
use crate::access::Caller;
use crate::app::App;
use crate::infra::clock::unix_seconds;
use crate::infra::config::Secret;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;

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
// As `Verification` puts it in JSON.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the answer")]
struct VerifiedPartnerToken {
    valid: bool,
    /// Why it is not.
    reason: Option<String>,
    partner_id: Option<uuid::Uuid>,
    issuer: Option<String>,
    subject: Option<String>,
    /// The partner's organization that it is of.
    organization_id: Option<String>,
    /// What it says of itself. None of these scopes is one of ours.
    scope: Option<String>,
    /// Unix seconds.
    expires_at: Option<u64>,
}

/// Verify a partner's token
///
/// Never an error for a token that is not good: the answer says so, and why.
#[utoipa::path(post, path = "/api/v1/federation/verify", operation_id = "verify_partner_token", tag = "Federation",
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
    let verification = Verification::from(verify(&app, &caller, &request).await?);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(verification)))
}

async fn verify(
    app: &App,
    caller: &Caller,
    request: &VerifyPartnerTokenRequest,
) -> Result<Result<Accepted, Refused>, ApiError> {
    let unverified = match outside_token::parse(request.token.expose(), Kind::Partner) {
        Ok(unverified) => unverified,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let organization = caller.organization_id;
    let found = partner_with_key(app, organization, unverified.issuer(), unverified.kid()).await?;
    let Some(partner) = found else { return Ok(Err(Refused::Issuer)) };
    let now = unix_seconds(app.now());
    let key = match partner.key(&unverified, now) {
        Ok(key) => key,
        Err(refused) => return Ok(Err(refused)),
    };
    let authentic = match unverified.check_signature(key) {
        Ok(authentic) => authentic,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    Ok(partner.accept(authentic, now, request.audience.as_deref(), &app.config.issuer, organization))
}
