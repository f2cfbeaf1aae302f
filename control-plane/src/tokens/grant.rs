//! A token for an agent that another feature has let in, by its own means: in that feature's transaction.

use agentidp_shared::ids::AgentId;
use time::OffsetDateTime;

use super::allowed::Asked;
use super::issue::{TokenResponse, answer, fresh_claims, sign};
use super::issued::{self, Issued};
use super::oauth_error::OAuthError;
use super::store;
use crate::app::App;
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::ApiError;
use crate::resources;

/// What a token is to be good for, as it was asked, before any of it was checked.
#[derive(Debug, Default)]
pub struct Target {
    /// Scopes separated by spaces; all that the agent was granted if absent.
    pub scope: Option<String>,
    /// An API by its URI (RFC 8707); this one if absent.
    pub resource: Option<String>,
}

impl Target {
    /// Whether the token is not for this API.
    pub fn is_another_api(&self, app: &App) -> bool {
        self.resource.as_ref().is_some_and(|resource| *resource != app.config.issuer)
    }
}

#[derive(Debug)]
pub enum GrantError {
    /// The agent may not have tokens now.
    Refused(&'static str),
    /// It may, but not such ones: the scope or resource is not for it.
    NotGiven(OAuthError),
    Internal(ApiError),
}

impl From<sqlx::Error> for GrantError {
    fn from(error: sqlx::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// Issues a token for the target. `now` is when the check began that lets it.
pub async fn grant(
    tx: &mut TenantTx,
    app: &App,
    client_info: &ClientInfo,
    agent: AgentId,
    target: &Target,
    now: OffsetDateTime,
) -> Result<TokenResponse, GrantError> {
    let agent = store::client(tx, agent).await?.ok_or(GrantError::Refused("agent does not exist"))?;
    if let Some(reason) = agent.refusal() {
        return Err(GrantError::Refused(reason));
    }
    let asked = Asked::read(app, target.scope.as_deref(), target.resource.as_deref(), &agent.scopes)
        .map_err(GrantError::NotGiven)?;
    if !asked.is_plain(app) {
        resources::lock_shared(tx).await?;
    }
    let lacking = asked.lacking(tx, app, agent.organization_id).await?;
    let asked = asked.without(&lacking).map_err(GrantError::NotGiven)?;
    let claims = fresh_claims(app, &agent, &agent, asked, now);
    let access_token = sign(app, agent.signing, &claims).map_err(GrantError::Internal)?;
    issued::add(tx, app, &[&Issued::of(&claims, &agent, client_info)]).await?;
    Ok(answer(access_token, &claims, None))
}
