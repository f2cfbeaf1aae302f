//! `POST …/credentials/{credentialId}/rotate`: another secret, or another key, for the same credential.

use agentidp_shared::ids::{AgentId, CredentialId};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use time::Duration;
use utoipa::ToSchema;

use super::model::{CredentialKind, CredentialStatus, NewCredential, ShownSecret};
use super::public_key::{self, PublicKey};
use super::store::{self, Stored, StoredSecret};
use super::{already_revoked, key_store, not_found, secret};
use crate::access::{Act, Caller, Permit};
use crate::agents;
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody, FieldErrors};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::idempotency::{self, Idempotency};
use crate::infra::http::json::OptionalJson;
use crate::infra::http::path::Id;

/// Longest time both secrets are accepted.
const MAX_OVERLAP_SECONDS: u64 = 86_400;
/// Rotations closer together than this are taken for the same one, sent twice.
const REPEATED_WITHIN: Duration = Duration::seconds(5);

/// How to rotate.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct RotateCredentialRequest {
    /// Seconds the secret or key until now stays accepted beside the new one. 0 if absent.
    #[schema(maximum = 86_400)]
    overlap_seconds: Option<u64>,
    /// Refuses every token the agent was issued so far.
    revoke_tokens: Option<bool>,
    /// For a credential that is a key, and only for one: the public half of the new key, as when it was registered.
    #[schema(value_type = Option<Object>)]
    public_jwk: Option<PublicKey>,
}

impl FromFields for RotateCredentialRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            overlap_seconds: fields.optional_u64("overlapSeconds", 0..=MAX_OVERLAP_SECONDS),
            revoke_tokens: fields.optional_bool("revokeTokens"),
            public_jwk: fields.optional_object("publicJwk"),
        })
    }
}

/// Rotate a credential
///
/// The new secret is in this answer and never shown again; the old one is refused at once, or after `overlapSeconds`. The new key
/// of a credential that is a key is in the request.
#[utoipa::path(post, path = "/api/v1/agents/{agentId}/credentials/{credentialId}/rotate", operation_id = "rotate_credential",
    tag = "Credentials",
    params(
        ("agentId" = uuid::Uuid, Path, description = "The agent"),
        ("credentialId" = uuid::Uuid, Path, description = "The credential"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request give the first answer again")),
    request_body = Option<RotateCredentialRequest>,
    responses(
        (status = 200, description = "The credential, with its new secret if it has one", body = NewCredential),
        (status = 400, description = "A field is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, the agent is not the caller's to manage, or may do what the caller's token may not", body = ErrorBody),
        (status = 404, description = "There is no such agent or credential", body = ErrorBody),
        (status = 409, description = "The credential was revoked, has expired, or was rotated a moment ago; or the agent has this key", body = ErrorBody)))]
pub(super) async fn rotate_credential(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    idempotency: Idempotency,
    Id(agent): Id<AgentId>,
    Id(credential): Id<CredentialId>,
    OptionalJson(request): OptionalJson<RotateCredentialRequest>,
) -> Result<Response, ApiError> {
    caller.may_try(Act::RotateCredential, agent)?;
    if idempotency.has_key() {
        // A stored answer is for who may still have it.
        let mut tx = app.db.tenant(caller.organization_id).await?;
        permit(&mut tx, &caller, agent).await?;
        tx.commit().await?;
    }
    let work = async {
        let mut tx = app.db.tenant(caller.organization_id).await?;
        // Keys are compared with the agent's others: one change of them at a time.
        agents::lock_status(&mut tx, agent).await?;
        let rotated = rotate(&mut tx, &app, &caller, &client, agent, credential, request).await?;
        Ok((tx, rotated.into_response()))
    };
    idempotency::run(&app, &caller, "rotate_credential", idempotency, work).await
}

/// Rotate an agent's only credential
///
/// For an agent that has exactly one active credential.
#[utoipa::path(post, path = "/api/v1/agents/{agentId}/credentials/rotate", operation_id = "rotate_only_credential",
    tag = "Credentials",
    params(
        ("agentId" = uuid::Uuid, Path, description = "The agent"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request give the first answer again")),
    request_body = Option<RotateCredentialRequest>,
    responses(
        (status = 200, description = "The credential, with its new secret if it has one", body = NewCredential),
        (status = 400, description = "A field is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, the agent is not the caller's to manage, or may do what the caller's token may not", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 409, description = "The agent has none or several active credentials, or it was rotated a moment ago; or the agent has this key", body = ErrorBody)))]
pub(super) async fn rotate_only_credential(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    idempotency: Idempotency,
    Id(agent): Id<AgentId>,
    OptionalJson(request): OptionalJson<RotateCredentialRequest>,
) -> Result<Response, ApiError> {
    caller.may_try(Act::RotateCredential, agent)?;
    if idempotency.has_key() {
        // A stored answer is for who may still have it.
        let mut tx = app.db.tenant(caller.organization_id).await?;
        permit(&mut tx, &caller, agent).await?;
        tx.commit().await?;
    }
    let work = async {
        let mut tx = app.db.tenant(caller.organization_id).await?;
        // Keys are compared with the agent's others: one change of them at a time.
        agents::lock_status(&mut tx, agent).await?;
        let [credential] = store::active(&mut tx, agent, app.now()).await?[..] else {
            let message = "the agent has none or several active credentials; name the one to rotate";
            return Err(ApiError::conflict("CREDENTIAL_AMBIGUOUS", message));
        };
        let rotated = rotate(&mut tx, &app, &caller, &client, agent, credential, request).await?;
        Ok((tx, rotated.into_response()))
    };
    idempotency::run(&app, &caller, "rotate_only_credential", idempotency, work).await
}

/// Permission to give the agent another secret: it is the caller's to manage, and holds nothing that the caller could not give.
async fn permit(tx: &mut TenantTx, caller: &Caller, agent: AgentId) -> Result<Permit, ApiError> {
    let permit = caller.permit(tx, Act::RotateCredential, agent).await?;
    caller.refuse_to_outgrow(tx, permit).await?;
    Ok(permit)
}

async fn rotate(
    tx: &mut TenantTx,
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    agent: AgentId,
    credential: CredentialId,
    request: RotateCredentialRequest,
) -> Result<impl IntoResponse + use<>, ApiError> {
    let permit = permit(tx, caller, agent).await?;
    let now = app.now();
    let kind = store::find(tx, agent, credential, now).await?.ok_or_else(not_found)?.kind;
    let key = new_key(kind, request.public_jwk.as_ref())?;
    if let Some(key) = key
        && key_store::is_taken(tx, agent, key, now).await?
    {
        return Err(public_key::in_use());
    }
    let secret = key.is_none().then(|| secret::new_secret(&*app.rng));
    let hmac = secret.as_ref().map(|secret| secret::digest(app, secret));
    let new = match (key, &hmac) {
        (Some(key), _) => Stored::Key(key),
        (None, Some((hmac, key_id))) => Stored::Secret(StoredSecret { hmac, key_id }),
        (None, None) => return Err(ApiError::internal(anyhow::anyhow!("neither a key nor a secret"))),
    };
    let overlap = request.overlap_seconds.filter(|seconds| *seconds > 0);
    let rotation = store::Rotation {
        new,
        now,
        previous_valid_until: overlap.map(|seconds| now + std::time::Duration::from_secs(seconds)),
        not_if_rotated_since: now - REPEATED_WITHIN,
    };
    if !store::rotate(tx, permit, credential, &rotation).await? {
        return Err(refusal(tx, agent, credential, app).await?);
    }
    let revoke_tokens = request.revoke_tokens == Some(true);
    if revoke_tokens {
        agents::revoke_tokens(tx, app, permit).await?;
    }
    let event = NewEvent::new(caller.organization_id, Action::CredentialRotated)
        .agent(agent)
        .client(client)
        .metadata(json!({
            "actorId": caller.actor(),
            "credentialId": credential,
            "overlapSeconds": overlap.unwrap_or(0),
            "revokedTokens": revoke_tokens,
            "kind": kind,
            "thumbprint": key.map(|key| key.jwk().thumbprint()),
        }));
    audit::record(tx, app, event).await?;
    let credential = store::find(tx, agent, credential, now).await?.ok_or_else(not_found)?;
    let body = NewCredential { credential, client_secret: secret.as_ref().map(ShownSecret::new) };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)))
}

/// The key to rotate to, of a credential that is one.
fn new_key(kind: CredentialKind, key: Option<&PublicKey>) -> Result<Option<&PublicKey>, ApiError> {
    let reason = match (kind, key) {
        (CredentialKind::ClientSecret, None) => return Ok(None),
        (CredentialKind::PrivateKeyJwt, Some(key)) => return Ok(Some(key)),
        (CredentialKind::PrivateKeyJwt, None) => {
            "required: the credential is a key, and only its owner can make a new one"
        }
        (CredentialKind::ClientSecret, Some(_)) => {
            "the credential is a secret; to use a key, generate a credential and revoke this one"
        }
    };
    let mut errors = FieldErrors::new();
    errors.push("publicJwk", reason);
    Err(errors.into_error())
}

/// Why a credential was not rotated.
async fn refusal(
    tx: &mut TenantTx,
    agent: AgentId,
    credential: CredentialId,
    app: &App,
) -> Result<ApiError, sqlx::Error> {
    let found = store::find(tx, agent, credential, app.now()).await?;
    Ok(match found.map(|credential| credential.status) {
        None => not_found(),
        Some(CredentialStatus::Revoked) => already_revoked(),
        Some(CredentialStatus::Expired) => {
            ApiError::conflict("CREDENTIAL_EXPIRED", "the credential has expired; generate a new one")
        }
        Some(CredentialStatus::Active) => ApiError::conflict(
            "CREDENTIAL_JUST_ROTATED",
            "the credential was rotated within the last five seconds; its new secret was in that answer",
        )
        .header(header::RETRY_AFTER, REPEATED_WITHIN.whole_seconds().to_string()),
    })
}
