//! `DELETE /api/v1/federation/grants/{grantId}`.

use agentidp_shared::feed::Change;
use agentidp_shared::ids::{GrantId, OrganizationId};
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use super::{not_found, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::delegation::{self, Ended};
use crate::edge_feed;
use crate::infra::clock::unix_seconds;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;
use crate::tenancy::{self, Share};

/// Take back a grant
///
/// And all that was passed on between agents of the two organizations, either way.
#[utoipa::path(delete, path = "/api/v1/federation/grants/{grantId}", operation_id = "delete_grant", tag = "Federation",
    params(("grantId" = uuid::Uuid, Path, description = "The grant")),
    responses(
        (status = 204, description = "The grant is gone"),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such grant", body = ErrorBody)))]
pub(super) async fn delete_grant(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(id): Id<GrantId>,
) -> Result<StatusCode, ApiError> {
    caller.permit_own_organization(Act::ManageGrants)?;
    let organization = caller.organization_id;
    let mut tx = app.db.system().await?;
    // Whoever passes something on meanwhile is waited for; it is among what is ended.
    let grantee = store::lock(&mut tx, organization, id).await?.ok_or_else(not_found)?;
    store::delete(&mut tx, organization, id).await?;
    let ended = delegation::end_between(&mut tx, organization, grantee, app.now()).await?;
    for delegation in &ended {
        let expires_at = unix_seconds(delegation.expires_at);
        // In a transaction of both organizations; the changes are of the one that asked.
        tenancy::count_use(&mut tx, organization, Share::FeedChanges, app.now()).await?;
        edge_feed::append(&mut tx, &Change::TokenRevoked { jti: delegation.chain_id, expires_at }).await?;
        // In the log of the organization in whose name it was: of who asked, the other is told the organization alone.
        let event = revoked(delegation, organization);
        let is_own = delegation.organization_id == organization;
        let event = if is_own { event.client(&client) } else { event.by_another_organization() };
        audit::record(&mut tx, &app, event).await?;
    }
    let event = NewEvent::new(organization, Action::GrantDeleted).client(&client).metadata(json!({
        "actorId": caller.actor(),
        "grantId": id,
        "granteeId": grantee,
        "delegationsRevoked": ended.len(),
    }));
    audit::record(&mut tx, &app, event).await?;
    tx.commit().await?;
    metrics::counter!("agentidp_delegations_revoked_total")
        .increment(u64::try_from(ended.len()).unwrap_or(0));
    Ok(StatusCode::NO_CONTENT)
}

fn revoked(ended: &Ended, by: OrganizationId) -> NewEvent {
    NewEvent::new(ended.organization_id, Action::DelegationRevoked).agent(ended.subject_id).metadata(json!({
        "chainId": ended.chain_id,
        "delegatorId": ended.delegator_id,
        "delegateeId": ended.delegatee_id,
        "grantDeletedBy": by,
    }))
}
