//! `POST /api/v1/oidc/token`: a token of a workload outside, for one of ours.
//!
//! Whatever is wrong, the answer is the same: whoever has no good token learns neither which organizations there are nor whom they
//! trust. An organization reads in its log why a token that its issuer did sign was refused.

use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::issuer::ORGANIZATIONS_PATH;
use agentidp_shared::outside_token::{self, Accepted, Kind, Refusal};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::model::{Policy, Provider};
use super::rule::{self, Mismatch};
use super::store;
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::clock::unix_seconds;
use crate::infra::config::Secret;
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody, shown};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::tokens::{self, GrantError, TokenResponse};

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

/// A token to exchange.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct ExchangeOidcTokenRequest {
    /// Whose token it is.
    provider: Provider,
    /// The token, a JWT. It can be exchanged once.
    #[schema(value_type = String, max_length = 8_192)]
    token: Secret<String>,
    /// The agent to get a token for. If absent: a token that can register agents, and nothing else.
    #[schema(value_type = Option<uuid::Uuid>)]
    agent_id: Option<AgentId>,
}

impl FromFields for ExchangeOidcTokenRequest {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let provider = input.required_parsed("provider", "github, gitlab, kubernetes, spiffe or oidc");
        let token = input.required_string("token", 1..=8_192).map(Secret::new);
        let agent_id = input.optional_parsed("agentId", "an agent's id: a UUID in its canonical form");
        Some(Self { provider: provider?, token: token?, agent_id })
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
    #[error("no key of the issuer has the token's `kid`, or its keys cannot be had")]
    Key,
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    #[error("the token was used before")]
    Used,
    #[error("the {0}")]
    Agent(&'static str),
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

/// Exchange a workload's token
///
/// For a token of an agent that the workload's policy names, or for one that can register agents. Each token is accepted once.
#[utoipa::path(post, path = "/api/v1/oidc/token", operation_id = "exchange_oidc_token", tag = "Workload identity",
    security(()),
    request_body = ExchangeOidcTokenRequest,
    responses(
        (status = 200, description = "The access token", body = TokenResponse),
        (status = 400, description = "Fields are missing or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The token is not accepted; why is not told", body = ErrorBody),
        (status = 429, description = "Too many tokens that were not accepted", body = ErrorBody)))]
pub(super) async fn exchange_oidc_token(
    State(app): State<App>,
    client: ClientInfo,
    StrictJson(request): StrictJson<ExchangeOidcTokenRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let mut tx = app.db.system().await?;
    let wait = tokens::address_must_wait(&mut tx, client.ip, app.now()).await?;
    drop(tx);
    if let Some(seconds) = wait {
        return Err(slow_down(seconds));
    }
    match attempt(&app, &client, &request).await? {
        Attempt::Granted(response) => {
            count(request.provider, "exchanged");
            Ok(([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], Json(response)))
        }
        Attempt::Refused(reason, signed) => {
            count(request.provider, "refused");
            tracing::info!(provider = request.provider.as_str(), %reason, "a workload's token was refused");
            Err(refuse(&app, &client, &request, &reason, signed).await?)
        }
    }
}

async fn attempt(
    app: &App,
    client: &ClientInfo,
    request: &ExchangeOidcTokenRequest,
) -> Result<Attempt, ApiError> {
    // Before the token is looked at: ours must never be younger than the check that allowed it.
    let now = app.now();
    let unverified = match outside_token::parse(request.token.expose(), Kind::Workload) {
        Ok(unverified) => unverified,
        Err(refusal) => return Ok(Attempt::Refused(refusal.into(), None)),
    };
    let Some(organization) = organization_of(app, unverified.audience()) else {
        return Ok(Attempt::Refused(Refused::Audience, None));
    };
    let mut tx = app.db.tenant(organization).await?;
    if !store::organization_exists(&mut tx, organization).await? {
        return Ok(Attempt::Refused(Refused::Audience, None));
    }
    let issuer = unverified.issuer().to_owned();
    let candidates = store::candidates(&mut tx, request.provider, &issuer, request.agent_id).await?;
    // Before others are asked for anything: a transaction that waits for them keeps a connection from everyone.
    tx.commit().await?;
    if candidates.is_empty() {
        return Ok(Attempt::Refused(Refused::Issuer, None));
    }
    let Some(key) = app.outside_issuers.key(&issuer, unverified.kid(), now).await else {
        return Ok(Attempt::Refused(Refused::Key, None));
    };
    let authentic = match unverified.check_signature(&key) {
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
    match grant(&mut tx, app, client, policy, &accepted, now).await? {
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
    now: time::OffsetDateTime,
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
            .client(client)
            .metadata(json!({ "policyId": policy.id, "pinned": pinned }));
        audit::record(tx, app, event).await?;
    }
    let event = NewEvent::new(policy.organization, Action::OidcTokenExchanged)
        .agent(policy.agent)
        .client(client)
        .metadata(details);
    audit::record(tx, app, event).await?;
    match tokens::grant(tx, app, client, policy.agent, now).await {
        Ok(response) => Ok(Ok(response)),
        Err(GrantError::Refused(reason)) => Ok(Err(Refused::Agent(reason))),
        Err(GrantError::Internal(error)) => Err(error),
    }
}

/// Counts the failure against the address, and tells the organization whose issuer signed the token why it was refused.
async fn refuse(
    app: &App,
    client: &ClientInfo,
    request: &ExchangeOidcTokenRequest,
    reason: &Refused,
    signed: Option<Signed>,
) -> Result<ApiError, ApiError> {
    if let Some(Signed { organization, claims }) = signed {
        let mut tx = app.db.tenant(organization).await?;
        let metadata = json!({
            "provider": request.provider,
            "reason": reason.to_string(),
            "workload": logged(&claims),
        });
        let event =
            NewEvent::new(organization, Action::OidcTokenRefused).client(client).metadata(metadata).failure();
        audit::record(&mut tx, app, event).await?;
        tx.commit().await?;
    }
    let mut tx = app.db.system().await?;
    let wait = tokens::count_failure(&mut tx, client.ip, app.now()).await?;
    tx.commit().await?;
    Ok(wait.map_or_else(not_accepted, slow_down))
}

/// What the log shows of a workload.
fn logged(claims: &Map<String, Value>) -> Map<String, Value> {
    let text = |name: &&str| Some(((*name).to_owned(), shown_claim(claims.get(*name)?.as_str()?).into()));
    LOGGED.iter().filter_map(text).collect()
}

fn shown_claim(text: &str) -> String {
    if text.len() <= 512 && !text.chars().any(char::is_control) { text.to_owned() } else { shown(text) }
}

fn count(provider: Provider, outcome: &'static str) {
    metrics::counter!("agentidp_oidc_tokens_total", "provider" => provider.as_str(), "outcome" => outcome)
        .increment(1);
}

fn not_accepted() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "OIDC_TOKEN_NOT_ACCEPTED", "the token is not accepted")
        .header(header::WWW_AUTHENTICATE, r#"Bearer realm="agentidp""#.to_owned())
}

fn slow_down(seconds: u64) -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "RATE_LIMITED",
        "too many tokens that were not accepted; wait",
    )
    .header(header::RETRY_AFTER, seconds.to_string())
}
