//! Client authentication: by a secret in a `Basic` header or in the body (RFC 6749 §2.3.1), or by an assertion that the client
//! signed (RFC 7523 §2.2); never by two of them.

use std::borrow::Cow;

use agentidp_shared::client_assertion;
use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::scopes::ScopeSet;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::form::{Form, decode};
use super::login::{Login, Verdict};
use super::oauth_error::OAuthError;
use super::store::{self, Client};
use super::throttle;
use crate::access::{self, Right};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::credentials::{self, Presented, PresentedSecret};
use crate::infra::config::Secret;
use crate::infra::http::client_info::ClientInfo;

/// Longest client id and secret looked at, in bytes.
const MAX_CREDENTIAL_LENGTH: usize = 512;

/// How a client tried to prove itself, for the audit log.
const CLIENT_SECRET: &str = "client_secret";
const PRIVATE_KEY_JWT: &str = "private_key_jwt";

/// What a client claims to be, before any of it was checked.
pub(super) struct UnverifiedClient {
    /// Empty where only an assertion says it.
    client_id: String,
    proof: UnverifiedProof,
}

enum UnverifiedProof {
    Secret(Secret<String>),
    Assertion { assertion_type: String, assertion: Secret<String> },
}

/// The credentials in a request; `None` if it carries none.
pub(super) fn presented(headers: &HeaderMap, form: &Form) -> Result<Option<UnverifiedClient>, OAuthError> {
    let in_header = basic(headers)?;
    let by_assertion = assertion(form)?;
    let in_form = match (form.get("client_id"), form.get("client_secret")) {
        (Some(id), Some(secret)) => Some(UnverifiedClient {
            client_id: id.to_owned(),
            proof: UnverifiedProof::Secret(Secret::new(secret.to_owned())),
        }),
        (None, Some(_)) => return Err(OAuthError::InvalidRequest("client_secret without client_id".into())),
        (_, None) => None,
    };
    match (in_header, in_form, by_assertion) {
        (Some(client), None, None) => {
            if form.get("client_id").is_some_and(|id| id != client.client_id) {
                return Err(OAuthError::InvalidRequest(
                    "client_id differs from the Authorization header".into(),
                ));
            }
            Ok(Some(client))
        }
        (None, client, None) | (None, None, client) => Ok(client),
        (Some(_), Some(_), None) => {
            Err(OAuthError::InvalidRequest("client credentials by header and in the body: use one".into()))
        }
        (_, _, Some(_)) => {
            Err(OAuthError::InvalidRequest("a client_assertion and a client secret: use one".into()))
        }
    }
}

/// An assertion in the body (RFC 7521 §4.2).
fn assertion(form: &Form) -> Result<Option<UnverifiedClient>, OAuthError> {
    match (form.get("client_assertion_type"), form.get("client_assertion")) {
        (None, None) => Ok(None),
        (Some(assertion_type), Some(assertion)) => Ok(Some(UnverifiedClient {
            client_id: form.get("client_id").unwrap_or_default().to_owned(),
            proof: UnverifiedProof::Assertion {
                assertion_type: assertion_type.to_owned(),
                assertion: Secret::new(assertion.to_owned()),
            },
        })),
        (None, Some(_)) => {
            Err(OAuthError::InvalidRequest("client_assertion without client_assertion_type".into()))
        }
        (Some(_), None) => {
            Err(OAuthError::InvalidRequest("client_assertion_type without client_assertion".into()))
        }
    }
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
        proof: UnverifiedProof::Secret(Secret::new(decode(secret).map_err(|_| malformed())?)),
    }))
}

/// Who asks something about a token.
pub(super) struct Requester {
    pub agent_id: AgentId,
    pub organization_id: OrganizationId,
    pub scopes: ScopeSet,
    /// The request, by it.
    pub client_info: ClientInfo,
    /// What it may do to others.
    pub right: Right,
}

/// Who asks: by access token or by client authentication, never both.
pub(super) async fn requester(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
    client_info: &ClientInfo,
) -> Result<Requester, OAuthError> {
    let caller = access::authenticate_bearer(app, headers).await.map_err(OAuthError::Bearer)?;
    match (caller, presented(headers, form)?) {
        (Some(_), Some(_)) => {
            Err(OAuthError::InvalidRequest("an access token and client credentials: use one".into()))
        }
        (Some(caller), None) => Ok(Requester {
            client_info: ClientInfo { acting: caller.acting(), ..client_info.clone() },
            right: caller.right().clone(),
            agent_id: caller.actor(),
            organization_id: caller.organization_id,
            scopes: caller.scopes,
        }),
        (None, Some(unverified)) => {
            let client = authenticate(app, &unverified, client_info).await?;
            Ok(Requester {
                client_info: client_info.by(client.agent_id),
                right: client.right(),
                agent_id: client.agent_id,
                organization_id: client.organization_id,
                scopes: client.scopes,
            })
        }
        (None, None) => Err(OAuthError::InvalidClient),
    }
}

/// Checks a client's secret or assertion and whether it may act. The answer does not tell an unknown client from a wrong secret,
/// nor what is wrong with an assertion; that an agent is suspended is told only to who proved to be it.
pub(super) async fn authenticate(
    app: &App,
    unverified: &UnverifiedClient,
    client_info: &ClientInfo,
) -> Result<Client, OAuthError> {
    let attempt = Attempt::of(unverified);
    let identity = throttle::Identity::new(&attempt.client_id, client_info.ip);
    let (method, proven) = attempt.prove(app, &identity, client_info).await?;
    let client = match proven {
        Ok(client) => client,
        Err(detail) => return Err(failed(app, &identity, client_info, method, detail).await?),
    };
    if let Some(reason) = client.refusal() {
        let event = NewEvent::new(client.organization_id, Action::AuthFailed)
            .agent(client.agent_id)
            .client(&client_info.by(client.agent_id))
            .metadata(json!({ "reason": reason }))
            .failure();
        let mut tx = app.db.system().await?;
        audit::record(&mut tx, app, event).await?;
        tx.commit().await?;
        return Err(OAuthError::UnauthorizedClient(format!("the {reason}").into()));
    }
    Ok(client)
}

/// An attempt to authenticate, taken apart as far as it goes without the database.
struct Attempt<'a> {
    /// Whom the client claims to be; text that may be no id, and empty if it does not say.
    client_id: Cow<'a, str>,
    proof: Proof<'a>,
}

enum Proof<'a> {
    Secret(&'a Secret<String>),
    Assertion(client_assertion::Unverified<'a>),
    /// An assertion that cannot be good, and why.
    Nothing(Option<String>),
}

impl<'a> Attempt<'a> {
    fn of(unverified: &'a UnverifiedClient) -> Self {
        let claimed = Cow::Borrowed(unverified.client_id.as_str());
        match &unverified.proof {
            UnverifiedProof::Secret(secret) => Self { client_id: claimed, proof: Proof::Secret(secret) },
            UnverifiedProof::Assertion { assertion_type, assertion } => {
                if assertion_type != client_assertion::ASSERTION_TYPE {
                    let detail = "the client_assertion_type is not that of a JWT".to_owned();
                    return Self { client_id: claimed, proof: Proof::Nothing(Some(detail)) };
                }
                match client_assertion::parse(assertion.expose()) {
                    Err(refusal) => {
                        Self { client_id: claimed, proof: Proof::Nothing(Some(refusal.to_string())) }
                    }
                    Ok(parsed) if claimed.is_empty() => Self {
                        client_id: parsed.client().to_string().into(),
                        proof: Proof::Assertion(parsed),
                    },
                    Ok(parsed) if *claimed == parsed.client().to_string() => {
                        Self { client_id: claimed, proof: Proof::Assertion(parsed) }
                    }
                    Ok(_) => {
                        let detail = "client_id is not the assertion's `sub`".to_owned();
                        Self { client_id: claimed, proof: Proof::Nothing(Some(detail)) }
                    }
                }
            }
        }
    }

    /// The method, and the client that was proven; or else, for the operator, why it was not. That a secret or assertion was used
    /// is committed by then.
    async fn prove(
        self,
        app: &App,
        identity: &throttle::Identity,
        client_info: &ClientInfo,
    ) -> Result<(&'static str, Result<Client, Option<String>>), OAuthError> {
        let (method, presented, detail) = match self.proof {
            Proof::Assertion(parsed) => {
                let proven = prove_by_assertion(app, identity, parsed, client_info).await?;
                return Ok((PRIVATE_KEY_JWT, proven));
            }
            Proof::Nothing(detail) => (PRIVATE_KEY_JWT, None, detail),
            Proof::Secret(secret) => {
                let too_long = self.client_id.len() > MAX_CREDENTIAL_LENGTH
                    || secret.expose().len() > MAX_CREDENTIAL_LENGTH;
                let agent = self.client_id.parse().ok().filter(|_| !too_long);
                let presented =
                    agent.and_then(|agent| PresentedSecret::new(app, agent, secret, client_info.ip));
                (CLIENT_SECRET, presented, None)
            }
        };
        let address_key = identity.address_key().map(str::to_owned);
        let login = Login(Presented { address_key, secret: presented });
        match app.tokens.logins.ask(|| app.clone(), login).await?? {
            Verdict::Proven(client) => Ok((method, Ok(*client))),
            Verdict::NotProven => Ok((method, Err(detail))),
            Verdict::MustWait(seconds) => Err(OAuthError::SlowDown(seconds)),
        }
    }
}

async fn prove_by_assertion(
    app: &App,
    identity: &throttle::Identity,
    unverified: client_assertion::Unverified<'_>,
    client_info: &ClientInfo,
) -> Result<Result<Client, Option<String>>, OAuthError> {
    let agent = unverified.client();
    let mut tx = app.db.system().await?;
    let keys: Vec<_> = identity.address_key().into_iter().collect();
    let waits = throttle::addresses_that_wait(&mut tx, &keys, app.now()).await?;
    if let Some(seconds) = waits.into_values().next() {
        return Err(OAuthError::SlowDown(seconds));
    }
    let credential =
        match credentials::authenticate_by_assertion(&mut tx, app, unverified, client_info.ip).await? {
            Ok(credential) => credential,
            Err(refusal) => return Ok(Err(Some(refusal.to_string()))),
        };
    let client = store::clients_any_tenant(&mut tx, &[agent.as_uuid()]).await?.pop();
    tx.commit().await?;
    Ok(client.map(|client| client.with_credential(credential.credential_id)).ok_or(None))
}

/// Counts and records a failed login, in a transaction of its own.
async fn failed(
    app: &App,
    identity: &throttle::Identity,
    client_info: &ClientInfo,
    method: &'static str,
    detail: Option<String>,
) -> Result<OAuthError, OAuthError> {
    let mut tx = app.db.system().await?;
    let wait = throttle::record_failure(&mut tx, identity, app.now()).await?;
    // Filed under the organization whose agent was meant; under the system organization if there is no such agent.
    let agent = identity.agent_id().map(AgentId::as_uuid);
    let concerned = store::organization_of_any_tenant(&mut tx, agent).await?;
    if let Some((organization_id, agent_exists)) = concerned {
        let mut event = NewEvent::new(organization_id, Action::AuthFailed)
            .client(client_info)
            .metadata(json!({
                "reason": "client could not be authenticated",
                "clientId": identity.shown_client_id(),
                "method": method,
                "detail": detail,
            }))
            .failure();
        if let (true, Some(agent)) = (agent_exists, identity.agent_id()) {
            event = event.agent(agent);
        }
        audit::record(&mut tx, app, event).await?;
    }
    tx.commit().await?;
    Ok(wait.map_or(OAuthError::InvalidClient, OAuthError::SlowDown))
}
