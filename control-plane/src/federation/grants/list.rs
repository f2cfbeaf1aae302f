//! `GET /api/v1/federation/grants`.

use axum::Json;
use axum::extract::State;

use super::model::Grant;
use super::store;
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::pagination::{PageOf, PageParameters, Paginated, SortKey, list};
use crate::infra::http::query::StrictQuery;
use crate::infra::lists;

/// The organization's grants
///
/// The newest first.
#[utoipa::path(get, path = "/api/v1/federation/grants", operation_id = "list_grants", tag = "Federation",
    params(PageParameters),
    responses(
        (status = 200, description = "A page of the grants", body = Paginated<Grant>),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 408, description = "The search takes too long: narrow it", body = ErrorBody),
        (status = 429, description = "The organization has as many lists running as it may at once", body = ErrorBody),
        (status = 503, description = "As many lists run as there is room for", body = ErrorBody)))]
pub(super) async fn list_grants(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(PageOf(page)): StrictQuery<PageOf<{ list::GRANTS }>>,
) -> Result<Json<Paginated<Grant>>, ApiError> {
    caller.permit_own_organization(Act::ReadOrganization)?;
    let mut tx = app.list(caller.organization_id).await?;
    let total =
        if page.is_counted() { Some(store::count(&mut tx).await.map_err(lists::error)?) } else { None };
    let mut grants = store::list(&mut tx, page).await.map_err(lists::error)?;
    tx.commit().await?;
    store::mark_answered(&app, caller.organization_id, &mut grants).await?;
    let key = |grant: &Grant| SortKey { at: grant.created_at, id: grant.grant_id.as_uuid() };
    Ok(Json(page.of(grants, total, key)))
}
