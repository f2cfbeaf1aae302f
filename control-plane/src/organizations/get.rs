//! `GET /api/v1/organizations/{organizationId}`.

use agentidp_shared::ids::OrganizationId;
use axum::Json;
use axum::extract::State;

use super::model::Organization;
use super::{not_found, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;

/// An organization
///
/// The platform's members see every organization; everyone else its own.
#[utoipa::path(get, path = "/api/v1/organizations/{organizationId}", operation_id = "get_organization", tag = "Organizations",
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    responses(
        (status = 200, description = "The organization", body = Organization),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such organization", body = ErrorBody)))]
pub(super) async fn get_organization(
    State(app): State<App>,
    caller: Caller,
    Id(organization): Id<OrganizationId>,
) -> Result<Json<Organization>, ApiError> {
    let permit = caller.permit_organization(Act::ReadOrganization, organization)?;
    let found = if permit.is_platform() {
        store::find(&mut *app.db.system().await?, &app, organization).await?
    } else {
        store::find(&mut *app.db.tenant(organization).await?, &app, organization).await?
    };
    found.map(Json).ok_or_else(not_found)
}
