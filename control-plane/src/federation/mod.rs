//! Trust between organizations. Partners are issuers of others, whose tokens an organization accepts as of those organizations that it
//! names; grants are for other organizations of this instance.
//!
//! A partner is pinned to its own keys: what they sign is good in its name alone, never in another partner's or in ours.

mod change;
mod create;
mod delete;
mod fields;
mod get;
mod grants;
mod keys;
mod list;
mod model;
mod routes;
mod store;
mod verify;

pub use grants::granted;
pub use keys::RefreshPartnerKeys;
pub use routes::routes;

use agentidp_shared::ids::OrganizationId;
use agentidp_shared::jwk::KeySet;
use axum::http::StatusCode;

use crate::app::App;
use crate::infra::http::error::ApiError;
use crate::infra::outbound::{NoSlot, OutboundError};
use crate::outside_issuers::{IssuerError, Turn};
use crate::tenancy::{self, EdgeBytes};

fn not_found() -> ApiError {
    ApiError::not_found("PARTNER_NOT_FOUND", "there is no partner with this id")
}

fn issuer_taken() -> ApiError {
    ApiError::conflict("PARTNER_ISSUER_TAKEN", "the organization has a partner with this issuer")
}

/// The bytes of all organizations' partners at the edges, counted before the transaction of one: that sees its own alone.
async fn edge_bytes(app: &App) -> Result<EdgeBytes, sqlx::Error> {
    let mut tx = app.db.system().await?;
    let bytes = tenancy::count_edge_bytes(&mut tx).await?;
    tx.commit().await?;
    Ok(bytes)
}

/// The keys at `jwks_uri`, fetched in the organization's own share of requests to other servers. What is behind a URL is not told, but
/// whether there are keys that can be used.
async fn keys_at(app: &App, organization: OrganizationId, jwks_uri: &str) -> Result<KeySet, ApiError> {
    let now = app.now();
    let mut tx = app.db.tenant(organization).await?;
    let (tier, payer) = tenancy::payer(&mut tx, &app.tiers, organization).await?;
    tx.commit().await?;
    let fetched = app.outside_issuers.key_set(Turn::Caller(payer), jwks_uri, now).await;
    fetched.map_err(|error| match error {
        IssuerError::Outbound(OutboundError::NoSlot(reason)) => match reason {
            NoSlot::InFlight(_) | NoSlot::PerMinute(_) => {
                tenancy::outbound_reached(&app.tiers, tier, reason, now).map_or_else(no_keys, ApiError::from)
            }
            NoSlot::Hangs(_) => keys_unavailable(format!("{reason}; register another server, or wait")),
            NoSlot::Full => ApiError::unavailable(reason),
        },
        _ => no_keys(),
    })
}

fn no_keys() -> ApiError {
    keys_unavailable(
        "at `jwksUri` there is no set of keys that can be used, or nothing that can be reached".to_owned(),
    )
}

fn keys_unavailable(message: String) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "PARTNER_KEYS_UNAVAILABLE", message)
}
