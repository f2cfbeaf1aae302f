//! `GET /api/v1/resources/{resourceId}`.

use agentidp_shared::ids::ResourceId;
use axum::Json;
use axum::extract::State;

use super::model::Resource;
use super::{not_found, rights, store};
use crate::access::Caller;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;

/// A protected API
///
/// One that the caller's organization may not have is answered as one that does not exist.
#[utoipa::path(get, path = "/api/v1/resources/{resourceId}", operation_id = "get_resource", tag = "Protected APIs",
    params(("resourceId" = uuid::Uuid, Path, description = "The protected API")),
    responses(
        (status = 200, description = "The protected API", body = Resource),
        (status = 400, description = "The id is malformed", body = ErrorBody),
        (status = 401, description = "Missing or invalid access token", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such protected API", body = ErrorBody)))]
pub(super) async fn get_resource(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ResourceId>,
) -> Result<Json<Resource>, ApiError> {
    let of_policy = rights::of_policy(&app);
    let found = if caller.reads_platform() {
        let mut tx = app.db.system().await?;
        let found = store::find(&mut tx, None, &of_policy, id).await?;
        tx.commit().await?;
        found
    } else {
        let mut tx = app.db.tenant(caller.organization_id).await?;
        let found = store::find(&mut tx, Some(caller.organization_id), &of_policy, id).await?;
        tx.commit().await?;
        found.map(Resource::for_organization)
    };
    found.map(Json).ok_or_else(not_found)
}
