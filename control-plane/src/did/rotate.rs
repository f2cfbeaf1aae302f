//! `POST /api/v1/agents/{agentId}/did/rotate`: another key behind an agent's DID.

use agentidp_shared::did;
use agentidp_shared::ids::AgentId;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

use super::store;
use crate::access::{Act, Caller, Permit};
use crate::agents::{self, AgentStatus};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::edge_feed::Charge;
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::idempotency::{self, Idempotency};
use crate::infra::http::json::OptionalJson;
use crate::infra::http::path::Id;
use crate::keys::{self, KeyError};
use crate::tenancy::{LimitReached, NotAdmitted};

/// Longest time a key stays in the document after it was replaced.
const MAX_OVERLAP_SECONDS: u64 = 30 * 86_400;
const DEFAULT_OVERLAP_SECONDS: u64 = 86_400;
/// Rotations closer together than this are taken for the same one, sent twice.
const REPEATED_WITHIN: Duration = Duration::seconds(5);
/// Most keys in a document: it is to stay small.
const MAX_KEYS: usize = 8;

#[derive(Debug, thiserror::Error)]
pub enum RotateDidError {
    #[error("there is no agent with this id")]
    NotFound,
    #[error("the agent was decommissioned, and its DID with it")]
    Decommissioned,
    #[error("the key was rotated within the last five seconds")]
    JustRotated,
    #[error(
        "the document holds {MAX_KEYS} keys; wait until one leaves, or take all old ones out with no overlap"
    )]
    TooManyKeys,
    #[error("no key pair could be made")]
    Key(#[from] KeyError),
    #[error(transparent)]
    Limit(#[from] LimitReached),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

impl From<NotAdmitted> for RotateDidError {
    fn from(error: NotAdmitted) -> Self {
        match error {
            NotAdmitted::Reached(reached) => Self::Limit(reached),
            NotAdmitted::Query(error) => Self::Query(error),
        }
    }
}

impl From<RotateDidError> for ApiError {
    fn from(error: RotateDidError) -> Self {
        match error {
            RotateDidError::NotFound => agents::not_found(),
            RotateDidError::Decommissioned => Self::conflict("AGENT_DECOMMISSIONED", error.to_string()),
            RotateDidError::JustRotated => Self::conflict("DID_KEY_JUST_ROTATED", error.to_string())
                .header(header::RETRY_AFTER, REPEATED_WITHIN.whole_seconds().to_string()),
            RotateDidError::TooManyKeys => Self::conflict("DID_KEYS_TOO_MANY", error.to_string()),
            RotateDidError::Key(error) => Self::internal(error),
            RotateDidError::Limit(reached) => reached.into(),
            RotateDidError::Query(error) => error.into(),
        }
    }
}

/// How to rotate.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct RotateDidKeyRequest {
    /// Seconds that the keys until now stay in the document at most, to verify what they signed. A day if absent; 0 takes them
    /// out at once.
    #[schema(maximum = 2_592_000)]
    overlap_seconds: Option<u64>,
}

impl FromFields for RotateDidKeyRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { overlap_seconds: fields.optional_u64("overlapSeconds", 0..=MAX_OVERLAP_SECONDS) })
    }
}

/// The key behind a DID, after it was replaced.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rotated {
    pub did: String,
    /// The DID URL of the key that signs from now on.
    pub key_id: String,
    /// The key's RFC 7638 thumbprint.
    pub thumbprint: String,
    /// The DID URL of the key before.
    pub previous_key_id: String,
    /// When the key before leaves the document; it has if it is `null`.
    #[serde(with = "time::serde::rfc3339::option")]
    pub previous_valid_until: Option<OffsetDateTime>,
}

/// Replace the key behind an agent's DID
///
/// The new key is in the document at once; edges learn of it within seconds. Nothing more is signed with the key until now, and
/// its private half is destroyed.
#[utoipa::path(post, path = "/api/v1/agents/{agentId}/did/rotate", operation_id = "rotate_agent_did_key", tag = "DIDs",
    params(
        ("agentId" = uuid::Uuid, Path, description = "The agent"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request give the first answer again")),
    request_body = Option<RotateDidKeyRequest>,
    responses(
        (status = 200, description = "The new key", body = Rotated),
        (status = 400, description = "A field is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the agent is not the caller's to manage", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 409, description = "The agent was decommissioned, the key was rotated a moment ago, or the document is full", body = ErrorBody),
        (status = 429, description = "The organization's changes reached the edges as often in this minute as its tier allows", body = ErrorBody)))]
pub(super) async fn rotate_agent_did_key(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    idempotency: Idempotency,
    Id(agent): Id<AgentId>,
    OptionalJson(request): OptionalJson<RotateDidKeyRequest>,
) -> Result<Response, ApiError> {
    caller.may_try(Act::RotateDidKey, agent)?;
    if idempotency.has_key() {
        // A stored answer is for who may still have it.
        let mut tx = app.db.tenant(caller.organization_id).await?;
        caller.permit(&mut tx, Act::RotateDidKey, agent).await?;
        tx.commit().await?;
    }
    let work = async {
        let overlap = request.overlap_seconds.unwrap_or(DEFAULT_OVERLAP_SECONDS);
        let event = NewEvent::new(caller.organization_id, Action::DidKeyRotated).client(&client);
        let mut tx = app.db.tenant(caller.organization_id).await?;
        let permit = caller.permit(&mut tx, Act::RotateDidKey, agent).await?;
        let actor = Some(caller.actor());
        let rotated = rotate(&mut tx, &app, permit, overlap, event, actor).await?;
        Ok((tx, Json(rotated).into_response()))
    };
    idempotency::run(&app, &caller, "rotate_agent_did_key", idempotency, work).await
}

/// As the endpoint does, for somebody with a shell and the instance's settings.
pub async fn rotate_by_command(
    app: &App,
    agent: AgentId,
    overlap_seconds: Option<u64>,
) -> Result<Rotated, RotateDidError> {
    let mut tx = app.db.system().await?;
    let organization = store::organization_of_any_tenant(&mut tx, agent).await?;
    tx.commit().await?;
    let organization = organization.ok_or(RotateDidError::NotFound)?;
    let overlap = overlap_seconds.unwrap_or(DEFAULT_OVERLAP_SECONDS).min(MAX_OVERLAP_SECONDS);
    let event = NewEvent::new(organization, Action::DidKeyRotated).by_command_line();
    let mut tx = app.db.tenant(organization).await?;
    let rotated = rotate(&mut tx, app, Permit::of_instance(agent), overlap, event, None).await?;
    tx.commit().await?;
    Ok(rotated)
}

async fn rotate(
    tx: &mut TenantTx,
    app: &App,
    permit: Permit,
    overlap_seconds: u64,
    event: NewEvent,
    actor: Option<AgentId>,
) -> Result<Rotated, RotateDidError> {
    let (now, agent) = (app.now(), permit.agent());
    let status = agents::lock(tx, agent).await?.ok_or(RotateDidError::NotFound)?;
    if status == AgentStatus::Decommissioned {
        return Err(RotateDidError::Decommissioned);
    }
    let before = store::did(tx, agent, now).await?.ok_or(RotateDidError::NotFound)?;
    if before.rotated_at.is_some_and(|last| now - last < REPEATED_WITHIN) {
        return Err(RotateDidError::JustRotated);
    }
    if overlap_seconds > 0 && before.keys.len() >= MAX_KEYS {
        return Err(RotateDidError::TooManyKeys);
    }
    let (public_key, private_key) = keys::new_did_key(app, agent)?;
    let valid_until = now + std::time::Duration::from_secs(overlap_seconds);
    store::replace_key(tx, permit, &public_key, &private_key, valid_until, now).await?;
    // The operator of the instance is refused nothing for what the organization did.
    let charge = if actor.is_some() { Charge::Limited } else { Charge::Always };
    agents::documents_changed(tx, app, agent, charge).await?;

    let number = before.keys.first().map_or(1, |key| key.number);
    let key_id = |number| did::agent_key_id(&app.config.issuer, agent, number);
    let rotated = Rotated {
        did: did::agent_did(&app.config.issuer, agent),
        key_id: key_id(number + 1),
        thumbprint: public_key.kid.unwrap_or_default(),
        previous_key_id: key_id(number),
        previous_valid_until: (overlap_seconds > 0).then_some(valid_until),
    };
    let mut metadata = json!({
        "keyId": rotated.key_id,
        "thumbprint": rotated.thumbprint,
        "previousKeyId": rotated.previous_key_id,
        "overlapSeconds": overlap_seconds,
    });
    if let (Some(actor), Some(members)) = (actor, metadata.as_object_mut()) {
        members.insert("actorId".into(), actor.to_string().into());
    }
    audit::record(tx, app, event.agent(agent).metadata(metadata)).await?;
    Ok(rotated)
}
