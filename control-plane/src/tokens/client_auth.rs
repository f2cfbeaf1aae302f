//! Client authentication (RFC 6749 §2.3.1): by `Basic` header or in the body, never both.

use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::scopes::ScopeSet;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::form::{Form, decode};
use super::oauth_error::OAuthError;
use super::store::{self, Client};
use super::throttle;
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::credentials;
use crate::infra::config::Secret;
use crate::infra::http::client_info::ClientInfo;
use crate::policy;

/// Longest client id and secret looked at, in bytes.
const MAX_CREDENTIAL_LENGTH: usize = 512;

/// What a client claims to be, before any of it was checked.
pub(super) struct UnverifiedClient {
    client_id: String,
    secret: Secret<String>,
}

/// The credentials in a request; `None` if it carries none.
pub(super) fn presented(headers: &HeaderMap, form: &Form) -> Result<Option<UnverifiedClient>, OAuthError> {
    let in_header = basic(headers)?;
    let in_form = match (form.get("client_id"), form.get("client_secret")) {
        (Some(id), Some(secret)) => {
            Some(UnverifiedClient { client_id: id.to_owned(), secret: Secret::new(secret.to_owned()) })
        }
        (None, Some(_)) => return Err(OAuthError::InvalidRequest("client_secret without client_id".into())),
        (_, None) => None,
    };
    let client = match (in_header, in_form) {
        (Some(_), Some(_)) => {
            return Err(OAuthError::InvalidRequest(
                "client credentials by header and in the body: use one".into(),
            ));
        }
        (Some(client), None) => {
            if form.get("client_id").is_some_and(|id| id != client.client_id) {
                return Err(OAuthError::InvalidRequest(
                    "client_id differs from the Authorization header".into(),
                ));
            }
            Some(client)
        }
        (None, client) => client,
    };
    Ok(client)
}

fn basic(headers: &HeaderMap) -> Result<Option<UnverifiedClient>, OAuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(OAuthError::InvalidRequest("more than one Authorization header".into()));
    }
    let malformed =
        || OAuthError::InvalidRequest("the Authorization header is not valid Basic authentication".into());
    let Some((scheme, encoded)) = value.to_str().map_err(|_| malformed())?.split_once(' ') else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = Secret::new(decoded.ok_or_else(malformed)?);
    let (id, secret) = decoded.expose().split_once(':').ok_or_else(malformed)?;
    Ok(Some(UnverifiedClient {
        client_id: decode(id).map_err(|_| malformed())?,
        secret: Secret::new(decode(secret).map_err(|_| malformed())?),
    }))
}

/// Who asks something about a token.
pub(super) struct Requester {
    pub agent_id: AgentId,
    pub organization_id: OrganizationId,
    pub scopes: ScopeSet,
    pub is_administrator: bool,
}

/// Who asks: by access token or by client authentication, never both.
pub(super) async fn requester(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
    client_info: &ClientInfo,
) -> Result<Requester, OAuthError> {
    let caller = policy::authenticate_bearer(app, headers).await.map_err(OAuthError::Bearer)?;
    match (caller, presented(headers, form)?) {
        (Some(_), Some(_)) => {
            Err(OAuthError::InvalidRequest("an access token and client credentials: use one".into()))
        }
        (Some(caller), None) => Ok(Requester {
            is_administrator: caller.is_administrator(),
            agent_id: caller.agent_id,
            organization_id: caller.organization_id,
            scopes: caller.scopes,
        }),
        (None, Some(unverified)) => {
            let client = authenticate(app, &unverified, client_info).await?;
            Ok(Requester {
                is_administrator: client.is_administrator(),
                agent_id: client.agent_id,
                organization_id: client.organization_id,
                scopes: client.scopes,
            })
        }
        (None, None) => Err(OAuthError::InvalidClient),
    }
}

/// Checks a client's secret and whether it may act. The answer does not tell an unknown client from a wrong secret; that an
/// agent is suspended is told only to who knows its secret.
pub(super) async fn authenticate(
    app: &App,
    unverified: &UnverifiedClient,
    client_info: &ClientInfo,
) -> Result<Client, OAuthError> {
    let identity = throttle::Identity::new(&unverified.client_id, client_info.ip);
    let mut tx = app.db.system().await?;
    if let Some(seconds) = throttle::address_must_wait(&mut tx, &identity, app.now()).await? {
        return Err(OAuthError::SlowDown(seconds));
    }
    let too_long = unverified.client_id.len() > MAX_CREDENTIAL_LENGTH
        || unverified.secret.expose().len() > MAX_CREDENTIAL_LENGTH;
    let agent_id = unverified.client_id.parse::<AgentId>().ok().filter(|_| !too_long);
    let credential = match agent_id {
        Some(agent_id) => credentials::authenticate(&mut tx, app, agent_id, &unverified.secret).await?,
        None => None,
    };
    let client = match (agent_id, credential) {
        (Some(agent_id), Some(credential)) => store::client_any_tenant(&mut tx, agent_id)
            .await?
            .map(|client| client.with_credential(credential.credential_id)),
        _ => None,
    };
    let Some(client) = client else {
        drop(tx);
        return Err(failed(app, &identity, client_info).await?);
    };
    if let Some(reason) = client.refusal() {
        let event = NewEvent::new(client.organization_id, Action::AuthFailed)
            .agent(client.agent_id)
            .client(client_info)
            .metadata(json!({ "reason": reason }))
            .failure();
        audit::record(&mut tx, app, event).await?;
        tx.commit().await?;
        return Err(OAuthError::UnauthorizedClient(format!("the {reason}").into()));
    }
    // Commits `last_used_at`.
    tx.commit().await?;
    Ok(client)
}

/// Counts and records a failed login, in a transaction of its own.
async fn failed(
    app: &App,
    identity: &throttle::Identity,
    client_info: &ClientInfo,
) -> Result<OAuthError, OAuthError> {
    let mut tx = app.db.system().await?;
    let wait = throttle::record_failure(&mut tx, identity, app.now()).await?;
    // Filed under the organization whose agent was meant; under the system organization if there is no such agent.
    let agent = identity.agent_id().map(AgentId::as_uuid);
    let concerned = store::organization_of_any_tenant(&mut tx, agent).await?;
    if let Some((organization_id, agent_exists)) = concerned {
        let mut event = NewEvent::new(organization_id, Action::AuthFailed)
            .client(client_info)
            .metadata(json!({ "reason": "client could not be authenticated", "clientId": identity.shown_client_id() }))
            .failure();
        if let (true, Some(agent)) = (agent_exists, identity.agent_id()) {
            event = event.agent(agent);
        }
        audit::record(&mut tx, app, event).await?;
    }
    tx.commit().await?;
    Ok(wait.map_or(OAuthError::InvalidClient, OAuthError::SlowDown))
}
