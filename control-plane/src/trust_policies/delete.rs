//! `DELETE /api/v1/oidc/trust-policies/{policyId}`.

use agentidp_shared::ids::TrustPolicyId;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use super::{not_found, store};
use crate::access::{Act, Caller, Owners};
use crate::agents;
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;

/// Trust a workload no more
///
/// Its tokens are refused from now on. Ours that register agents are refused too; those of an agent stay good until they expire or
/// are revoked.
#[utoipa::path(delete, path = "/api/v1/oidc/trust-policies/{policyId}", operation_id = "delete_trust_policy", tag = "Workload identity",
    params(("policyId" = uuid::Uuid, Path, description = "The policy")),
    responses(
        (status = 204, description = "The policy is gone"),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such policy", body = ErrorBody),
        (status = 409, description = "It is the only way in of the organization's last owner", body = ErrorBody)))]
pub(super) async fn delete_trust_policy(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(id): Id<TrustPolicyId>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    caller.permit_own_organization(Act::DistrustWorkload)?;
    let policy = store::lock(&mut tx, id).await?.ok_or_else(not_found)?;
    caller.permit(&mut tx, Act::DistrustWorkload, policy.agent).await?;
    let owners = Owners::lock(&mut tx, caller.organization_id, app.now()).await?;
    store::delete(&mut tx, id).await?;
    owners.refuse_if_gone(&mut tx).await?;
    if policy.is_bootstrap {
        agents::end(&mut tx, &app, policy.agent).await?;
    }
    let metadata = json!({
        "actorId": caller.actor(),
        "policyId": id,
        "provider": policy.provider,
        "issuer": policy.issuer,
        "rule": policy.rule,
        "bootstrap": policy.is_bootstrap,
    });
    let event = NewEvent::new(caller.organization_id, Action::TrustPolicyDeleted)
        .agent(policy.agent)
        .client(&client)
        .metadata(metadata);
    audit::record(&mut tx, &app, event).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
