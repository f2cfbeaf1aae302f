//! `POST /oauth2/token/verify-delegation` at the origin. The edge answers the same from what it knows.

use agentidp_shared::delegation::Verification;
use agentidp_shared::verify::MAX_TOKEN_LENGTH;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::ToSchema;

use super::store;
use crate::access::Caller;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::tokens;

/// A token to be verified.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct VerifyDelegationRequest {
    delegation_token: String,
}

impl FromFields for VerifyDelegationRequest {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let delegation_token = input.required_string("delegationToken", 1..=MAX_TOKEN_LENGTH)?;
        Some(Self { delegation_token })
    }
}

/// What a delegated token is worth. All but `valid` and `reason` only if it is valid.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the answer, which the edge gives too")]
struct DelegationVerification {
    valid: bool,
    /// Why not, if it is not valid.
    reason: Option<String>,
    chain_id: Option<uuid::Uuid>,
    /// On whose behalf the delegatee acts.
    subject_id: Option<uuid::Uuid>,
    /// Who passed the authority on last.
    delegator_id: Option<uuid::Uuid>,
    /// Who acts.
    delegatee_id: Option<uuid::Uuid>,
    /// Everyone the authority went through, from the subject to the delegatee.
    agents: Option<Vec<uuid::Uuid>>,
    scopes: Option<Vec<String>>,
    audience: Option<Vec<String>>,
    /// Unix seconds.
    iat: Option<u64>,
    /// Unix seconds.
    exp: Option<u64>,
}

/// Verify a delegated token
///
/// Of a token that is not good, whatever is wrong with it: `valid` is `false`.
#[utoipa::path(post, path = "/oauth2/token/verify-delegation", operation_id = "verify_delegation", tag = "Delegation",
    request_body = VerifyDelegationRequest,
    responses(
        (status = 200, description = "Whether the token is good, and who acts for whom", body = DelegationVerification),
        (status = 400, description = "A field is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody)))]
pub(super) async fn verify_delegation(
    State(app): State<App>,
    caller: Caller,
    StrictJson(request): StrictJson<VerifyDelegationRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let of_ours = tokens::signed_by_us(&app, &request.delegation_token)
        .ok()
        .filter(|token| token.unjudged_claims().organization_id == organization);
    let verification = match of_ours.map(|token| tokens::timely_claims(&app, &token)) {
        None => Verification::unknown(),
        Some(Err(refusal)) => Verification::refused(refusal.to_string()),
        Some(Ok(claims)) => {
            let mut tx = app.db.system().await?;
            let stands = store::stands(&mut tx, &claims).await?;
            tx.commit().await?;
            if stands {
                Verification::of(&claims, organization)
            } else {
                Verification::refused("the token, or one that it was derived from, was revoked")
            }
        }
    };
    metrics::counter!("agentidp_delegations_verified_total").increment(1);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(verification)))
}
