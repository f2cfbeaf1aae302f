//! Token exchange (RFC 8693) without client authentication: the token of a workload outside is all that proves anything. It is
//! judged as at `POST /api/v1/oidc/token`; its `aud` names the organization.

use agentidp_shared::ids::AgentId;

use super::exchange::{self, ACCESS_TOKEN, JWT};
use super::form::Form;
use super::grant::Target;
use super::issue::TokenResponse;
use super::oauth_error::OAuthError;
use crate::app::App;
use crate::infra::config::Secret;
use crate::infra::http::client_info::ClientInfo;
use crate::trust_policies::{self, NotExchanged, Presented};

/// RFC 8693 §3.
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// Whether a request without client authentication is for this: the token is of a kind that others sign.
pub(super) fn is_meant(form: &Form) -> bool {
    matches!(form.get("subject_token_type"), Some(JWT | ID_TOKEN))
}

/// A token of ours. The one that was exchanged is used up.
pub(super) async fn exchange(
    app: &App,
    client_info: &ClientInfo,
    form: &Form,
) -> Result<TokenResponse, OAuthError> {
    exchange::check_requested_type(form)?;
    let unverified_token = form.required("subject_token")?;
    if form.get("actor_token").or_else(|| form.get("actor_token_type")).is_some() {
        return Err(OAuthError::InvalidRequest(
            "nobody acts for a workload: there is no actor_token beside its token".into(),
        ));
    }
    let target = Target {
        scope: form.get("scope").map(str::to_owned),
        resource: exchange::named_api(form)?.map(str::to_owned),
    };
    let presented = Presented::new(Secret::new(unverified_token.to_owned()), agent(form)?, target);
    match trust_policies::exchange(app, client_info, &presented).await {
        Ok(response) => Ok(response.with_type(ACCESS_TOKEN)),
        // RFC 8693 §2.2.2: also what is wrong with a token is an invalid request.
        Err(NotExchanged::NotAccepted) => {
            Err(OAuthError::InvalidRequest("the subject_token is not accepted".into()))
        }
        Err(NotExchanged::MustWait(seconds)) => Err(OAuthError::SlowDown(seconds)),
        Err(NotExchanged::NotGiven(error)) => Err(error),
        Err(NotExchanged::Internal(error)) => Err(error.into()),
    }
}

/// The agent that the token is to be for. `client_id` says it too: that is who an agent is to the token endpoint.
fn agent(form: &Form) -> Result<Option<AgentId>, OAuthError> {
    let client = form.get("client_id").map(|id| id.parse().map_err(|_| OAuthError::InvalidClient));
    let client: Option<AgentId> = client.transpose()?;
    let agent = form
        .get("agent_id")
        .map(|id| id.parse().map_err(|_| OAuthError::InvalidRequest("agent_id is not an agent's id".into())));
    let agent: Option<AgentId> = agent.transpose()?;
    match (agent, client) {
        (Some(agent), Some(client)) if agent != client => Err(OAuthError::InvalidRequest(
            "agent_id and client_id differ; a workload gets tokens for one agent".into(),
        )),
        (agent, client) => Ok(agent.or(client)),
    }
}
