//! `PATCH /api/v1/federation/partners/{partnerId}`: everything of a partner but its issuer.

use agentidp_shared::claims::MAX_URI_LENGTH;
use agentidp_shared::ids::PartnerId;
use axum::Json;
use axum::extract::State;
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::model::Partner;
use super::{edge_bytes, fields, keys, keys_at, not_found, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::edge_feed::Charge;
use crate::infra::http::client_info::ClientInfo;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::fields::{Fields, FromFields};
use crate::infra::http::json::StrictJson;
use crate::infra::http::path::Id;
use crate::tenancy;

/// What to change; what is absent stays as it is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct UpdatePartnerRequest {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The keys there are fetched now, and replace those that were known.
    jwks_uri: Option<String>,
    #[schema(min_items = 1, max_items = 64)]
    allowed_organizations: Option<Vec<String>>,
    /// `null` for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[expect(clippy::option_option, reason = "absent, never, and a time are three things")]
    expires_at: Option<Option<OffsetDateTime>>,
}

impl FromFields for UpdatePartnerRequest {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let name = input.optional_string("name", 1..=100);
        let jwks_uri = input.optional_string("jwksUri", 1..=MAX_URI_LENGTH);
        let allowed_organizations = fields::allowed_organizations(input);
        let names_end = input.has("expiresAt");
        let expires_at = input.optional_timestamp("expiresAt");
        Some(Self { name, jwks_uri, allowed_organizations, expires_at: names_end.then_some(expires_at) })
    }
}

/// Change a partner
#[utoipa::path(patch, path = "/api/v1/federation/partners/{partnerId}", operation_id = "update_partner", tag = "Federation",
    params(("partnerId" = uuid::Uuid, Path, description = "The partner")),
    request_body = UpdatePartnerRequest,
    responses(
        (status = 200, description = "The partner as it is now", body = Partner),
        (status = 400, description = "Fields are malformed; all of them are named", body = ErrorBody),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking, or the tier's number of bytes of partners is reached", body = ErrorBody),
        (status = 404, description = "There is no such partner", body = ErrorBody),
        (status = 422, description = "The keys could not be fetched or are unusable", body = ErrorBody),
        (status = 429, description = "The organization made as many changes or requests to other servers as its tier allows; deleting a partner is never refused for that", body = ErrorBody),
        (status = 503, description = "`EDGES_FULL`: the edges hold as much of all organizations' partners as they can. `OUTBOUND_BUSY`: too many requests to other servers are under way; try again in a few seconds", body = ErrorBody)))]
pub(super) async fn update_partner(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
    Id(id): Id<PartnerId>,
    StrictJson(request): StrictJson<UpdatePartnerRequest>,
) -> Result<Json<Partner>, ApiError> {
    caller.permit_own_organization(Act::ManagePartners)?;
    fields::check(&app, None, request.jwks_uri.as_deref(), request.expires_at.flatten())?;
    let edges = edge_bytes(&app).await?;
    let mut tx = app.db.tenant(caller.organization_id).await?;
    let mut partner = store::find(&mut tx, id).await?.ok_or_else(not_found)?;
    if let Some(jwks_uri) = &request.jwks_uri {
        // Not for who has no such partner; and not while the transaction waits for others.
        tx.commit().await?;
        let found = keys_at(&app, caller.organization_id, jwks_uri).await?;
        tx = app.db.tenant(caller.organization_id).await?;
        partner = store::find(&mut tx, id).await?.ok_or_else(not_found)?;
        partner.keys = found.to_jwks();
        partner.keys_fetched_at = app.now();
        partner.jwks_uri.clone_from(jwks_uri);
    }
    partner.name = request.name.unwrap_or(partner.name);
    partner.allowed_organizations = request.allowed_organizations.unwrap_or(partner.allowed_organizations);
    partner.expires_at = request.expires_at.unwrap_or(partner.expires_at);
    partner.updated_at = app.now();
    partner.keys_told_at = app.now();
    let (organization, now) = (caller.organization_id, app.now());
    let bytes = tenancy::count_feed_bytes(&mut tx, organization, edges).await?;
    store::update(&mut tx, &partner).await?;
    tenancy::check_feed_bytes(&mut tx, &app.tiers, organization, bytes, now).await?;
    keys::tell(&mut tx, &app, &partner, Charge::Limited).await?;
    let event =
        NewEvent::new(caller.organization_id, Action::PartnerUpdated).client(&client).metadata(json!({
            "actorId": caller.actor(),
            "partnerId": id,
            "issuer": partner.issuer,
            "jwksUri": partner.jwks_uri,
            "allowedOrganizations": partner.allowed_organizations,
        }));
    audit::record(&mut tx, &app, event).await?;
    tx.commit().await?;
    Ok(Json(partner.into()))
}
