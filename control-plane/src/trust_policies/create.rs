//! `POST /api/v1/oidc/trust-policies`.

use std::collections::BTreeMap;

use agentidp_shared::ids::TrustPolicyId;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa::ToSchema;

use super::model::{NewPolicy, Provider, Rule, TrustPolicy};
use super::{bootstrap, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody, FieldErrors};
use crate::infra::http::idempotency::{self, Idempotency};
use crate::infra::http::json::StrictJson;
use crate::tenancy::{self, Share};
use crate::{agents, outside_issuers, resources};

/// Whose issuer can only be trusted by the rules for it.
const GITHUB_HOST: &str = "token.actions.githubusercontent.com";

/// A workload to trust. Everything is compared byte for byte.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the body; `NewPolicy` reads it")]
pub(super) struct CreateTrustPolicyRequest {
    provider: Provider,
    /// GitHub, required: `owner/name`, as GitHub writes it.
    #[schema(max_length = 140, examples("octo-org/octo-repo"))]
    repository: Option<String>,
    /// GitHub: the repository's id. The first token's if absent.
    #[schema(examples("456789"))]
    repository_id: Option<String>,
    /// GitHub: the owner's id. The first token's if absent.
    #[schema(examples("123456"))]
    repository_owner_id: Option<String>,
    /// GitHub: the one branch to trust. Any branch or tag if this and `ref` are absent.
    #[schema(examples("main"))]
    branch: Option<String>,
    /// GitHub: the one branch or tag to trust, as `refs/heads/…` or `refs/tags/…`.
    r#ref: Option<String>,
    /// GitHub: the environment that the job must be of.
    #[schema(examples("production"))]
    environment: Option<String>,
    /// GitHub: what may have started the workflow. `push`, `release`, `repository_dispatch`, `schedule` and `workflow_dispatch` if
    /// absent. Events that anyone can cause, as `pull_request_target`, cannot be trusted.
    events: Option<Vec<String>>,
    /// GitHub: the workflow that the job must be of, with its ref.
    job_workflow_ref: Option<String>,
    /// Required but for GitHub, and for GitLab if it is not gitlab.com: `iss`, an https URL.
    issuer: Option<String>,
    /// Required but for GitHub: `sub`.
    subject: Option<String>,
    /// Further claims that must be there, each with this text.
    claims: Option<BTreeMap<String, String>>,
    /// The agent that tokens are for. If absent, they can register agents and do nothing else.
    #[schema(value_type = Option<uuid::Uuid>)]
    agent_id: Option<String>,
}

/// Trust a workload
///
/// Its tokens can then be exchanged for ours. They must name the `audience` of the answer, and no other.
#[utoipa::path(post, path = "/api/v1/oidc/trust-policies", operation_id = "create_trust_policy", tag = "Workload identity",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request give the first answer again")),
    request_body = CreateTrustPolicyRequest,
    responses(
        (status = 201, description = "The policy", body = TrustPolicy),
        (status = 400, description = "Fields are missing or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, the agent may do what the caller may not, or the tier's number of agents or of trust policies is reached", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 409, description = "The idempotency key was used for something else", body = ErrorBody),
        (status = 410, description = "The agent was decommissioned", body = ErrorBody),
        (status = 429, description = "The organization made as many requests to other servers as its tier allows", body = ErrorBody)))]
pub(super) async fn create_trust_policy(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    idempotency: Idempotency,
    StrictJson(new): StrictJson<NewPolicy>,
) -> Result<Response, ApiError> {
    let issuer = issuer_of(&app, &new)?;
    let mut tx = app.db.tenant(caller.organization_id).await?;
    permit(&mut tx, &caller, &new).await?;
    tx.commit().await?;
    let work = async {
        // Before the transaction, which is not to wait for others: the first token finds the keys here.
        outside_issuers::prepare(&app, caller.organization_id, &issuer).await?;
        create(&app, &caller, &client, &new, &issuer).await
    };
    idempotency::run(&app, &caller, "create_trust_policy", idempotency, work).await
}

/// The issuer that the policy is about.
fn issuer_of(app: &App, new: &NewPolicy) -> Result<String, ApiError> {
    let Some(issuer) = &new.issuer else { return Ok(app.config.github_issuer.clone()) };
    let mut errors = FieldErrors::new();
    if let Err(reason) = app.outside_issuers.check(issuer) {
        errors.push("issuer", reason.to_string());
    }
    let is_github = *issuer == app.config.github_issuer
        || issuer.strip_prefix("https://").and_then(|rest| rest.split('/').next()) == Some(GITHUB_HOST);
    if is_github {
        errors.push("issuer", "is GitHub's: use the provider github");
    }
    if *issuer == app.config.issuer || issuer.starts_with(&format!("{}/", app.config.issuer)) {
        errors.push("issuer", "is this deployment's own");
    }
    errors.into_result()?;
    Ok(issuer.clone())
}

/// Whether the caller may trust a workload with the agent's rights: it is the caller's to manage, and holds nothing that the
/// caller could not give. Without an agent, whether the caller may let a workload register agents, and
/// could register some itself.
async fn permit(tx: &mut TenantTx, caller: &Caller, new: &NewPolicy) -> Result<(), ApiError> {
    let Some(agent) = new.agent else {
        caller.permit_own_organization(Act::TrustWorkload)?;
        let lacking = resources::not_givable(caller, &bootstrap::scopes());
        if !lacking.is_empty() {
            let message = format!("the access token does not hold what the workload could use: {lacking}");
            return Err(ApiError::forbidden("SCOPE_NOT_HELD", message));
        }
        return Ok(());
    };
    let permit = caller.permit(tx, Act::TrustWorkload, agent).await?;
    caller.refuse_to_outgrow(tx, permit).await
}

async fn create(
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    new: &NewPolicy,
    issuer: &str,
) -> Result<(TenantTx, Response), ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    tenancy::admit(&mut tx, &app.tiers, caller.organization_id, Share::TrustPolicies, app.now()).await?;
    let id = TrustPolicyId::new(app.new_id());
    let agent = match new.agent {
        Some(agent) => {
            // Whoever gets the agent's tokens by way of the workload could do what it may.
            permit(&mut tx, caller, new).await?;
            if agents::lock_status(&mut tx, agent).await? == agents::AgentStatus::Decommissioned {
                return Err(agents::gone());
            }
            agent
        }
        None => bootstrap::register(&mut tx, app, id, owner_of(new)).await?,
    };
    store::insert(&mut tx, id, new, issuer, agent, app.now()).await?;
    let metadata = json!({
        "actorId": caller.actor(),
        "policyId": id,
        "provider": new.provider,
        "issuer": issuer,
        "rule": new.rule,
        "pinned": new.pinned,
        "bootstrap": new.agent.is_none(),
    });
    let event = NewEvent::new(caller.organization_id, Action::TrustPolicyCreated)
        .agent(agent)
        .client(client)
        .metadata(metadata);
    audit::record(&mut tx, app, event).await?;
    let policy = store::lock(&mut tx, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let location = format!("/api/v1/oidc/trust-policies/{id}");
    let body = Json(policy.shown(&app.config.issuer));
    Ok((tx, (StatusCode::CREATED, [(header::LOCATION, location)], body).into_response()))
}

/// Whose a workload is, for people.
fn owner_of(new: &NewPolicy) -> &str {
    match &new.rule {
        Rule::Github(rule) => &rule.repository,
        Rule::Claims(rule) => &rule.subject,
    }
}
