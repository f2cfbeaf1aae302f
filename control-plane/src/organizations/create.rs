//! `POST /api/v1/organizations`: for members of the system organization.

use agentidp_shared::ids::{AgentId, CredentialId, OrganizationId};
use agentidp_shared::jwk::Algorithm;
use agentidp_shared::scopes::{MAX_SCOPES, ScopeSet};
use agentidp_shared::tier::Tier;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::model::{ALGORITHMS, IssuerKind, Organization, SigningAlgorithm, TierName, is_slug};
use super::resources::{Allowed, AllowedChange};
use super::store::{self, NewOrganization, Signing};
use super::update::choose_algorithm;
use crate::access::{Act, Caller, Permit, Role};
use crate::agents::{self, AgentType, DeploymentEnv, NewAgent};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::credentials::{self, ShownSecret};
use crate::infra::db::SystemTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody, FieldErrors, constraint_name};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::idempotency::{self, Idempotency};
use crate::infra::http::json::StrictJson;
use crate::keys::Choice;
use crate::resources;

/// An organization to create.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct CreateOrganizationRequest {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// 2 to 63 lower-case letters, digits and single hyphens between them; unique on this instance.
    #[schema(min_length = 2, max_length = 63)]
    slug: String,
    /// `free` if absent.
    #[schema(value_type = Option<TierName>)]
    tier: Option<Tier>,
    /// What its tokens are signed with; what the instance uses if absent.
    #[schema(value_type = Option<SigningAlgorithm>)]
    signing_algorithm: Option<Algorithm>,
    /// `instance` if absent.
    issuer_kind: Option<IssuerKind>,
    /// The identifiers of protected APIs that its agents may get tokens for; `*` is any URI. None if absent.
    #[schema(max_items = 64)]
    allowed_resources: Option<Vec<String>>,
    /// The scopes of protected APIs that its agents may hold; `*` is every one. None if absent.
    #[schema(max_items = 512)]
    allowed_scopes: Option<Vec<String>>,
    /// The organization's first administrator, registered with it. Without one nobody can act for it yet.
    admin: Option<FirstAdministrator>,
}

/// An administrator to register.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct FirstAdministrator {
    #[schema(max_length = 254)]
    email: String,
    #[schema(min_length = 1, max_length = 128)]
    owner: String,
}

/// The administrator that was registered, with its secret, which is shown this once.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegisteredAdministrator {
    #[schema(value_type = uuid::Uuid)]
    agent_id: AgentId,
    #[schema(value_type = uuid::Uuid)]
    client_id: AgentId,
    #[schema(value_type = uuid::Uuid)]
    credential_id: CredentialId,
    client_secret: ShownSecret,
}

/// The organization that was created.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedOrganization {
    #[serde(flatten)]
    organization: Organization,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<RegisteredAdministrator>,
}

impl FromFields for CreateOrganizationRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let name = fields.required_string("name", 1..=200);
        let slug = fields.required("slug", |fields| {
            let slug = fields.optional_string("slug", 2..=63)?;
            if !is_slug(&slug) {
                fields
                    .error("slug", "must be lower-case letters and digits, with single hyphens between them");
                return None;
            }
            Some(slug)
        });
        let tier = fields.optional_parsed("tier", "free, pro or enterprise");
        let signing_algorithm = fields.optional_parsed("signingAlgorithm", ALGORITHMS);
        let issuer_kind = fields.optional_parsed("issuerKind", "instance or organization");
        let AllowedChange { allowed_resources, allowed_scopes } = AllowedChange::read(fields);
        let admin = fields.optional_object("admin");
        Some(Self {
            name: name?,
            slug: slug?,
            tier,
            signing_algorithm,
            issuer_kind,
            allowed_resources,
            allowed_scopes,
            admin,
        })
    }
}

impl FromFields for FirstAdministrator {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let email = fields.required("email", agents::read_email);
        let owner = fields.required_string("owner", 1..=128);
        Some(Self { email: email?, owner: owner? })
    }
}

/// Create an organization
///
/// With `admin`, its first administrator is registered in the same step. It gets the management API's scopes that are an organization's, and
/// of protected APIs those that `allowedScopes` names; its secret is in this answer and never shown again.
#[utoipa::path(post, path = "/api/v1/organizations", operation_id = "create_organization", tag = "Organizations",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request give the first answer again")),
    request_body = CreateOrganizationRequest,
    responses(
        (status = 201, description = "The organization", body = CreatedOrganization),
        (status = 400, description = "Fields are missing or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller is not of the system organization", body = ErrorBody),
        (status = 409, description = "The slug is taken, too many signing keys are published for one of another algorithm, or the idempotency key was used for something else", body = ErrorBody)))]
pub(super) async fn create_organization(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    idempotency: Idempotency,
    StrictJson(request): StrictJson<CreateOrganizationRequest>,
) -> Result<Response, ApiError> {
    caller.permit_platform(Act::ManagePlatform)?;
    let work = create(&app, &caller, &client, request);
    idempotency::run(&app, &caller, "create_organization", idempotency, work).await
}

async fn create(
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    request: CreateOrganizationRequest,
) -> Result<(SystemTx, Response), ApiError> {
    let mut tx = app.db.system().await?;
    // What its administrator is given is not to end meanwhile.
    resources::lock_shared(&mut tx).await?;
    let id = OrganizationId::new(app.new_id());
    let change = AllowedChange {
        allowed_resources: request.allowed_resources,
        allowed_scopes: request.allowed_scopes,
    };
    let allowed = change.apply(&mut tx, app, Allowed::default()).await?;
    let new = NewOrganization {
        slug: request.slug,
        name: request.name,
        tier: request.tier.unwrap_or(Tier::Free),
        signing: Signing {
            choice: Choice { algorithm: request.signing_algorithm, before: None },
            issuer_kind: request.issuer_kind.unwrap_or_default(),
        },
        allowed,
        is_system: false,
    };
    super::insert(&mut tx, id, &new, app.now()).await.map_err(|error| match constraint_name(&error) {
        Some("organizations_slug_unique") => {
            ApiError::conflict("SLUG_TAKEN", "an organization has this slug")
        }
        _ => error.into(),
    })?;
    if let Some(algorithm) = request.signing_algorithm {
        choose_algorithm(&mut tx, app, caller, client, id, algorithm).await?;
    }
    // In the log of who did it, and at the beginning of the new organization's own.
    for log in [caller.organization_id, id] {
        let event = NewEvent::new(log, Action::OrganizationCreated).client(client).metadata(json!({
            "actorId": caller.actor(),
            "organizationId": id,
            "slug": new.slug,
            "signingAlgorithm": request.signing_algorithm,
            "issuerKind": new.signing.issuer_kind,
            "allowedResources": new.allowed.allowed_resources,
            "allowedScopes": new.allowed.allowed_scopes,
        }));
        audit::record(&mut tx, app, event).await?;
    }
    let admin = match request.admin {
        Some(admin) => {
            let scopes = scopes_of_administrator(app, &new.allowed)?;
            Some(register_administrator(&mut tx, app, caller, client, id, admin, scopes).await?)
        }
        None => None,
    };
    let organization = store::find(&mut tx, app, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let headers = [
        (header::LOCATION, format!("/api/v1/organizations/{id}")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let body = Json(CreatedOrganization { organization, admin });
    Ok((tx, (StatusCode::CREATED, headers, body).into_response()))
}

/// What an organization's first administrator holds: the management API's scopes but the platform's own, and the scopes of protected
/// APIs that `allowedScopes` names. Of all others that the organization may have it can give some to agents.
fn scopes_of_administrator(app: &App, allowed: &Allowed) -> Result<ScopeSet, ApiError> {
    let built_in = resources::built_in_of_organizations(app);
    let scopes: ScopeSet = built_in.iter().cloned().chain(allowed.named_scopes()).collect();
    if scopes.len() > MAX_SCOPES {
        let mut errors = FieldErrors::new();
        let most = MAX_SCOPES.saturating_sub(built_in.len());
        errors.push(
            "allowedScopes",
            format!(
                "can have at most {most} items besides admin; PUT the rest to /resources of the organization"
            ),
        );
        return Err(errors.into_error());
    }
    Ok(scopes)
}

async fn register_administrator(
    tx: &mut PgConnection,
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    organization: OrganizationId,
    admin: FirstAdministrator,
    scopes: ScopeSet,
) -> Result<RegisteredAdministrator, ApiError> {
    let new = NewAgent {
        organization_id: organization,
        email: admin.email,
        agent_type: AgentType::Custom,
        version: "1.0.0".into(),
        capabilities: vec!["organization:administer".into()],
        owner: admin.owner,
        deployment_env: DeploymentEnv::Production,
        name: Some("First administrator".into()),
        description: None,
        is_public: false,
        a2a_url: None,
        scopes,
    };
    let agent = agents::register(tx, app, new).await?;
    let permit = Permit::of_instance(agent.id);
    super::add_member(tx, app, organization, permit, Role::Owner).await?;
    let (credential_id, secret) = credentials::generate(tx, app, organization, permit, None).await?;
    for (action, metadata) in [
        (
            Action::AgentCreated,
            json!({ "actorId": caller.actor(), "email": agent.email, "scopes": agent.scopes }),
        ),
        (Action::CredentialGenerated, json!({ "actorId": caller.actor(), "credentialId": credential_id })),
    ] {
        let event = NewEvent::new(organization, action).agent(agent.id).client(client).metadata(metadata);
        audit::record(tx, app, event).await?;
    }
    Ok(RegisteredAdministrator {
        agent_id: agent.id,
        client_id: agent.id,
        credential_id,
        client_secret: ShownSecret::new(&secret),
    })
}
