//! `GET /api/v1/federation/partners/{partnerId}`.

use agentidp_shared::ids::PartnerId;
use axum::Json;
use axum::extract::State;

use super::model::Partner;
use super::{not_found, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;

/// A partner
#[utoipa::path(get, path = "/api/v1/federation/partners/{partnerId}", operation_id = "get_partner", tag = "Federation",
    params(("partnerId" = uuid::Uuid, Path, description = "The partner")),
    responses(
        (status = 200, description = "The partner", body = Partner),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such partner", body = ErrorBody)))]
pub(super) async fn get_partner(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<PartnerId>,
) -> Result<Json<Partner>, ApiError> {
    caller.permit_own_organization(Act::ReadOrganization)?;
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let partner = store::find(&mut tx, id).await?.ok_or_else(not_found)?;
    tx.commit().await?;
    Ok(Json(partner.into()))
}
