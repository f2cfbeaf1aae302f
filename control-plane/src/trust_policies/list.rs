//! `GET /api/v1/oidc/trust-policies`.

use axum::Json;
use axum::extract::State;

use super::model::TrustPolicy;
use super::store;
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::pagination::{PageOf, PageParameters, Paginated, SortKey, list};
use crate::infra::http::query::StrictQuery;
use crate::infra::lists;

/// The workloads that the organization trusts
///
/// The newest first.
#[utoipa::path(get, path = "/api/v1/oidc/trust-policies", operation_id = "list_trust_policies", tag = "Workload identity",
    params(PageParameters),
    responses(
        (status = 200, description = "A page of the policies", body = Paginated<TrustPolicy>),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 408, description = "The search takes too long: narrow it", body = ErrorBody),
        (status = 429, description = "The organization has as many lists running as it may at once", body = ErrorBody),
        (status = 503, description = "As many lists run as there is room for", body = ErrorBody)))]
pub(super) async fn list_trust_policies(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(PageOf(page)): StrictQuery<PageOf<{ list::TRUST_POLICIES }>>,
) -> Result<Json<Paginated<TrustPolicy>>, ApiError> {
    caller.permit_own_organization(Act::ReadOrganization)?;
    let mut tx = app.list(caller.organization_id).await?;
    let total =
        if page.is_counted() { Some(store::count(&mut tx).await.map_err(lists::error)?) } else { None };
    let policies = store::list(&mut tx, page).await.map_err(lists::error)?;
    tx.commit().await?;
    let shown = policies.into_iter().map(|policy| policy.shown(&app.config.issuer)).collect();
    let key = |policy: &TrustPolicy| SortKey { at: policy.created_at, id: policy.policy_id.as_uuid() };
    Ok(Json(page.of(shown, total, key)))
}
