//! `GET /api/v1/oidc/trust-policies`.

use axum::Json;
use axum::extract::State;

use super::model::TrustPolicy;
use super::store;
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::pagination::{Page, PageParameters, Paginated};
use crate::infra::http::query::StrictQuery;

/// The workloads that the organization trusts
///
/// The newest first.
#[utoipa::path(get, path = "/api/v1/oidc/trust-policies", operation_id = "list_trust_policies", tag = "Workload identity",
    security(("bearer" = ["admin:orgs"])),
    params(PageParameters),
    responses(
        (status = 200, description = "A page of the policies", body = Paginated<TrustPolicy>),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody)))]
pub(super) async fn list_trust_policies(
    State(app): State<App>,
    caller: Caller,
    StrictQuery(page): StrictQuery<Page>,
) -> Result<Json<Paginated<TrustPolicy>>, ApiError> {
    caller.permit_own_organization(Act::ReadOrganization)?;
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let total = store::count(&mut tx).await?;
    let policies = store::list(&mut tx, page.limit(), page.offset()).await?;
    tx.commit().await?;
    let shown = policies.into_iter().map(|policy| policy.shown(&app.config.issuer)).collect();
    Ok(Json(page.of(shown, total)))
}
