//! `GET /api/v1/federation/partners`.

use axum::Json;
use axum::extract::State;

use super::model::Partner;
use super::store;
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::pagination::{PageOf, PageParameters, Paginated, SortKey, list};
use crate::infra::http::query::StrictQuery;
use crate::infra::lists;

/// The organization's partners
///
/// The newest first.
#[utoipa::path(get, path = "/api/v1/federation/partners", operation_id = "list_partners", tag = "Federation",
    params(PageParameters),
    responses(
        (status = 200, description = "A page of the partners", body = Paginated<Partner>),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 408, description = "The search takes too long: narrow it", body = ErrorBody),
        (status = 429, description = "The organization has as many lists running as it may at once", body = ErrorBody),
        (status = 503, description = "As many lists run as there is room for", body = ErrorBody)))]
pub(super) async fn list_partners(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(PageOf(page)): StrictQuery<PageOf<{ list::PARTNERS }>>,
) -> Result<Json<Paginated<Partner>>, ApiError> {
    caller.permit_own_organization(Act::ReadOrganization)?;
    let mut tx = app.list(caller.organization_id).await?;
    let total =
        if page.is_counted() { Some(store::count(&mut tx).await.map_err(lists::error)?) } else { None };
    let partners = store::list(&mut tx, page).await.map_err(lists::error)?;
    tx.commit().await?;
    let key = |partner: &Partner| SortKey { at: partner.created_at, id: partner.partner_id.as_uuid() };
    Ok(Json(page.of(partners.into_iter().map(Partner::from).collect(), total, key)))
}
