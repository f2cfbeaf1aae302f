//! `POST /api/v1/federation/grants`.

use agentidp_shared::ids::GrantId;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::model::{Grant, NewGrant};
use super::store;
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody, FieldErrors, constraint_name};
use crate::infra::http::idempotency::{self, Idempotency};
use crate::infra::http::json::StrictJson;
use crate::tenancy::{self, Share};

/// Let agents of another organization act for one's own
///
/// Nothing is passed on before the other organization has a grant for this one. Whether there is such an organization is not told.
#[utoipa::path(post, path = "/api/v1/federation/grants", operation_id = "create_grant", tag = "Federation",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request give the first answer again")),
    request_body = NewGrant,
    responses(
        (status = 201, description = "The grant", body = Grant),
        (status = 400, description = "Fields are missing or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or is granted that the caller does not hold, or the tier's number of grants is reached", body = ErrorBody),
        (status = 409, description = "There is a grant for this organization, or the idempotency key was used for something else", body = ErrorBody)))]
pub(super) async fn create_grant(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    idempotency: Idempotency,
    StrictJson(new): StrictJson<NewGrant>,
) -> Result<Response, ApiError> {
    caller.permit_own_organization(Act::ManageGrants)?;
    let mut errors = FieldErrors::new();
    if new.grantee_id == caller.organization_id {
        errors.push("granteeId", "is this organization");
    }
    if new.expires_at.is_some_and(|expires_at| expires_at <= app.now()) {
        errors.push("expiresAt", "must be in the future");
    }
    errors.into_result()?;
    if !new.scopes.is_subset_of(&caller.scopes) {
        let lacking = new.scopes.difference(&caller.scopes);
        return Err(ApiError::forbidden(
            "SCOPE_NOT_HELD",
            format!("the access token does not hold {lacking}, so it cannot grant it"),
        ));
    }
    let work = create(&app, &caller, &client, &new);
    idempotency::run(&app, &caller, "create_grant", idempotency, work).await
}

async fn create(
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    new: &NewGrant,
) -> Result<(TenantTx, Response), ApiError> {
    let organization = caller.organization_id;
    let answered = store::answered(app, organization, &[new.grantee_id]).await?;
    let mut tx = app.db.tenant(organization).await?;
    tenancy::admit(&mut tx, &app.tiers, organization, Share::Grants, app.now()).await?;
    let grant_id = GrantId::new(app.new_id());
    store::insert(&mut tx, grant_id, new, app.now()).await.map_err(|error| {
        match constraint_name(&error) {
            Some("federation_grants_grantee") => {
                ApiError::conflict("GRANT_EXISTS", "there is a grant for this organization; delete it first")
            }
            _ => error.into(),
        }
    })?;
    let event = NewEvent::new(organization, Action::GrantCreated).client(client).metadata(json!({
        "actorId": caller.actor(),
        "grantId": grant_id,
        "granteeId": new.grantee_id,
        "scope": new.scopes.to_string(),
        "expiresAt": new.expires_at.map(crate::infra::clock::unix_seconds),
    }));
    audit::record(&mut tx, app, event).await?;
    let grant = Grant {
        grant_id,
        grantee_id: new.grantee_id,
        scopes: new.scopes.clone(),
        expires_at: new.expires_at,
        answered: !answered.is_empty(),
        created_at: app.now(),
    };
    let location = format!("/api/v1/federation/grants/{grant_id}");
    Ok((tx, (StatusCode::CREATED, [(header::LOCATION, location)], Json(grant)).into_response()))
}
