//! `DELETE /api/v1/organizations/{organizationId}`: for members of the system organization.

use agentidp_shared::ids::OrganizationId;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use super::model::OrganizationStatus;
use super::update::{deleted, is_system, set_status};
use super::{not_found, record, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::Action;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;
use crate::resources;

/// Delete an organization
///
/// Final. Refused while it has active agents besides its owners, who go with it. Its slug stays taken and its log stays for auditors.
#[utoipa::path(delete, path = "/api/v1/organizations/{organizationId}", operation_id = "delete_organization", tag = "Organizations",
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    responses(
        (status = 204, description = "The organization is deleted"),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller is not of the system organization", body = ErrorBody),
        (status = 404, description = "There is no such organization", body = ErrorBody),
        (status = 409, description = "It has active agents, was deleted before, or is the system organization", body = ErrorBody)))]
pub(super) async fn delete_organization(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(organization): Id<OrganizationId>,
) -> Result<StatusCode, ApiError> {
    caller.permit_platform(Act::ManagePlatform)?;
    let mut tx = app.db.system().await?;
    resources::lock(&mut tx).await?;
    let current = store::lock(&mut tx, organization).await?.ok_or_else(not_found)?;
    if current.is_system {
        return Err(is_system());
    }
    if current.status == OrganizationStatus::Deleted {
        return Err(deleted());
    }
    let active = store::count_active_agents(&mut tx, organization).await?;
    if active > 0 {
        let message = format!(
            "the organization has {active} active agents besides its owners; decommission or suspend them first"
        );
        return Err(
            ApiError::conflict("ORGANIZATION_HAS_AGENTS", message).details(json!({ "activeAgents": active }))
        );
    }
    set_status(&mut tx, &app, organization, OrganizationStatus::Deleted).await?;
    resources::forget_organization(&mut tx, organization).await?;
    record(&mut tx, &app, &caller, &client, organization, Action::OrganizationDeleted, json!({})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
