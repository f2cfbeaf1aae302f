//! `DELETE /oauth2/token/delegate/{chainId}`.

use agentidp_shared::feed::Change;
use agentidp_shared::ids::TokenId;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use super::store;
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::edge_feed::{self, Charge};
use crate::infra::clock::unix_seconds;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;
use crate::tokens;

/// Take back a delegation
///
/// Final. Takes back everything that was derived from the delegation's token, however far it went.
#[utoipa::path(delete, path = "/oauth2/token/delegate/{chainId}", operation_id = "revoke_delegation", tag = "Delegation",
    params(("chainId" = uuid::Uuid, Path, description = "The delegation")),
    responses(
        (status = 204, description = "The delegation is taken back"),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "The delegation is not the caller's to take back", body = ErrorBody),
        (status = 404, description = "There is no such delegation", body = ErrorBody),
        (status = 409, description = "The delegation already was taken back", body = ErrorBody)))]
pub(super) async fn revoke_delegation(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(chain): Id<TokenId>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let found = store::lock(&mut tx, chain).await?;
    let delegation = found.ok_or_else(|| {
        ApiError::not_found("DELEGATION_NOT_FOUND", "the organization has no delegation with this id")
    })?;
    // Whoever it was done in the name of may end it too, but not by a token that somebody else holds.
    let own = delegation.delegator_id == caller.actor() || delegation.subject_id == caller.actor();
    if !own {
        let message = "only the delegator, the subject, or who manages the subject takes back a delegation";
        let permit = caller.permit(&mut tx, Act::RevokeDelegation, delegation.subject_id).await;
        permit.map_err(|error| match error.status() {
            StatusCode::FORBIDDEN => ApiError::forbidden("NOT_DELEGATOR", message),
            _ => error,
        })?;
    }
    if delegation.is_revoked {
        return Err(ApiError::conflict("DELEGATION_REVOKED", "the delegation was taken back before"));
    }
    let now = app.now();
    store::revoke(&mut tx, chain, now).await?;
    // Whatever comes from it names its token.
    let expires_at = delegation.expires_at;
    let newly =
        tokens::revoke_stored(&mut tx, caller.organization_id, delegation.subject_id, chain, expires_at, now)
            .await?;
    if newly {
        let change = Change::TokenRevoked { jti: chain, expires_at: unix_seconds(expires_at) };
        edge_feed::append_charged(&mut tx, &app, &change, Charge::Always).await?;
    }
    let event = NewEvent::new(caller.organization_id, Action::DelegationRevoked)
        .agent(delegation.subject_id)
        .client(&client)
        .metadata(json!({
            "actorId": caller.actor(),
            "chainId": chain,
            "delegatorId": delegation.delegator_id,
            "delegateeId": delegation.delegatee_id,
        }));
    audit::record(&mut tx, &app, event).await?;
    tx.commit().await?;
    metrics::counter!("agentidp_delegations_revoked_total").increment(1);
    Ok(StatusCode::NO_CONTENT)
}
