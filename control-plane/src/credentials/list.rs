//! `GET /api/v1/agents/{agentId}/credentials`.

use agentidp_shared::ids::AgentId;
use axum::Json;
use axum::extract::State;

use super::model::Credential;
use super::store;
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::pagination::{PageOf, PageParameters, Paginated, SortKey, list};
use crate::infra::http::path::Id;
use crate::infra::http::query::StrictQuery;
use crate::infra::lists;

/// An agent's credentials, newest first, without their secrets
#[utoipa::path(get, path = "/api/v1/agents/{agentId}/credentials", operation_id = "list_credentials", tag = "Credentials",
    params(("agentId" = uuid::Uuid, Path, description = "The agent"), PageParameters),
    responses(
        (status = 200, description = "One page", body = Paginated<Credential>),
        (status = 400, description = "A parameter is unknown or malformed", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the agent is not the caller's to manage", body = ErrorBody),
        (status = 404, description = "There is no such agent", body = ErrorBody),
        (status = 408, description = "The search takes too long: narrow it", body = ErrorBody),
        (status = 429, description = "The organization has as many lists running as it may at once", body = ErrorBody),
        (status = 503, description = "As many lists run as there is room for", body = ErrorBody)))]
pub(super) async fn list_credentials(
    State(app): State<App>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    StrictQuery(PageOf(page)): StrictQuery<PageOf<{ list::CREDENTIALS }>>,
) -> Result<Json<Paginated<Credential>>, ApiError> {
    caller.may_try(Act::ReadCredentials, agent)?;
    let mut tx = app.list(caller.organization_id).await?;
    caller.permit(&mut tx, Act::ReadCredentials, agent).await?;
    let (credentials, total) = store::list(&mut tx, agent, page, app.now()).await.map_err(lists::error)?;
    tx.commit().await?;
    let key = |credential: &Credential| SortKey { at: credential.created_at, id: credential.id.as_uuid() };
    Ok(Json(page.of(credentials, total, key)))
}
