//! The one way from a workload's token to one of ours, behind `POST /api/v1/oidc/token` and the token endpoint (RFC 8693).
//!
//! Whatever is wrong, the answer is the same: whoever has no good token learns neither which organizations there are nor whom they
//! trust. An organization reads in its log why a token that its issuer did sign was refused.

use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::issuer::ORGANIZATIONS_PATH;
use agentidp_shared::jwk::{JwkSet, VerificationKey};
use agentidp_shared::outside_token::{self, Accepted, Kind, Refusal};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::model::{Policy, Provider};
use super::rule::{self, Mismatch};
use super::store;
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::clock::unix_seconds;
use crate::infra::config::Secret;
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, shown};
use crate::tokens::{self, GrantError, OAuthError, Target, TokenResponse};
use crate::{credentials, outside_issuers};

/// Claims that the log shows of a token whose signature was good.
const LOGGED: [&str; 12] = [
    "sub",
    "repository",
    "repository_id",
    "repository_owner_id",
    "ref",
    "environment",
    "event_name",
    "job_workflow_ref",
    "run_id",
    "actor",
    "pipeline_source",
    "jti",
];

/// A token of a workload's, and what is asked for it.
#[derive(Debug)]
pub struct Presented {
    /// Whose token it is; any whose issuer it names if not said.
    pub(super) provider: Option<Provider>,
    pub(super) token: Secret<String>,
    /// The agent to get a token for; if not said, one that can register agents.
    pub(super) agent: Option<AgentId>,
    /// What our token is to be good for.
    pub(super) target: Target,
}

impl Presented {
    /// As at the token endpoint, which names no provider.
    pub fn new(token: Secret<String>, agent: Option<AgentId>, target: Target) -> Self {
        Self { provider: None, token, agent, target }
    }

    fn provider(&self) -> &'static str {
        self.provider.map_or("not named", Provider::as_str)
    }
}

/// Why nothing was exchanged, as far as the caller is told.
#[derive(Debug)]
pub enum NotExchanged {
    NotAccepted,
    /// Too many that were not accepted; seconds to wait.
    MustWait(u64),
    /// The token is accepted, and was not used up; this of what was asked for is not given.
    NotGiven(OAuthError),
    Internal(ApiError),
}

impl From<ApiError> for NotExchanged {
    fn from(error: ApiError) -> Self {
        Self::Internal(error)
    }
}

impl From<sqlx::Error> for NotExchanged {
    fn from(error: sqlx::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// Why there is no token. For logs: the caller is not told.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Token(#[from] Refusal),
    #[error("`aud` is the issuer of no organization here")]
    Audience,
    #[error("no policy of the organization is about this issuer")]
    Issuer,
    #[error(
        "no key that is known of the issuer has the token's `kid` and algorithm; its keys are fetched now"
    )]
    Key,
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    #[error("the token was used before")]
    Used,
    #[error("the {0}")]
    Agent(&'static str),
    #[error("the scope or resource that was asked for is not given to the agent")]
    Target(OAuthError),
}

/// What came of an attempt that is not a failure of ours.
enum Attempt {
    Granted(TokenResponse),
    /// Signed by an issuer that the organization trusts, or not.
    Refused(Refused, Option<Signed>),
}

/// Whom a refusal is told: the organization whose issuer did sign the token.
struct Signed {
    organization: OrganizationId,
    claims: Map<String, Value>,
}

/// Judges a workload's token and issues ours for it, in one transaction that uses it up.
pub async fn exchange(
    app: &App,
    client: &ClientInfo,
    presented: &Presented,
) -> Result<TokenResponse, NotExchanged> {
    let mut tx = app.db.system().await?;
    let wait = tokens::address_must_wait(&mut tx, client.ip, app.now()).await?;
    drop(tx);
    if let Some(seconds) = wait {
        return Err(NotExchanged::MustWait(seconds));
    }
    match attempt(app, client, presented).await? {
        Attempt::Granted(response) => {
            count(presented, "exchanged");
            Ok(response)
        }
        Attempt::Refused(reason, signed) => {
            count(presented, "refused");
            tracing::info!(provider = presented.provider(), %reason, "a workload's token was refused");
            Err(refuse(app, client, presented, reason, signed).await?)
        }
    }
}

async fn attempt(app: &App, client: &ClientInfo, presented: &Presented) -> Result<Attempt, ApiError> {
    // Before the token is looked at: ours must never be younger than the check that allowed it.
    let now = app.now();
    let unverified = match outside_token::parse(presented.token.expose(), Kind::Workload) {
        Ok(unverified) => unverified,
        Err(refusal) => return Ok(Attempt::Refused(refusal.into(), None)),
    };
    let Some(organization) = organization_of(app, unverified.audience()) else {
        return Ok(Attempt::Refused(Refused::Audience, None));
    };
    let issuer = unverified.issuer().to_owned();
    let mut tx = app.db.tenant(organization).await?;
    let exists = store::organization_exists(&mut tx, organization).await?;
    let candidates = store::candidates(&mut tx, presented.provider, &issuer, presented.agent).await?;
    tx.commit().await?;
    // All of it is done whether the organization exists and trusts the issuer or not, and nobody is asked for anything: how long the
    // answer takes tells of neither.
    let stand_in = credentials::stand_in_for(unverified.algorithm());
    let mut tx = app.db.system().await?;
    let known =
        outside_issuers::known_keys(&mut tx, &issuer, &JwkSet { keys: vec![stand_in.clone()] }, now).await?;
    tx.commit().await?;
    let refused = if !exists {
        Some(Refused::Audience)
    } else if candidates.is_empty() {
        Some(Refused::Issuer)
    } else {
        None
    };
    let key = known.keys.find(unverified.kid()).filter(|key| key.algorithm() == unverified.algorithm());
    if refused.is_none() && (key.is_none() || !known.is_fresh) {
        outside_issuers::refresh_soon(app, &issuer);
    }
    let key = match (refused, key) {
        (None, Some(key)) => key,
        (refused, _) => {
            // What the key in its place says of the signature is not believed: its private half is in a standard.
            if let Ok(stand_in) = VerificationKey::from_accepted_jwk(&stand_in) {
                std::hint::black_box(stand_in.verify(unverified.signing_input(), unverified.signature()));
            }
            return Ok(Attempt::Refused(refused.unwrap_or(Refused::Key), None));
        }
    };
    let authentic = match unverified.check_signature(key) {
        Ok(authentic) => authentic,
        Err(refusal) => return Ok(Attempt::Refused(refusal.into(), None)),
    };
    let signed = Signed { organization, claims: authentic.claims().clone() };
    let refused = |reason: Refused| Ok(Attempt::Refused(reason, Some(signed)));
    let accepted = match authentic.judge(unix_seconds(app.now()), Kind::Workload) {
        Ok(accepted) => accepted,
        Err(refusal) => return refused(refusal.into()),
    };
    let policy = match choose(&candidates, &accepted) {
        Ok(policy) => policy,
        Err(mismatch) => return refused(mismatch.into()),
    };
    let mut tx = app.db.tenant(organization).await?;
    match grant(&mut tx, app, client, policy, &accepted, &presented.target, now).await? {
        Ok(response) => {
            tx.commit().await?;
            Ok(Attempt::Granted(response))
        }
        Err(reason) => refused(reason),
    }
}

/// The organization whose issuer `audience` is, byte for byte.
fn organization_of(app: &App, audience: &str) -> Option<OrganizationId> {
    audience.strip_prefix(&app.config.issuer)?.strip_prefix(ORGANIZATIONS_PATH)?.parse().ok()
}

/// The oldest policy that the token fits; or else why it does not fit the one that it comes closest to, if there is only one.
fn choose<'a>(candidates: &'a [Policy], accepted: &Accepted) -> Result<&'a Policy, Mismatch> {
    let mut mismatch = Mismatch::Differs("sub".to_owned());
    for policy in candidates {
        match rule::admit(policy, &accepted.claims, accepted.has_jti) {
            Ok(_) => return Ok(policy),
            Err(reason) => mismatch = reason,
        }
    }
    Err(mismatch)
}

/// Uses the token up, pins the policy and issues ours, in one transaction.
async fn grant(
    tx: &mut TenantTx,
    app: &App,
    client: &ClientInfo,
    policy: &Policy,
    accepted: &Accepted,
    target: &Target,
    now: OffsetDateTime,
) -> Result<Result<TokenResponse, Refused>, ApiError> {
    // Again, with the row locked: of two first uses at once the second finds what the first pinned, and of a policy that was deleted
    // in between there is nothing.
    let Some(policy) = store::lock(tx, policy.id).await? else { return Ok(Err(Refused::Issuer)) };
    let pinned = match rule::admit(&policy, &accepted.claims, accepted.has_jti) {
        Ok(pinned) => pinned,
        Err(mismatch) => return Ok(Err(mismatch.into())),
    };
    // Of several requests at once the first inserts the row, and the others then find it.
    if !store::use_token(tx, accepted.used_by, accepted.refused_from).await? {
        return Ok(Err(Refused::Used));
    }
    let is_first = pinned != policy.pinned;
    store::note_use(tx, policy.id, &pinned, now).await?;
    let details =
        json!({ "policyId": policy.id, "provider": policy.provider, "workload": logged(&accepted.claims) });
    if is_first {
        let event = NewEvent::new(policy.organization, Action::TrustPolicyPinned)
            .agent(policy.agent)
            .client(&client.by(policy.agent))
            .metadata(json!({ "policyId": policy.id, "pinned": pinned }));
        audit::record(tx, app, event).await?;
    }
    let event = NewEvent::new(policy.organization, Action::OidcTokenExchanged)
        .agent(policy.agent)
        .client(&client.by(policy.agent))
        .metadata(details);
    audit::record(tx, app, event).await?;
    if policy.is_bootstrap && target.is_another_api(app) {
        // Others would not know that it only registers.
        let error = OAuthError::InvalidTarget("a token that can register agents is for nothing else".into());
        return Ok(Err(Refused::Target(error)));
    }
    match tokens::grant(tx, app, client, policy.agent, target, now).await {
        Ok(response) => Ok(Ok(response)),
        Err(GrantError::NotGiven(error)) => Ok(Err(Refused::Target(error))),
        Err(GrantError::Refused(reason)) => Ok(Err(Refused::Agent(reason))),
        Err(GrantError::Internal(error)) => Err(error),
    }
}

/// Counts the failure against the address, and tells the organization whose issuer signed the token why it was refused.
async fn refuse(
    app: &App,
    client: &ClientInfo,
    presented: &Presented,
    reason: Refused,
    signed: Option<Signed>,
) -> Result<NotExchanged, ApiError> {
    if let Some(Signed { organization, claims }) = signed {
        let mut tx = app.db.tenant(organization).await?;
        let metadata = json!({
            "provider": presented.provider,
            "reason": reason.to_string(),
            "workload": logged(&claims),
        });
        let event =
            NewEvent::new(organization, Action::OidcTokenRefused).client(client).metadata(metadata).failure();
        audit::record(&mut tx, app, event).await?;
        tx.commit().await?;
    }
    if let Refused::Target(error) = reason {
        return Ok(NotExchanged::NotGiven(error));
    }
    let mut tx = app.db.system().await?;
    let wait = tokens::count_failure(&mut tx, client.ip, app.now()).await?;
    tx.commit().await?;
    Ok(wait.map_or(NotExchanged::NotAccepted, NotExchanged::MustWait))
}

/// What the log shows of a workload.
fn logged(claims: &Map<String, Value>) -> Map<String, Value> {
    let text = |name: &&str| Some(((*name).to_owned(), shown_claim(claims.get(*name)?.as_str()?).into()));
    LOGGED.iter().filter_map(text).collect()
}

fn shown_claim(text: &str) -> String {
    if text.len() <= 512 && !text.chars().any(char::is_control) { text.to_owned() } else { shown(text) }
}

fn count(presented: &Presented, outcome: &'static str) {
    metrics::counter!("agentidp_oidc_tokens_total", "provider" => presented.provider(), "outcome" => outcome)
        .increment(1);
}
