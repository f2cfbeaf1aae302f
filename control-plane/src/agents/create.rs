//! `POST /api/v1/agents`.

use agentidp_shared::scopes::ScopeSet;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa::ToSchema;

use super::fields::{self, DESCRIPTION_LENGTH, NAME_LENGTH, OWNER_LENGTH};
use super::model::{Agent, AgentType, DeploymentEnv, NewAgent};
use super::register::register;
use crate::access::Caller;
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::idempotency::{self, Idempotency};
use crate::infra::http::json::StrictJson;
use crate::resources;

/// An agent to register.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct CreateAgentRequest {
    /// Unique among the organization's agents that are not decommissioned; case does not matter.
    #[schema(max_length = 254, examples("screener-1@example.com"))]
    email: String,
    agent_type: AgentType,
    /// Semantic version of the agent's software.
    #[schema(max_length = 64, examples("1.0.0"))]
    version: String,
    /// What it can do, each as `resource:action`; at most 64.
    #[schema(examples("[\"resume:read\"]"))]
    capabilities: Vec<String>,
    #[schema(min_length = 1, max_length = 128)]
    owner: String,
    deployment_env: DeploymentEnv,
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    #[schema(min_length = 1, max_length = 1_000)]
    description: Option<String>,
    /// Whether anyone may read its cards, with its organization's name, and find it in the public catalogue. `false` if absent.
    is_public: Option<bool>,
    /// Where it answers A2A (JSON-RPC), for its card: an https URL.
    #[schema(max_length = 2_048, examples("https://agent.example.com/a2a"))]
    a2a_url: Option<String>,
    /// The scopes that its tokens may have; none if absent. The caller gives what its token holds; an owner or administrator of the
    /// organization, with `admin:orgs`, also the scopes of protected APIs that the platform lets the organization have.
    #[schema(value_type = Option<Vec<String>>)]
    scopes: Option<ScopeSet>,
}

impl FromFields for CreateAgentRequest {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let email = input.required("email", fields::email);
        let agent_type = input.required("agentType", fields::agent_type);
        let version = input.required("version", fields::version);
        let capabilities = input.required("capabilities", fields::capabilities);
        let owner = input.required_string("owner", OWNER_LENGTH);
        let deployment_env = input.required("deploymentEnv", fields::deployment_env);
        let name = input.optional_string("name", NAME_LENGTH);
        let description = input.optional_string("description", DESCRIPTION_LENGTH);
        let is_public = input.optional_bool("isPublic");
        let a2a_url = fields::a2a_url(input);
        let scopes = input.optional_scopes("scopes");
        Some(Self {
            email: email?,
            agent_type: agent_type?,
            version: version?,
            capabilities: capabilities?,
            owner: owner?,
            deployment_env: deployment_env?,
            name,
            description,
            is_public,
            a2a_url,
            scopes,
        })
    }
}

/// Register an agent
///
/// The agent gets an id, a key pair and a DID; give it a credential next.
#[utoipa::path(post, path = "/api/v1/agents", operation_id = "create_agent", tag = "Agents",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request give the first answer again")),
    request_body = CreateAgentRequest,
    responses(
        (status = 201, description = "The agent", body = Agent),
        (status = 400, description = "Fields are missing or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the tier's number of agents is reached", body = ErrorBody),
        (status = 409, description = "The e-mail address is taken, or the idempotency key was used for something else", body = ErrorBody)))]
pub(super) async fn create_agent(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    idempotency: Idempotency,
    StrictJson(request): StrictJson<CreateAgentRequest>,
) -> Result<Response, ApiError> {
    let scopes = resources::grantable(&app, &caller, request.scopes.unwrap_or_default()).await?;
    let new = NewAgent {
        organization_id: caller.organization_id,
        email: request.email,
        agent_type: request.agent_type,
        version: request.version,
        capabilities: request.capabilities,
        owner: request.owner,
        deployment_env: request.deployment_env,
        name: request.name,
        description: request.description,
        is_public: request.is_public.unwrap_or(false),
        a2a_url: request.a2a_url,
        scopes,
    };
    let deployment_env = new.deployment_env.as_str();
    let work = create(&app, &caller, &client, new);
    let response = idempotency::run(&app, &caller, "create_agent", idempotency, work).await?;
    if !idempotency::is_replayed(&response) {
        metrics::counter!("agentidp_agents_registered_total", "deployment_env" => deployment_env)
            .increment(1);
    }
    Ok(response)
}

async fn create(
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    new: NewAgent,
) -> Result<(TenantTx, Response), ApiError> {
    let mut tx = app.db.tenant(caller.organization_id).await?;
    resources::require_rights(&mut tx, app, &new.scopes).await?;
    let agent = register(&mut tx, app, new).await?;
    let event = NewEvent::new(caller.organization_id, Action::AgentCreated)
        .agent(agent.id)
        .client(client)
        .metadata(json!({ "actorId": caller.actor(), "email": agent.email, "scopes": agent.scopes }));
    audit::record(&mut tx, app, event).await?;
    let location = format!("/api/v1/agents/{}", agent.id);
    Ok((tx, (StatusCode::CREATED, [(header::LOCATION, location)], Json(agent)).into_response()))
}
