//! `POST /api/v1/resources`.

use agentidp_shared::ids::ResourceId;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa::ToSchema;

use super::model::{Resource, ResourceScope, Serves};
use super::{fields, identifier_taken, not_found, rights, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::edge_feed;
use crate::infra::db::SystemTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody, FieldErrors, constraint_name};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::idempotency::{self, Idempotency};
use crate::infra::http::json::StrictJson;

/// Most protected APIs of an instance.
const MAX_RESOURCES: i64 = 512;
/// Most scopes of all protected APIs together: the discovery documents and the feed carry them all.
const MAX_SCOPES_OF_ALL: i64 = 512;

/// A protected API to register.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct CreateResourceRequest {
    /// What clients ask for as `resource` (RFC 8707): an absolute URI without a fragment, best the URL of the API. It cannot be changed.
    #[schema(max_length = 2_048, examples("https://orders.example.com"))]
    identifier: String,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// None if absent.
    #[schema(max_items = 64)]
    scopes: Option<Vec<ResourceScope>>,
    /// Which organizations may have it: `all`, or up to 500 ids; none if absent. Others may have it by their own `allowedResources`
    /// and `allowedScopes`.
    #[schema(value_type = Option<Serves>)]
    organizations: Option<Serves>,
}

impl FromFields for CreateResourceRequest {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let identifier = fields::identifier(input);
        let name = input.required_string("name", fields::NAME_LENGTH);
        let scopes = fields::scopes(input);
        let organizations = fields::organizations(input);
        Some(Self { identifier: identifier?, name: name?, scopes, organizations })
    }
}

/// Register a protected API
///
/// From then on agents can be given its scopes, and get tokens for it, if their organization may have it. For members of the system
/// organization.
#[utoipa::path(post, path = "/api/v1/resources", operation_id = "create_resource", tag = "Protected APIs",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request give the first answer again")),
    request_body = CreateResourceRequest,
    responses(
        (status = 201, description = "The protected API", body = Resource),
        (status = 400, description = "Fields are missing or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "Missing or invalid access token", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller is not of the system organization", body = ErrorBody),
        (status = 409, description = "The identifier or a scope is taken, there are too many, or the idempotency key was used for something else", body = ErrorBody)))]
pub(super) async fn create_resource(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    idempotency: Idempotency,
    StrictJson(request): StrictJson<CreateResourceRequest>,
) -> Result<Response, ApiError> {
    caller.permit_platform(Act::ManageResources)?;
    if request.identifier.trim_end_matches('/') == app.config.issuer {
        let mut errors = FieldErrors::new();
        errors.push("identifier", "is the management API, which every organization has");
        return Err(errors.into_error());
    }
    let work = create(&app, &caller, &client, request);
    idempotency::run(&app, &caller, "create_resource", idempotency, work).await
}

async fn create(
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    request: CreateResourceRequest,
) -> Result<(SystemTx, Response), ApiError> {
    let mut tx = app.db.system().await?;
    rights::lock(&mut tx).await?;
    let id = ResourceId::new(app.new_id());
    if store::count(&mut tx, None).await? >= MAX_RESOURCES {
        let message = format!("an instance can have {MAX_RESOURCES} protected APIs");
        return Err(ApiError::conflict("TOO_MANY_RESOURCES", message));
    }
    let inserted = store::insert_any_tenant(&mut tx, id, &request.identifier, &request.name, app.now()).await;
    inserted.map_err(|error| match constraint_name(&error) {
        Some("protected_resources_identifier") => identifier_taken(),
        _ => error.into(),
    })?;
    let serves = request.organizations.unwrap_or(Serves::Listed(Vec::new()));
    set_organizations(&mut tx, id, &serves).await?;
    set_scopes(&mut tx, id, &request.scopes.unwrap_or_default()).await?;
    edge_feed::scopes_changed(&mut tx, app).await?;
    let resource = store::find(&mut tx, None, &[], id).await?.ok_or_else(not_found)?;
    let event =
        NewEvent::new(caller.organization_id, Action::ResourceCreated).client(client).metadata(json!({
            "actorId": caller.actor(),
            "resourceId": id,
            "identifier": resource.identifier,
            "scopes": resource.scope_names(),
            "organizations": resource.organizations,
        }));
    audit::record(&mut tx, app, event).await?;
    let location = format!("/api/v1/resources/{id}");
    Ok((tx, (StatusCode::CREATED, [(header::LOCATION, location)], Json(resource)).into_response()))
}

/// Replaces the scopes, unless another protected API has one of them or there would be too many. Needs the lock.
pub(super) async fn set_scopes(
    tx: &mut SystemTx,
    id: ResourceId,
    scopes: &[ResourceScope],
) -> Result<(), ApiError> {
    let of_others = store::scopes_of_others_any_tenant(tx, id, scopes).await?;
    if !of_others.is_empty() {
        let message = format!("another protected API has these scopes: {}", of_others.join(" "));
        return Err(ApiError::conflict("SCOPE_TAKEN", message).details(json!({ "scopes": of_others })));
    }
    store::set_scopes_any_tenant(tx, id, scopes).await?;
    if store::count_scopes_any_tenant(tx).await? > MAX_SCOPES_OF_ALL {
        let message =
            format!("the protected APIs of an instance can have {MAX_SCOPES_OF_ALL} scopes together");
        return Err(ApiError::conflict("TOO_MANY_SCOPES", message));
    }
    Ok(())
}

/// Replaces the organizations that the API serves, if they all exist.
pub(super) async fn set_organizations(
    tx: &mut SystemTx,
    id: ResourceId,
    serves: &Serves,
) -> Result<(), ApiError> {
    let unknown = store::unknown_organizations_any_tenant(tx, serves.listed()).await?;
    let mut errors = FieldErrors::new();
    fields::refuse_unknown(serves, &unknown, &mut errors);
    errors.into_result()?;
    Ok(store::set_organizations_any_tenant(tx, id, serves).await?)
}
