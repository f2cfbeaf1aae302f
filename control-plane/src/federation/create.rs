//! `POST /api/v1/federation/partners`.

use agentidp_shared::ids::PartnerId;
use agentidp_shared::jwk::JwkSet;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa::ToSchema;

use super::model::{NewPartner, Partner};
use super::{edge_bytes, fields, issuer_taken, keys, keys_at, not_found, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::edge_feed::Charge;
use crate::infra::db::TenantTx;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody, constraint_name};
use crate::infra::http::idempotency::{self, Idempotency};
use crate::infra::http::json::StrictJson;
use crate::tenancy::{self, EdgeBytes, Share};

/// A partner whose tokens are to be accepted.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the body; `NewPartner` reads it")]
pub(super) struct CreatePartnerRequest {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// `iss` of its tokens, an https URL. It cannot be changed: another issuer is another partner.
    #[schema(examples("https://id.partner.example"))]
    issuer: String,
    /// Where its keys are, an https URL. They are fetched now.
    #[schema(examples("https://id.partner.example/.well-known/jwks.json"))]
    jwks_uri: String,
    /// What `organization_id` of its tokens may be: exact texts.
    #[schema(min_items = 1, max_items = 64)]
    allowed_organizations: Vec<String>,
    /// From then on nothing of it is accepted.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<String>,
}

/// Register a partner
///
/// Its keys are fetched and checked at once, and again when a token names one that is not known.
#[utoipa::path(post, path = "/api/v1/federation/partners", operation_id = "create_partner", tag = "Federation",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request give the first answer again")),
    request_body = CreatePartnerRequest,
    responses(
        (status = 201, description = "The partner", body = Partner),
        (status = 400, description = "Fields are missing or malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the tier's number of partners or of their bytes is reached", body = ErrorBody),
        (status = 409, description = "There is a partner with this issuer, or the idempotency key was used for something else", body = ErrorBody),
        (status = 422, description = "The keys could not be fetched or are unusable", body = ErrorBody),
        (status = 429, description = "The organization made as many changes or requests to other servers as its tier allows", body = ErrorBody),
        (status = 503, description = "`EDGES_FULL`: the edges hold as much of all organizations' partners as they can. `OUTBOUND_BUSY`: too many requests to other servers are under way; try again in a few seconds", body = ErrorBody)))]
pub(super) async fn create_partner(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    idempotency: Idempotency,
    StrictJson(new): StrictJson<NewPartner>,
) -> Result<Response, ApiError> {
    caller.permit_own_organization(Act::ManagePartners)?;
    fields::check(&app, Some(&new.issuer), Some(&new.jwks_uri), new.expires_at)?;
    let work = async {
        // Before the transaction: it is not to wait for others.
        let keys = keys_at(&app, caller.organization_id, &new.jwks_uri).await?;
        let edges = edge_bytes(&app).await?;
        create(&app, &caller, &client, &new, &keys.to_jwks(), edges).await
    };
    idempotency::run(&app, &caller, "create_partner", idempotency, work).await
}

async fn create(
    app: &App,
    caller: &Caller,
    client: &ClientInfo,
    new: &NewPartner,
    jwks: &JwkSet,
    edges: EdgeBytes,
) -> Result<(TenantTx, Response), ApiError> {
    let (organization, now) = (caller.organization_id, app.now());
    let mut tx = app.db.tenant(organization).await?;
    tenancy::admit(&mut tx, &app.tiers, organization, Share::Partners, now).await?;
    let bytes = tenancy::count_feed_bytes(&mut tx, organization, edges).await?;
    let id = PartnerId::new(app.new_id());
    store::insert(&mut tx, id, new, jwks, now).await.map_err(|error| match constraint_name(&error) {
        Some("federation_partners_issuer") => issuer_taken(),
        _ => error.into(),
    })?;
    let partner = store::find(&mut tx, id).await?.ok_or_else(not_found)?;
    tenancy::check_feed_bytes(&mut tx, &app.tiers, organization, bytes, now).await?;
    keys::tell(&mut tx, app, &partner, Charge::Limited).await?;
    let event = NewEvent::new(organization, Action::PartnerCreated).client(client).metadata(json!({
        "actorId": caller.actor(),
        "partnerId": id,
        "issuer": new.issuer,
        "jwksUri": new.jwks_uri,
        "allowedOrganizations": new.allowed_organizations,
    }));
    audit::record(&mut tx, app, event).await?;
    let location = format!("/api/v1/federation/partners/{id}");
    Ok((
        tx,
        (StatusCode::CREATED, [(header::LOCATION, location)], Json(Partner::from(partner))).into_response(),
    ))
}
