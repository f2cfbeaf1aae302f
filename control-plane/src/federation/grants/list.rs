//! `GET /api/v1/federation/grants`.

use axum::Json;
use axum::extract::State;

use super::model::Grant;
use super::store;
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::pagination::{Page, PageParameters, Paginated};
use crate::infra::http::query::StrictQuery;

/// The organization's grants
///
/// The newest first.
#[utoipa::path(get, path = "/api/v1/federation/grants", operation_id = "list_grants", tag = "Federation",
    security(("bearer" = ["admin:orgs"])),
    params(PageParameters),
    responses(
        (status = 200, description = "A page of the grants", body = Paginated<Grant>),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody)))]
pub(super) async fn list_grants(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(page): StrictQuery<Page>,
) -> Result<Json<Paginated<Grant>>, ApiError> {
    caller.permit_own_organization(Act::ReadOrganization)?;
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let total = store::count(&mut tx).await?;
    let mut grants = store::list(&mut tx, page.limit(), page.offset()).await?;
    tx.commit().await?;
    store::mark_answered(&app, caller.organization_id, &mut grants).await?;
    Ok(Json(page.of(grants, total)))
}
