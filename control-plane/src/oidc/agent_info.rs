//! `GET` and `POST /agent-info`: the `UserInfo` endpoint (OpenID Connect Core 1.0 §5.3), for agents.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::claims::{self, AgentClaims};
use crate::access::Caller;
use crate::agents;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};

/// The calling agent
///
/// Says what the ID token says. `sub` is that of the access token.
#[utoipa::path(get, path = "/agent-info", operation_id = "get_agent_info", tag = "OpenID Connect",
    responses(
        (status = 200, description = "The agent's claims", body = AgentClaims),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "The scope `openid` is lacking", body = ErrorBody)))]
pub(super) async fn get_agent_info(
    State(app): State<App>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let issuer = &app.config.issuer;
    let found = claims::claims(&mut tx, issuer, caller.organization_id, caller.agent_id).await?;
    tx.commit().await?;
    let found = found.ok_or_else(agents::not_found)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(found)))
}

/// The calling agent (by POST)
///
/// The token is in the `Authorization` header here too; a body is not looked at.
#[utoipa::path(post, path = "/agent-info", operation_id = "post_agent_info", tag = "OpenID Connect",
    responses(
        (status = 200, description = "The agent's claims", body = AgentClaims),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "The scope `openid` is lacking", body = ErrorBody)))]
pub(super) async fn post_agent_info(
    state: State<App>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    get_agent_info(state, caller).await
}
