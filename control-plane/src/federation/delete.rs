//! `DELETE /api/v1/federation/partners/{partnerId}`.

use agentidp_shared::ids::PartnerId;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use super::{keys, not_found, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;

/// End a partnership
///
/// Nothing of the partner is accepted from now on.
#[utoipa::path(delete, path = "/api/v1/federation/partners/{partnerId}", operation_id = "delete_partner", tag = "Federation",
    params(("partnerId" = uuid::Uuid, Path, description = "The partner")),
    responses(
        (status = 204, description = "The partner is gone"),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such partner", body = ErrorBody)))]
pub(super) async fn delete_partner(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(id): Id<PartnerId>,
) -> Result<StatusCode, ApiError> {
    caller.permit_own_organization(Act::ManagePartners)?;
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let partner = store::find(&mut tx, id).await?.ok_or_else(not_found)?;
    store::delete(&mut tx, id).await?;
    keys::tell_gone(&mut tx, &app, partner.issuer.clone()).await?;
    let event =
        NewEvent::new(caller.organization_id, Action::PartnerDeleted).client(&client).metadata(json!({
            "actorId": caller.actor(),
            "partnerId": id,
            "issuer": partner.issuer,
        }));
    audit::record(&mut tx, &app, event).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
