//! Organizations: the tenants. The system organization runs the instance; its members create the others.
//!
//! Other features ask here about members.

mod create;
mod delete;
mod get;
mod limits;
mod list;
mod members;
mod membership;
mod model;
mod resources;
mod resources_store;
mod routes;
mod store;
mod update;

pub use members::{add_member, remove_member};
pub use model::{IssuerKind, Organization, OrganizationStatus};
pub use resources::is_resource;
pub use routes::routes;

use agentidp_shared::feed::Change;
use agentidp_shared::ids::OrganizationId;
use agentidp_shared::tier::Tier;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::Caller;
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::edge_feed;
use crate::infra::db::SystemTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::ApiError;

/// The system organization, created if there is none yet.
pub async fn ensure_system(tx: &mut SystemTx, app: &App) -> Result<OrganizationId, sqlx::Error> {
    if let Some(existing) = store::system(tx).await? {
        return Ok(existing);
    }
    let id = OrganizationId::new(app.new_id());
    insert(tx, id, &store::NewOrganization::system(), app.now()).await?;
    Ok(id)
}

/// The system organization, if the instance has one already.
pub async fn system(tx: &mut PgConnection) -> Result<Option<OrganizationId>, sqlx::Error> {
    store::system(tx).await
}

/// Creates an organization, and tells every edge of its tier.
async fn insert(
    tx: &mut SystemTx,
    id: OrganizationId,
    new: &store::NewOrganization,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    store::insert(tx, id, new, now).await?;
    if new.tier != Tier::Free {
        let change = Change::Tier { organization_id: id, tier: new.tier };
        edge_feed::append(tx, &change).await?;
    }
    Ok(())
}

fn not_found() -> ApiError {
    ApiError::not_found("ORGANIZATION_NOT_FOUND", "there is no organization with this id")
}

/// In the organization's own log, and in the log of whoever did it from outside.
async fn record(
    tx: &mut PgConnection,
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    organization: OrganizationId,
    action: Action,
    mut metadata: Value,
) -> Result<(), sqlx::Error> {
    if let Some(members) = metadata.as_object_mut() {
        members.insert("actorId".into(), caller.actor().to_string().into());
        members.insert("organizationId".into(), organization.to_string().into());
    }
    let outside = (caller.organization_id != organization).then_some(caller.organization_id);
    for log in std::iter::once(organization).chain(outside) {
        let event = NewEvent::new(log, action).client(client).metadata(metadata.clone());
        audit::record(tx, app, event).await?;
    }
    Ok(())
}
