//! The cards of agents.

use agentidp_shared::ids::AgentId;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::instance::signer;
use super::model::Subject;
use super::{badge, sign, store};
use crate::access::authenticate_bearer;
use crate::agents;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;
use crate::keys;
use crate::well_known::document;

/// The A2A card of an agent
///
/// Signed with the key behind the agent's DID: `kid` is a verification method of its DID document. Of an agent that is not public
/// and active only its organization gets it, with a token that has `agents:read`.
#[utoipa::path(get, path = "/agents/{agentId}/agent-card.json", operation_id = "get_agent_card", tag = "Cards",
    params(("agentId" = uuid::Uuid, Path, description = "The agent")),
    responses(
        (status = 200, description = "The card", body = Object),
        (status = 304, description = "Unchanged"),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 404, description = "There is no such agent, or it is not public", body = ErrorBody),
        (status = 410, description = "The agent was decommissioned", body = ErrorBody)))]
pub(super) async fn get_agent_card(
    State(app): State<App>,
    Id(agent): Id<AgentId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (subject, cache) = visible(&app, agent, &headers).await?;
    let mut tx = app.db.system().await?;
    let key = store::did_key_any_tenant(&mut tx, agent).await?;
    tx.commit().await?;
    let (number, sealed) = key.ok_or_else(agents::not_found)?;
    let kid = agentidp_shared::did::agent_key_id(&app.config.issuer, agent, number);
    let signer = keys::open_did_key(&app, agent, kid, &sealed).map_err(ApiError::internal)?;
    let signed = sign::sign(subject.a2a_card(&app.config.issuer), &signer)?;
    document::answer_tagged(&headers, document::JSON, cache, signed.card.to_string(), &signed.tag)
}

/// The AGNTCY card of an agent
///
/// Of an agent that is not public and active only its organization gets it, with a token that has `agents:read`.
#[utoipa::path(get, path = "/api/v1/agents/{agentId}/did/card", operation_id = "get_agntcy_card", tag = "Cards",
    params(("agentId" = uuid::Uuid, Path, description = "The agent")),
    responses(
        (status = 200, description = "The card", body = Object),
        (status = 304, description = "Unchanged"),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 404, description = "There is no such agent, or it is not public", body = ErrorBody),
        (status = 410, description = "The agent was decommissioned", body = ErrorBody)))]
pub(super) async fn get_agntcy_card(
    State(app): State<App>,
    Id(agent): Id<AgentId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (subject, cache) = visible(&app, agent, &headers).await?;
    let card = subject.agntcy_card(&app.config.issuer).to_string();
    document::answer_text(&headers, document::JSON, cache, card)
}

/// The OASF record of an agent
///
/// Of an agent that is not public and active only its organization gets it, with a token that has `agents:read`.
#[utoipa::path(get, path = "/agents/{agentId}/oasf.json", operation_id = "get_oasf_record", tag = "Cards",
    params(("agentId" = uuid::Uuid, Path, description = "The agent")),
    responses(
        (status = 200, description = "The record", body = Object),
        (status = 304, description = "Unchanged"),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 404, description = "There is no such agent, or it is not public", body = ErrorBody),
        (status = 410, description = "The agent was decommissioned", body = ErrorBody)))]
pub(super) async fn get_oasf_record(
    State(app): State<App>,
    Id(agent): Id<AgentId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (subject, cache) = visible(&app, agent, &headers).await?;
    document::answer_text(&headers, document::JSON, cache, subject.oasf_record().to_string())
}

/// The verifiable badge of an agent
///
/// A verifiable credential with the OASF record, as a compact JWS (RS256) under a key of the JWK Set, good for a day. Of an agent
/// that is not public and active only its organization gets it, with a token that has `agents:read`.
#[utoipa::path(get, path = "/agents/{agentId}/badge.jwt", operation_id = "get_agent_badge", tag = "Cards",
    params(("agentId" = uuid::Uuid, Path, description = "The agent")),
    responses(
        (status = 200, description = "The badge", content_type = "application/vc+jwt", body = String),
        (status = 304, description = "Unchanged"),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 404, description = "There is no such agent, or it is not public", body = ErrorBody),
        (status = 410, description = "The agent was decommissioned", body = ErrorBody),
        (status = 503, description = "The instance has no key to sign with yet", body = ErrorBody)))]
pub(super) async fn get_agent_badge(
    State(app): State<App>,
    Id(agent): Id<AgentId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (subject, cache) = visible(&app, agent, &headers).await?;
    let badge = badge::badge(&subject, &app.config.issuer, app.now(), &*signer(&app)?)?;
    document::answer_text(&headers, "application/vc+jwt", cache, badge)
}

/// The agent, if whoever asks may read its cards, and how long the answer may be kept.
async fn visible(
    app: &App,
    agent: AgentId,
    headers: &HeaderMap,
) -> Result<(Subject, &'static str), ApiError> {
    let mut tx = app.db.system().await?;
    let found = store::subject_any_tenant(&mut tx, &app.config.issuer, agent).await?;
    tx.commit().await?;
    match found {
        Some(subject) if subject.is_decommissioned => Err(agents::gone()),
        Some(subject) if subject.is_shown => Ok((subject, document::CACHE_CONTROL)),
        found => {
            // Asked in either case: what a token is worth must not tell whether there is such an agent.
            let caller = authenticate_bearer(app, headers).await?;
            let may_read = |subject: &Subject| {
                caller.is_some_and(|caller| {
                    caller.organization_id == subject.organization.id && caller.scopes.contains("agents:read")
                })
            };
            found.filter(may_read).map(|subject| (subject, "private, no-store")).ok_or_else(agents::not_found)
        }
    }
}
