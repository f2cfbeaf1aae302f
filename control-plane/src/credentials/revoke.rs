//! `DELETE …/credentials/{credentialId}`, and of all at once.

use agentidp_shared::ids::{AgentId, CredentialId};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use utoipa::ToSchema;

use super::{already_revoked, not_found, store};
use crate::access::{Act, Caller, Owners};
use crate::agents;
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::path::Id;
use crate::infra::http::query::StrictQuery;

#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct RevokeCredentialParameters {
    /// Refuses every token the agent was issued so far.
    revoke_tokens: Option<bool>,
}

impl FromFields for RevokeCredentialParameters {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { revoke_tokens: fields.optional_bool("revokeTokens") })
    }
}

/// Revoke a credential
///
/// Final. Tokens it was used for stay good until they expire, unless `revokeTokens` is `true`.
#[utoipa::path(delete, path = "/api/v1/agents/{agentId}/credentials/{credentialId}", operation_id = "revoke_credential",
    tag = "Credentials",
    params(
        ("agentId" = uuid::Uuid, Path, description = "The agent"),
        ("credentialId" = uuid::Uuid, Path, description = "The credential"),
        RevokeCredentialParameters),
    responses(
        (status = 204, description = "The credential is revoked"),
        (status = 400, description = "A parameter is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the agent is not the caller's to manage", body = ErrorBody),
        (status = 404, description = "There is no such agent or credential", body = ErrorBody),
        (status = 409, description = "The credential already was revoked, or is the last of the organization's last owner", body = ErrorBody)))]
pub(super) async fn revoke_credential(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(agent): Id<AgentId>,
    Id(credential): Id<CredentialId>,
    StrictQuery(parameters): StrictQuery<RevokeCredentialParameters>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let permit = caller.permit(&mut tx, Act::RevokeCredential, agent).await?;
    let owners = Owners::lock(&mut tx, caller.organization_id, app.now()).await?;
    if !store::revoke(&mut tx, permit, credential, app.now()).await? {
        let exists = store::find(&mut tx, agent, credential, app.now()).await?.is_some();
        return Err(if exists { already_revoked() } else { not_found() });
    }
    owners.refuse_if_gone(&mut tx).await?;
    let revoke_tokens = parameters.revoke_tokens == Some(true);
    if revoke_tokens {
        agents::revoke_tokens(&mut tx, &app, permit).await?;
    }
    let event = revoked(&caller, &client, agent, credential, revoke_tokens);
    audit::record(&mut tx, &app, event).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn revoked(
    caller: &Caller,
    client: &ClientInfo,
    agent: AgentId,
    credential: CredentialId,
    revoked_tokens: bool,
) -> NewEvent {
    NewEvent::new(caller.organization_id, Action::CredentialRevoked).agent(agent).client(client).metadata(
        json!({
            "actorId": caller.actor(),
            "credentialId": credential,
            "revokedTokens": revoked_tokens,
        }),
    )
}

/// What was taken back.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RevokedCredentials {
    /// Those that were not revoked before.
    #[schema(value_type = Vec<uuid::Uuid>)]
    revoked_credential_ids: Vec<CredentialId>,
}

/// Revoke all of the agent's credentials
///
/// Final, and safe to repeat. The agent stays, and gets in again with a new credential. Tokens that were issued stay good until
/// they expire, unless `revokeTokens` is `true`.
#[utoipa::path(delete, path = "/api/v1/agents/{agentId}/credentials", operation_id = "revoke_all_credentials",
    tag = "Credentials",
    params(("agentId" = uuid::Uuid, Path, description = "The agent"), RevokeCredentialParameters),
    responses(
        (status = 200, description = "The agent has no usable credential any more", body = RevokedCredentials),
        (status = 400, description = "A parameter is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the agent is not the caller's to manage", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 409, description = "The agent is the organization's last owner", body = ErrorBody)))]
pub(super) async fn revoke_all_credentials(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(agent): Id<AgentId>,
    StrictQuery(parameters): StrictQuery<RevokeCredentialParameters>,
) -> Result<Json<RevokedCredentials>, ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let permit = caller.permit(&mut tx, Act::RevokeAllCredentials, agent).await?;
    let owners = Owners::lock(&mut tx, caller.organization_id, app.now()).await?;
    let revoked_credential_ids =
        store::revoke_all(&mut tx, caller.organization_id, permit, app.now()).await?;
    owners.refuse_if_gone(&mut tx).await?;
    let revoke_tokens = parameters.revoke_tokens == Some(true);
    if revoke_tokens {
        agents::revoke_tokens(&mut tx, &app, permit).await?;
    }
    for credential in &revoked_credential_ids {
        let event = revoked(&caller, &client, agent, *credential, revoke_tokens);
        audit::record(&mut tx, &app, event).await?;
    }
    tx.commit().await?;
    Ok(Json(RevokedCredentials { revoked_credential_ids }))
}
