//! `DELETE /api/v1/resources/{resourceId}`.

use agentidp_shared::ids::ResourceId;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use super::taken::{RevokeHeld, RevokeHeldParameter, Rights, take_away};
use super::update::forget;
use super::{not_found, rights, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::edge_feed;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;
use crate::infra::http::query::StrictQuery;

/// Delete a protected API
///
/// Its scopes end with it, and organizations' lists name it no longer. If agents hold its scopes, only with `revokeHeld=true`. For members of
/// the system organization.
#[utoipa::path(delete, path = "/api/v1/resources/{resourceId}", operation_id = "delete_resource", tag = "Protected APIs",
    params(("resourceId" = uuid::Uuid, Path, description = "The protected API"), RevokeHeldParameter),
    responses(
        (status = 204, description = "The protected API is gone"),
        (status = 400, description = "The id or a parameter is malformed", body = ErrorBody),
        (status = 401, description = "Missing or invalid access token", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller is not of the system organization", body = ErrorBody),
        (status = 404, description = "There is no such protected API", body = ErrorBody),
        (status = 409, description = "Agents hold its scopes: `details` says how many of how many organizations", body = ErrorBody)))]
pub(super) async fn delete_resource(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(id): Id<ResourceId>,
    StrictQuery(revoke_held): StrictQuery<RevokeHeld>,
) -> Result<StatusCode, ApiError> {
    caller.permit_platform(Act::ManageResources)?;
    let mut tx = app.db.system().await?;
    rights::lock(&mut tx).await?;
    let old = store::find(&mut tx, None, &[], id).await?.ok_or_else(not_found)?;
    let before = Rights::of_resource(&mut tx, &app, &old.identifier, old.scope_names()).await?;
    store::delete_any_tenant(&mut tx, &old).await?;
    take_away(&mut tx, &app, &caller, &client, &before, revoke_held).await?;
    forget(&mut tx, &app, &old, &[]).await?;
    edge_feed::scopes_changed(&mut tx, &app).await?;
    let event =
        NewEvent::new(caller.organization_id, Action::ResourceDeleted).client(&client).metadata(json!({
            "actorId": caller.actor(),
            "resourceId": id,
            "identifier": old.identifier,
            "scopes": old.scope_names(),
        }));
    audit::record(&mut tx, &app, event).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
