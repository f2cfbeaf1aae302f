//! `GET /api/v1/organizations/{organizationId}/limits`: what the organization may have and use, and what it does.

use agentidp_shared::ids::OrganizationId;
use agentidp_shared::tier::Tier;
use axum::Json;
use axum::extract::State;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::model::{OrganizationStatus, TierName};
use super::{not_found, store};
use crate::access::{Act, Caller};
use crate::app::App;
use crate::infra::http::error::{ApiError, ErrorBody};
use crate::infra::http::path::Id;
use crate::tenancy::{self, Limit, Share};

/// One share of what all organizations share.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrganizationLimit {
    /// What it is of.
    #[schema(examples("partners"), value_type = String)]
    name: &'static str,
    /// The most there can be; `null` is without limit.
    limit: Option<i64>,
    /// What there is. `outbound_in_flight`, `outbound_requests` and `lists_in_flight` are those of the server that answers.
    used: i64,
    /// When uses are counted anew; `null` for what counts as long as it is there.
    #[serde(with = "time::serde::rfc3339::option")]
    resets_at: Option<OffsetDateTime>,
}

impl From<Limit> for OrganizationLimit {
    fn from(limit: Limit) -> Self {
        Self { name: limit.share.as_str(), limit: limit.limit, used: limit.used, resets_at: limit.resets_at }
    }
}

/// The limits of an organization.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrganizationLimits {
    #[schema(value_type = TierName)]
    tier: Tier,
    limits: Vec<OrganizationLimit>,
}

/// What an organization may have and use
///
/// Each share of what all organizations share, with its limit and what is used of it. The platform's members see every organization's;
/// everyone else its own.
#[utoipa::path(get, path = "/api/v1/organizations/{organizationId}/limits", operation_id = "get_organization_limits", tag = "Organizations",
    params(("organizationId" = uuid::Uuid, Path, description = "The organization")),
    responses(
        (status = 200, description = "Its limits", body = OrganizationLimits),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "There is no such organization", body = ErrorBody)))]
pub(super) async fn get_organization_limits(
    State(app): State<App>,
    caller: Caller,
    Id(organization): Id<OrganizationId>,
) -> Result<Json<OrganizationLimits>, ApiError> {
    caller.permit_organization(Act::ReadOrganization, organization)?;
    let now = app.now();
    // As the organization itself, whoever asks: nothing else is counted.
    let mut tx = app.db.tenant(organization).await?;
    let found = store::find(&mut tx, &app, organization).await?;
    let tier = match found {
        Some(found) if found.status != OrganizationStatus::Deleted => found.tier,
        _ => return Err(not_found()),
    };
    let mut used = tenancy::used(&mut tx, organization, now).await?;
    tx.commit().await?;
    let (in_flight, asked) = app.outside_issuers.used(organization, now);
    used.extend([
        (Share::OutboundInFlight, in_flight),
        (Share::OutboundRequests, asked),
        (Share::ListsInFlight, app.lists.used(organization)),
    ]);
    used.sort_by_key(|(share, _)| *share);
    let limits = used.into_iter().map(|(share, used)| Limit::new(&app.tiers, tier, share, used, now).into());
    Ok(Json(OrganizationLimits { tier, limits: limits.collect() }))
}
