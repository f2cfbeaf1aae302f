//! `PATCH /api/v1/organizations/{organizationId}`: its name; for the platform also its tier, and suspending or reactivating it.

use agentidp_shared::exceptions::Standing;
use agentidp_shared::feed::Change;
use agentidp_shared::ids::OrganizationId;
use axum::Json;
use axum::extract::State;
use serde_json::json;
use utoipa::ToSchema;

use super::model::{Organization, OrganizationStatus, Tier};
use super::{not_found, record, store};
use crate::app::App;
use crate::audit::Action;
use crate::edge_feed;
use crate::infra::clock::unix_seconds;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::infra::http::path::Id;
use crate::policy::Caller;

/// What to change; what is absent stays as it is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct UpdateOrganizationRequest {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// For the platform to set.
    tier: Option<Tier>,
    /// For the platform to set. `suspended` refuses every agent of it and every token they have so far; `active` lets them get new
    /// ones.
    #[schema(value_type = Option<SettableStatus>)]
    status: Option<OrganizationStatus>,
}

/// The statuses a request may ask for.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "documents the values")]
enum SettableStatus {
    Active,
    Suspended,
}

impl FromFields for UpdateOrganizationRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let request = Self {
            name: fields.optional_string("name", 1..=200),
            tier: fields.optional_parsed("tier", "free, pro or enterprise"),
            status: fields.optional_parsed("status", "active or suspended"),
        };
        if request.status == Some(OrganizationStatus::Deleted) {
            fields.error("status", "must be active or suspended; DELETE deletes an organization");
        }
        Some(request)
    }
}

/// Change, suspend or reactivate an organization
///
/// An organization's own administrators may change its name; the rest is for the platform's members.
#[utoipa::path(patch, path = "/api/v1/organizations/{organizationId}", operation_id = "update_organization", tag = "Organizations",
    security(("bearer" = ["admin:orgs"])),
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    request_body = UpdateOrganizationRequest,
    responses(
        (status = 200, description = "The organization as it is now", body = Organization),
        (status = 400, description = "Fields are unknown or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or only the platform may change this", body = ErrorBody),
        (status = 404, description = "There is no such organization", body = ErrorBody),
        (status = 409, description = "The organization was deleted, or is the system organization", body = ErrorBody)))]
pub(super) async fn update_organization(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(organization): Id<OrganizationId>,
    StrictJson(request): StrictJson<UpdateOrganizationRequest>,
) -> Result<Json<Organization>, ApiError> {
    if !caller.is_platform && organization != caller.organization_id {
        return Err(not_found());
    }
    if !caller.is_platform && (request.tier.is_some() || request.status.is_some()) {
        let message = "only members of the system organization change a tier or a status";
        return Err(ApiError::forbidden("PLATFORM_ONLY", message));
    }
    let mut tx = app.db.system().await?;
    let current = store::lock(&mut tx, organization).await?.ok_or_else(not_found)?;
    if current.status == OrganizationStatus::Deleted {
        return Err(deleted());
    }
    let (name, tier) = (request.name.unwrap_or(current.name.clone()), request.tier.unwrap_or(current.tier));
    let changed: Vec<&str> = [("name", name != current.name), ("tier", tier != current.tier)]
        .into_iter()
        .filter_map(|(field, changed)| changed.then_some(field))
        .collect();
    if !changed.is_empty() {
        store::update(&mut tx, organization, &name, tier, app.now()).await?;
        record(
            &mut tx,
            &app,
            &caller,
            &client,
            organization,
            Action::OrganizationUpdated,
            json!({ "fields": changed }),
        )
        .await?;
    }
    if tier != current.tier {
        let change = Change::Tier { organization_id: organization, tier: tier.into() };
        edge_feed::append(&mut tx, &change).await?;
    }
    let status = request.status.unwrap_or(current.status);
    if status != current.status {
        if current.is_system {
            return Err(is_system());
        }
        set_status(&mut tx, &app, organization, status).await?;
        let action = match status {
            OrganizationStatus::Active => Action::OrganizationReactivated,
            _ => Action::OrganizationSuspended,
        };
        record(&mut tx, &app, &caller, &client, organization, action, json!({})).await?;
    }
    let updated = store::find(&mut tx, organization).await?;
    tx.commit().await?;
    updated.map(Json).ok_or_else(not_found)
}

/// Sets the status, and tells every edge. Tokens issued before a suspension stay refused whatever becomes of the organization.
pub(super) async fn set_status(
    tx: &mut sqlx::PgConnection,
    app: &App,
    organization: OrganizationId,
    status: OrganizationStatus,
) -> Result<(), sqlx::Error> {
    let standing = match status {
        OrganizationStatus::Active => Standing::Active,
        OrganizationStatus::Suspended => Standing::Suspended,
        OrganizationStatus::Deleted => Standing::Gone,
    };
    let not_before = store::set_status(tx, organization, status, app.now()).await?;
    edge_feed::organization_changed(tx, app, organization, standing, not_before.map(unix_seconds)).await
}

pub(super) fn deleted() -> ApiError {
    ApiError::conflict("ORGANIZATION_DELETED", "the organization was deleted, which is final")
}

pub(super) fn is_system() -> ApiError {
    let message = "the system organization runs this instance; it can be neither suspended nor deleted";
    ApiError::conflict("SYSTEM_ORGANIZATION", message)
}
