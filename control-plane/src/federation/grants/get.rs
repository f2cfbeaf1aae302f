//! `GET /api/v1/federation/grants/{grantId}`.

use agentidp_shared::ids::GrantId;
use axum::Json;
use axum::extract::State;

use super::model::Grant;
use super::{not_found, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;

/// A grant
#[utoipa::path(get, path = "/api/v1/federation/grants/{grantId}", operation_id = "get_grant", tag = "Federation",
    params(("grantId" = uuid::Uuid, Path, description = "The grant")),
    responses(
        (status = 200, description = "The grant", body = Grant),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such grant", body = ErrorBody)))]
pub(super) async fn get_grant(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<GrantId>,
) -> Result<Json<Grant>, ApiError> {
    caller.permit_own_organization(Act::ReadOrganization)?;
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let mut grant = [store::find(&mut tx, id).await?.ok_or_else(not_found)?];
    tx.commit().await?;
    store::mark_answered(&app, caller.organization_id, &mut grant).await?;
    let [grant] = grant;
    Ok(Json(grant))
}
