//! A token for an agent that another feature has let in, by its own means: in that feature's transaction.

use agentidp_shared::ids::AgentId;
use time::OffsetDateTime;

use super::issue::{TokenResponse, answer, fresh_claims, sign};
use super::issued::{self, Issued};
use super::store;
use crate::app::App;
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::ApiError;

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
    let claims = fresh_claims(app, &agent, &agent, agent.scopes.clone(), app.config.issuer.clone(), now);
    let access_token = sign(app, agent.signing, &claims).map_err(GrantError::Internal)?;
    issued::add(tx, app, &[Issued::of(&claims, &agent, client_info)]).await?;
    Ok(answer(access_token, &claims, None, None))
}
