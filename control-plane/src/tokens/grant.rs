//! A token for an agent that another feature has let in, by its own means: in that feature's transaction.

use agentidp_shared::claims::Claims;
use agentidp_shared::ids::{AgentId, TokenId};
use time::OffsetDateTime;

use super::issue::{TokenResponse, answer, sign};
use super::issued::{self, Issued};
use super::store;
use crate::app::App;
use crate::audit::{Action, NewEvent};
use crate::infra::clock::unix_seconds;
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::ApiError;
use crate::status_lists;

#[derive(Debug)]
pub enum GrantError {
    /// The agent may not have tokens now.
    Refused(&'static str),
    Internal(ApiError),
}

impl From<sqlx::Error> for GrantError {
    fn from(error: sqlx::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// Issues a token with all the scopes that the agent was granted, for this API. `now` is when the check began that lets it.
pub async fn grant(
    tx: &mut TenantTx,
    app: &App,
    client_info: &ClientInfo,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<TokenResponse, GrantError> {
    let agent = store::client(tx, agent).await?.ok_or(GrantError::Refused("agent does not exist"))?;
    if let Some(reason) = agent.refusal() {
        return Err(GrantError::Refused(reason));
    }
    let iat = agent.not_before.map_or(unix_seconds(now), |limit| unix_seconds(now).max(limit + 1));
    let claims = Claims {
        iss: agent.issuer_kind.identifier(&app.config.issuer, agent.organization_id),
        sub: agent.agent_id,
        aud: vec![app.config.issuer.clone()],
        client_id: agent.agent_id,
        organization_id: agent.organization_id,
        scopes: agent.scopes.clone(),
        jti: TokenId::new(app.new_id()),
        iat,
        nbf: unix_seconds(now),
        exp: iat + u64::from(app.config.token_ttl_seconds),
        auth_time: Some(unix_seconds(now)),
        status: Some(status_lists::reserve(app)),
        delegation: None,
    };
    let access_token = sign(app, agent.signing, &claims).map_err(GrantError::Internal)?;
    let metadata = serde_json::json!({
        "actorId": agent.agent_id,
        "jti": claims.jti,
        "scope": claims.scopes.to_string(),
        "audience": claims.aud,
        "expiresAt": claims.exp,
    });
    let event = NewEvent::new(claims.organization_id, Action::TokenIssued)
        .agent(claims.sub)
        .client(client_info)
        .metadata(metadata);
    let response = answer(access_token, &claims, None, None);
    issued::add(tx, app, &[Issued { claims, event }]).await?;
    Ok(response)
}
