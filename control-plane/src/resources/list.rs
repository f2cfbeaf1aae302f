//! `GET /api/v1/resources`.

use agentidp_shared::ids::OrganizationId;
use axum::Json;
use axum::extract::State;
use sqlx::PgConnection;

use super::model::Resource;
use super::{rights, store};
use crate::access::Caller;
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::pagination::{Page, PageOf, PageParameters, Paginated, SortKey, list};
use crate::infra::http::query::StrictQuery;
use crate::infra::lists;

/// The protected APIs
///
/// The newest first. Members of the system organization are shown all of them; others those that their organization may have, with the
/// scopes that it may have.
#[utoipa::path(get, path = "/api/v1/resources", operation_id = "list_resources", tag = "Protected APIs",
    params(PageParameters),
    responses(
        (status = 200, description = "One page", body = Paginated<Resource>),
        (status = 400, description = "A parameter is unknown or malformed", body = ErrorBody),
        (status = 401, description = "Missing or invalid access token", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody)))]
pub(super) async fn list_resources(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(PageOf(page)): StrictQuery<PageOf<{ list::RESOURCES }>>,
) -> Result<Json<Paginated<Resource>>, ApiError> {
    let of_policy = rights::of_policy(&app);
    let own = caller.organization_id;
    let key = |resource: &Resource| SortKey { at: resource.created_at, id: resource.id.as_uuid() };
    if caller.reads_platform() {
        let mut tx = app.list_any_tenant(own).await?;
        let (resources, total) = read(&mut tx, None, &of_policy, page).await.map_err(lists::error)?;
        tx.commit().await?;
        return Ok(Json(page.of(resources, total, key)));
    }
    let mut tx = app.list(own).await?;
    let (resources, total) = read(&mut tx, Some(own), &of_policy, page).await.map_err(lists::error)?;
    tx.commit().await?;
    Ok(Json(page.of(resources.into_iter().map(Resource::for_organization).collect(), total, key)))
}

async fn read(
    tx: &mut PgConnection,
    organization: Option<OrganizationId>,
    of_policy: &[String],
    page: Page,
) -> Result<(Vec<Resource>, Option<i64>), sqlx::Error> {
    let total = if page.is_counted() { Some(store::count(tx, organization).await?) } else { None };
    Ok((store::list(tx, organization, of_policy, page).await?, total))
}
