//! `PATCH /api/v1/resources/{resourceId}`.

use agentidp_shared::ids::ResourceId;
use axum::Json;
use axum::extract::State;
use serde_json::json;
use utoipa::ToSchema;

use super::create::{set_organizations, set_scopes};
use super::model::{Resource, ResourceScope, Serves};
use super::taken::{RevokeHeld, RevokeHeldParameter, Rights, take_away};
use super::{fields, not_found, rights, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::edge_feed;
use crate::infra::db::SystemTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::infra::http::path::Id;
use crate::infra::http::query::StrictQuery;

/// What to change; what is absent stays as it is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct UpdateResourceRequest {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Replaces the scopes: one that is left out ends.
    #[schema(max_items = 64)]
    scopes: Option<Vec<ResourceScope>>,
    /// Replaces which organizations may have it: `all`, or up to 500 ids.
    #[schema(value_type = Option<Serves>)]
    organizations: Option<Serves>,
}

impl FromFields for UpdateResourceRequest {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        input.refuse("identifier", "cannot be changed; another identifier is another protected API");
        let name = input.optional_string("name", fields::NAME_LENGTH);
        let scopes = fields::scopes(input);
        let organizations = fields::organizations(input);
        Some(Self { name, scopes, organizations })
    }
}

impl UpdateResourceRequest {
    fn changed_fields(&self) -> Vec<&'static str> {
        let fields = [
            ("name", self.name.is_some()),
            ("scopes", self.scopes.is_some()),
            ("organizations", self.organizations.is_some()),
        ];
        fields.into_iter().filter(|(_, changes)| *changes).map(|(name, _)| name).collect()
    }
}

/// Change a protected API
///
/// A scope that agents hold ends, and an organization whose agents hold one loses the API, only with `revokeHeld=true`: the scopes are
/// then taken from those agents, and the tokens that could be used for the API end. For members of the system organization.
#[utoipa::path(patch, path = "/api/v1/resources/{resourceId}", operation_id = "update_resource", tag = "Protected APIs",
    params(("resourceId" = uuid::Uuid, Path, description = "The protected API"), RevokeHeldParameter),
    request_body = UpdateResourceRequest,
    responses(
        (status = 200, description = "The protected API as it is now", body = Resource),
        (status = 400, description = "Fields are malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "Missing or invalid access token", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the caller is not of the system organization", body = ErrorBody),
        (status = 404, description = "There is no such protected API", body = ErrorBody),
        (status = 409, description = "A scope is taken, or agents hold what would end: `details` says how many of how many organizations", body = ErrorBody)))]
pub(super) async fn update_resource(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(id): Id<ResourceId>,
    StrictQuery(revoke_held): StrictQuery<RevokeHeld>,
    StrictJson(request): StrictJson<UpdateResourceRequest>,
) -> Result<Json<Resource>, ApiError> {
    caller.permit_platform(Act::ManageResources)?;
    let mut tx = app.db.system().await?;
    rights::lock(&mut tx).await?;
    let old = store::find(&mut tx, None, &[], id).await?.ok_or_else(not_found)?;
    let before = Rights::of_resource(&mut tx, &app, &old.identifier, old.scope_names()).await?;
    store::rename_any_tenant(&mut tx, id, request.name.as_deref(), app.now()).await?;
    if let Some(serves) = &request.organizations {
        set_organizations(&mut tx, id, serves).await?;
    }
    if let Some(scopes) = &request.scopes {
        set_scopes(&mut tx, id, scopes).await?;
    }
    let resource = store::find(&mut tx, None, &[], id).await?.ok_or_else(not_found)?;
    take_away(&mut tx, &app, &caller, &client, &before, revoke_held).await?;
    forget(&mut tx, &app, &old, &resource.scope_names()).await?;
    edge_feed::scopes_changed(&mut tx, &app).await?;
    let event =
        NewEvent::new(caller.organization_id, Action::ResourceUpdated).client(&client).metadata(json!({
            "actorId": caller.actor(),
            "resourceId": id,
            "fields": request.changed_fields(),
            "scopes": resource.scope_names(),
            "organizations": resource.organizations,
        }));
    audit::record(&mut tx, &app, event).await?;
    tx.commit().await?;
    Ok(Json(resource))
}

/// Takes scopes that are gone from the lists of organizations, but those that the policy folder names on its own.
pub(super) async fn forget(
    tx: &mut SystemTx,
    app: &App,
    old: &Resource,
    now: &[String],
) -> Result<(), sqlx::Error> {
    let of_policy = rights::of_policy(app);
    let mut gone = old.scope_names();
    gone.retain(|scope| !now.contains(scope) && !of_policy.contains(scope));
    store::forget_scopes_any_tenant(tx, &gone).await
}
