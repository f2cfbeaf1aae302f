//! Token exchange (RFC 8693): a token for the client, derived from one that it holds or is named by.

use agentidp_shared::claims::Claims;
use agentidp_shared::delegation::{self, NotDerived, Wanted};
use agentidp_shared::ids::TokenId;
use agentidp_shared::scopes::ScopeSet;

use super::form::Form;
use super::introspect::authentic_claims;
use super::oauth_error::OAuthError;
use super::store::{self, Client};
use super::{issue, model};
use crate::app::App;
use crate::delegation::stands;
use crate::infra::clock::unix_seconds;
use crate::infra::http::client_info::ClientInfo;
use crate::keys::Choice;
use crate::status_lists;

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// RFC 8693 §3.
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(super) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A new token and its claims. What was exchanged stays good.
pub(super) async fn exchange(
    app: &App,
    client: &Client,
    client_info: &ClientInfo,
    form: &Form,
    now: u64,
) -> Result<(String, Claims), OAuthError> {
    check_requested_type(form)?;
    let parent = living(app, client, form, "subject_token", "subject_token_type").await?;
    let parent = parent.ok_or_else(|| invalid("subject_token is missing"))?;
    // A delegated token is held by whom it was delegated to, which its `client_id`, `act` and `may_act` all name.
    if parent.client_id != client.agent_id {
        return Err(invalid("the subject_token neither belongs to the client nor names it"));
    }
    let actor = living(app, client, form, "actor_token", "actor_token_type").await?;
    let is_own = |actor: &Claims| {
        actor.sub == client.agent_id && actor.client_id == client.agent_id && actor.delegation.is_none()
    };
    if actor.as_ref().is_some_and(|actor| !is_own(actor)) {
        return Err(invalid("the actor_token is not the client's own"));
    }
    let scopes = form.get("scope").map(ScopeSet::parse).transpose();
    let scopes = scopes.map_err(|error| OAuthError::InvalidScope(error.to_string().into()))?;
    let audience = audience(app, form)?;
    // Nothing is issued beyond the end of anything that was presented.
    let lifetime = u64::from(app.config.token_ttl_seconds);
    let end = actor.as_ref().map_or(u64::MAX, |actor| actor.exp);
    let wanted = Wanted {
        jti: TokenId::new(app.new_id()),
        holder: client.agent_id,
        organization: client.organization_id,
        grant: None,
        scopes,
        audience,
        issuer: &app.config.issuer,
        now,
        lifetime: lifetime.min(end.saturating_sub(now.max(parent.iat))),
        not_before: client.not_before,
        names_delegatee: false,
    };
    let mut claims = delegation::derive(&parent, wanted).map_err(|refusal| match refusal {
        NotDerived::Scope(_) => OAuthError::InvalidScope(refusal.to_string().into()),
        NotDerived::Audience => OAuthError::InvalidTarget(refusal.to_string().into()),
        NotDerived::ObtainedForAnother
        | NotDerived::Expired
        | NotDerived::TooDeep
        | NotDerived::Cycle
        | NotDerived::Organization
        | NotDerived::Grant(_) => OAuthError::InvalidRequest(format!("subject_token: {refusal}").into()),
    })?;
    claims.status = Some(status_lists::reserve(app));
    let token = issue::sign(app, signing(app, client, &parent).await?, &claims)?;
    issue::record(app, client, &claims, client_info).await?;
    Ok((token, claims))
}

/// How tokens of the subject's organization are signed.
async fn signing(app: &App, client: &Client, parent: &Claims) -> Result<Choice, OAuthError> {
    if parent.organization_id == client.organization_id {
        return Ok(client.signing);
    }
    let mut tx = app.db.tenant(parent.organization_id).await?;
    let subject = store::client(&mut tx, parent.sub).await?;
    tx.commit().await?;
    subject.map(|subject| subject.signing).ok_or_else(|| invalid("the subject_token is not good"))
}

/// There are access tokens and no others.
pub(super) fn check_requested_type(form: &Form) -> Result<(), OAuthError> {
    let is_other = form.get("requested_token_type").is_some_and(|requested| requested != ACCESS_TOKEN);
    if is_other { Err(invalid("requested_token_type must be that of an access token")) } else { Ok(()) }
}

/// RFC 8693 §2.2.2: also what is wrong with a token is an invalid request.
fn invalid(description: &'static str) -> OAuthError {
    OAuthError::InvalidRequest(description.into())
}

/// The claims of a token among the parameters, if it is there; an error unless it is good in every respect.
async fn living(
    app: &App,
    client: &Client,
    form: &Form,
    name: &'static str,
    type_name: &'static str,
) -> Result<Option<Claims>, OAuthError> {
    let unverified_token = match (form.get(name), form.get(type_name)) {
        (None, None) => return Ok(None),
        (None, Some(_)) | (Some(_), None) => {
            return Err(OAuthError::InvalidRequest(format!("{name} and {type_name} go together").into()));
        }
        (Some(token), Some(ACCESS_TOKEN | JWT)) => token,
        (Some(_), Some(_)) => {
            return Err(OAuthError::InvalidRequest(
                format!("{type_name} must be that of an access token or JWT").into(),
            ));
        }
    };
    let refused = || OAuthError::InvalidRequest(format!("the {name} is not good").into());
    let claims = authentic_claims(app, unverified_token).map_err(|_| refused())?;
    if claims.holder_organization() != client.organization_id {
        return Err(refused());
    }
    let mut tx = app.db.system().await?;
    let good = stands(&mut tx, &claims).await?;
    tx.commit().await?;
    if good && claims.exp > unix_seconds(app.now()) { Ok(Some(claims)) } else { Err(refused()) }
}

/// `audience` and `resource` (RFC 8693 §2.1): one API, by its URI.
pub(super) fn named_api(form: &Form) -> Result<Option<&str>, OAuthError> {
    match (form.get("audience"), form.get("resource")) {
        (Some(audience), Some(resource)) if audience != resource => {
            let description = "audience and resource name different APIs; a token is for one";
            Err(OAuthError::InvalidTarget(description.into()))
        }
        (audience, resource) => Ok(audience.or(resource)),
    }
}

/// The API that is named. None: that of the subject token.
fn audience(app: &App, form: &Form) -> Result<Option<String>, OAuthError> {
    named_api(form)?.map(|named| model::audience(Some(named), &app.config.issuer)).transpose()
}
