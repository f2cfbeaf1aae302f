//! `POST /api/v1/agents/{agentId}/credentials`, and generating in another feature's transaction.

use agentidp_shared::ids::{AgentId, CredentialId, OrganizationId};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::model::{NewCredential, ShownSecret};
use super::public_key::{self, PublicKey};
use super::store::{self, Stored};
use super::{key_store, not_found, secret};
use crate::access::{Act, Caller, Permit};
use crate::agents::{self, AgentStatus};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::config::Secret;
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody, FieldErrors};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::idempotency::{self, Idempotency};
use crate::infra::http::json::OptionalJson;
use crate::infra::http::path::Id;

/// What the credential is, and how long it lasts.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct GenerateCredentialRequest {
    /// When it ends by itself; never if absent. In the future.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<OffsetDateTime>,
    /// The public half of a key of the agent's own (RFC 7517): P-256, Ed25519, or RSA of 2048 to 4096 bits. The credential is this
    /// key, used by `private_key_jwt` (RFC 7523); without it, a secret is made. Its `kid` is the thumbprint if it has none.
    #[schema(value_type = Option<Object>, examples(json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})))]
    public_jwk: Option<PublicKey>,
}

impl FromFields for GenerateCredentialRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            expires_at: fields.optional_timestamp("expiresAt"),
            public_jwk: fields.optional_object("publicJwk"),
        })
    }
}

/// Makes a secret for the agent; it exists nowhere else. The caller records the event.
pub async fn generate(
    tx: &mut PgConnection,
    app: &App,
    organization: OrganizationId,
    permit: Permit,
    expires_at: Option<OffsetDateTime>,
) -> Result<(CredentialId, Secret<String>), sqlx::Error> {
    let id = CredentialId::new(app.new_id());
    let secret = secret::new_secret(&*app.rng);
    let (hmac, key_id) = secret::digest(app, &secret);
    let stored = Stored::Secret(store::StoredSecret { hmac: &hmac, key_id });
    store::insert(tx, id, organization, permit, stored, expires_at, app.now()).await?;
    Ok((id, secret))
}

/// Give an agent a credential
///
/// The client secret is in this answer and never shown again. With `publicJwk` there is none: the key is the credential.
#[utoipa::path(post, path = "/api/v1/agents/{agentId}/credentials", operation_id = "generate_credential", tag = "Credentials",
    params(
        ("agentId" = uuid::Uuid, Path, description = "The agent"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request give the first answer again")),
    request_body = Option<GenerateCredentialRequest>,
    responses(
        (status = 201, description = "The credential, with its secret if it has one", body = NewCredential),
        (status = 400, description = "A field is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, the agent is not the caller's to manage, or may do what the caller's token may not", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 409, description = "The agent is not active, has as many credentials as it may, or has this key; or the idempotency key was used for something else", body = ErrorBody)))]
pub(super) async fn generate_credential(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    idempotency: Idempotency,
    Id(agent): Id<AgentId>,
    OptionalJson(request): OptionalJson<GenerateCredentialRequest>,
) -> Result<Response, ApiError> {
    caller.may_try(Act::GenerateCredential, agent)?;
    if request.expires_at.is_some_and(|end| end <= app.now()) {
        let mut errors = FieldErrors::new();
        errors.push("expiresAt", "must be in the future");
        return Err(errors.into_error());
    }
    if idempotency.has_key() {
        // A stored answer is for who may still have it.
        let mut tx = app.db.tenant(caller.organization_id).await?;
        permit(&mut tx, &caller, agent).await?;
        tx.commit().await?;
    }
    let work = create(&app, &caller, &client, agent, &request);
    idempotency::run(&app, &caller, "generate_credential", idempotency, work).await
}

async fn create(
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    agent: AgentId,
    request: &GenerateCredentialRequest,
) -> Result<(TenantTx, Response), ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    match agents::lock_status(&mut tx, agent).await? {
        AgentStatus::Active => {}
        AgentStatus::Suspended | AgentStatus::Decommissioned => {
            return Err(ApiError::conflict(
                "AGENT_NOT_ACTIVE",
                "only an active agent can be given a credential",
            ));
        }
    }
    let permit = permit(&mut tx, caller, agent).await?;
    refuse_too_many(&mut tx, app, agent).await?;
    let (id, secret) = if let Some(key) = &request.public_jwk {
        (register(&mut tx, app, caller, permit, key, request.expires_at).await?, None)
    } else {
        let organization = caller.organization_id;
        let (id, secret) = generate(&mut tx, app, organization, permit, request.expires_at).await?;
        (id, Some(secret))
    };
    let credential = store::find(&mut tx, agent, id, app.now()).await?.ok_or_else(not_found)?;
    let event = NewEvent::new(caller.organization_id, Action::CredentialGenerated)
        .agent(agent)
        .client(client)
        .metadata(json!({
            "actorId": caller.actor(),
            "credentialId": id,
            "kind": credential.kind,
            "thumbprint": credential.thumbprint,
        }));
    audit::record(&mut tx, app, event).await?;
    let body = NewCredential { credential, client_secret: secret.as_ref().map(ShownSecret::new) };
    let response = (StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response();
    Ok((tx, response))
}

/// Permission to give the agent a credential: it is the caller's to manage, and holds nothing that the caller could not give.
async fn permit(tx: &mut TenantTx, caller: &Caller, agent: AgentId) -> Result<Permit, ApiError> {
    let permit = caller.permit(tx, Act::GenerateCredential, agent).await?;
    caller.refuse_to_outgrow(tx, permit).await?;
    Ok(permit)
}

/// An error if the agent has as many credentials as it may. Its row is locked: of several requests at once each counts those
/// before it.
async fn refuse_too_many(tx: &mut TenantTx, app: &App, agent: AgentId) -> Result<(), ApiError> {
    let most = app.config.max_credentials_per_agent;
    if store::count_active(tx, agent, app.now()).await? < i64::from(most) {
        return Ok(());
    }
    let message = format!("the agent has {most} usable credentials, as many as it may; revoke one first");
    Err(ApiError::conflict("CREDENTIAL_LIMIT_REACHED", message))
}

/// Makes the agent's own key its credential.
async fn register(
    tx: &mut TenantTx,
    app: &App,
    caller: &Caller,
    permit: Permit,
    key: &PublicKey,
    expires_at: Option<OffsetDateTime>,
) -> Result<CredentialId, ApiError> {
    let now = app.now();
    if key_store::is_taken(tx, permit.agent(), key, now).await? {
        return Err(public_key::in_use());
    }
    let id = CredentialId::new(app.new_id());
    store::insert(tx, id, caller.organization_id, permit, Stored::Key(key), expires_at, now).await?;
    Ok(id)
}
