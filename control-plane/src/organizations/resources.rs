//! `GET` and `PUT /api/v1/organizations/{organizationId}/resources`: the APIs that an organization's agents may get tokens for
//! (RFC 8707).

use agentidp_shared::claims::MAX_URI_LENGTH;
use agentidp_shared::ids::OrganizationId;
use axum::Json;
use axum::extract::State;
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::model::OrganizationStatus;
use super::update::deleted;
use super::{not_found, record, resources_store, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::Action;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::infra::http::path::Id;

const MAX_RESOURCES: usize = 64;
/// In the place of a URI: any.
const ANY: &str = "*";

/// The APIs that agents may get tokens for.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase")]
pub(super) struct AllowedResources {
    /// Absolute URIs without a fragment, compared byte for byte with `resource` of a token request; `*` is any. AgentIdP itself is
    /// always allowed.
    #[schema(max_items = 64, examples(json!(["https://api.example.com"])))]
    allowed_resources: Vec<String>,
}

impl FromFields for AllowedResources {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let read = |input: &mut Fields| {
            input.optional_strings("allowedResources", MAX_RESOURCES, 1..=MAX_URI_LENGTH)
        };
        let allowed_resources = input.required("allowedResources", read)?;
        for (position, resource) in allowed_resources.iter().enumerate() {
            if resource != ANY && !is_resource(resource) {
                let field = format!("allowedResources[{position}]");
                input.error(&field, "must be an absolute URI without a fragment, or *");
            }
        }
        Some(Self { allowed_resources })
    }
}

/// An absolute URI without a fragment (RFC 8707 §2).
pub fn is_resource(text: &str) -> bool {
    let uri: Option<http::Uri> = text.parse().ok();
    text.len() <= MAX_URI_LENGTH
        && !text.contains('#')
        && uri.is_some_and(|uri| uri.scheme().is_some() && uri.authority().is_some())
}

/// Whether agents of the organization may get tokens for `resource`.
pub async fn allows_resource(
    tx: &mut PgConnection,
    organization: OrganizationId,
    resource: &str,
) -> Result<bool, sqlx::Error> {
    let allowed = resources_store::allowed(tx, organization).await?.unwrap_or_default();
    Ok(allowed.iter().any(|allowed| allowed == ANY || allowed == resource))
}

/// The APIs that an organization's agents may get tokens for
#[utoipa::path(get, path = "/api/v1/organizations/{organizationId}/resources", operation_id = "get_allowed_resources", tag = "Organizations",
    security(("bearer" = ["admin:orgs"])),
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    responses(
        (status = 200, description = "The list", body = AllowedResources),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such organization", body = ErrorBody)))]
pub(super) async fn get_allowed_resources(
    State(app): State<App>,
    caller: Caller,
    Id(organization): Id<OrganizationId>,
) -> Result<Json<AllowedResources>, ApiError> {
    caller.permit_organization(Act::ReadOrganization, organization)?;
    let mut tx = app.db.system().await?;
    let found = resources_store::allowed(&mut tx, organization).await?;
    tx.commit().await?;
    found.map(|allowed_resources| Json(AllowedResources { allowed_resources })).ok_or_else(not_found)
}

/// Say which APIs an organization's agents may get tokens for
///
/// Replaces the list. Tokens that were issued stay good until they expire.
#[utoipa::path(put, path = "/api/v1/organizations/{organizationId}/resources", operation_id = "set_allowed_resources", tag = "Organizations",
    security(("bearer" = ["admin:orgs"])),
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    request_body = AllowedResources,
    responses(
        (status = 200, description = "The list as it is now", body = AllowedResources),
        (status = 400, description = "The list is malformed; every bad item is named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such organization", body = ErrorBody),
        (status = 409, description = "The organization was deleted", body = ErrorBody)))]
pub(super) async fn set_allowed_resources(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(organization): Id<OrganizationId>,
    StrictJson(request): StrictJson<AllowedResources>,
) -> Result<Json<AllowedResources>, ApiError> {
    caller.permit_organization(Act::UpdateOrganization, organization)?;
    let mut tx = app.db.system().await?;
    let current = store::lock(&mut tx, organization).await?.ok_or_else(not_found)?;
    if current.status == OrganizationStatus::Deleted {
        return Err(deleted());
    }
    let allowed = request.allowed_resources;
    resources_store::set_allowed(&mut tx, organization, &allowed, app.now()).await?;
    let metadata = json!({ "fields": ["allowedResources"], "allowedResources": allowed });
    record(&mut tx, &app, &caller, &client, organization, Action::OrganizationUpdated, metadata).await?;
    tx.commit().await?;
    Ok(Json(AllowedResources { allowed_resources: allowed }))
}
