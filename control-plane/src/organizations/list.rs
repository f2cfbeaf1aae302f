//! `GET /api/v1/organizations`.

use axum::Json;
use axum::extract::State;

use super::model::{Organization, OrganizationStatus};
use super::store;
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::pagination::{Page, PageParameters, Paginated, SortKey, list};
use crate::infra::http::query::StrictQuery;
use crate::infra::lists;

#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the parameters; `OrganizationFilter` reads them")]
pub(super) struct ListOrganizationsParameters {
    status: Option<OrganizationStatus>,
    /// Part of the name or the slug; case does not matter.
    #[param(max_length = 100)]
    q: Option<String>,
}

/// What to list.
#[derive(Debug)]
pub(super) struct OrganizationFilter {
    pub status: Option<OrganizationStatus>,
    pub q: Option<String>,
    pub page: Page,
}

impl FromFields for OrganizationFilter {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            status: fields.optional_parsed("status", "active, suspended or deleted"),
            q: fields.optional_string("q", 1..=100),
            page: Page::read(fields, list::ORGANIZATIONS),
        })
    }
}

/// Organizations, newest first
///
/// The platform's members see every organization; everyone else its own.
#[utoipa::path(get, path = "/api/v1/organizations", operation_id = "list_organizations", tag = "Organizations",
    params(ListOrganizationsParameters, PageParameters),
    responses(
        (status = 200, description = "One page", body = Paginated<Organization>),
        (status = 400, description = "A parameter is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 408, description = "The search takes too long: narrow it", body = ErrorBody),
        (status = 429, description = "The organization has as many lists running as it may at once", body = ErrorBody),
        (status = 503, description = "As many lists run as there is room for", body = ErrorBody)))]
pub(super) async fn list_organizations(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(filter): StrictQuery<OrganizationFilter>,
) -> Result<Json<Paginated<Organization>>, ApiError> {
    let own = caller.organization_id;
    let listed = if caller.reads_platform() {
        let mut tx = app.list_any_tenant(own).await?;
        store::list(&mut tx, &app, None, &filter).await
    } else {
        caller.permit_own_organization(Act::ReadOrganization)?;
        let mut tx = app.list(own).await?;
        store::list(&mut tx, &app, Some(own), &filter).await
    };
    let (organizations, total) = listed.map_err(lists::error)?;
    let key = |found: &Organization| SortKey { at: found.created_at, id: found.id.as_uuid() };
    Ok(Json(filter.page.of(organizations, total, key)))
}
