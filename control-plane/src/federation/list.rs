//! `GET /api/v1/federation/partners`.

use axum::Json;
use axum::extract::State;

use super::model::Partner;
use super::store;
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::pagination::{Page, PageParameters, Paginated};
use crate::infra::http::query::StrictQuery;

/// The organization's partners
///
/// The newest first.
#[utoipa::path(get, path = "/api/v1/federation/partners", operation_id = "list_partners", tag = "Federation",
    security(("bearer" = ["admin:orgs"])),
    params(PageParameters),
    responses(
        (status = 200, description = "A page of the partners", body = Paginated<Partner>),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody)))]
pub(super) async fn list_partners(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(page): StrictQuery<Page>,
) -> Result<Json<Paginated<Partner>>, ApiError> {
    caller.permit_own_organization(Act::ReadOrganization)?;
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let total = store::count(&mut tx).await?;
    let partners = store::list(&mut tx, page.limit(), page.offset()).await?;
    tx.commit().await?;
    Ok(Json(page.of(partners.into_iter().map(Partner::from).collect(), total)))
}
