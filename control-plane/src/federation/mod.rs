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
use agentidp_shared::tier::Tier;
use axum::http::{StatusCode, header};
use time::OffsetDateTime;

use crate::app::App;
use crate::infra::http::error::ApiError;
use crate::infra::outbound::{NoSlot, OutboundError};
use crate::outside_issuers::{IssuerError, Turn};
use crate::tenancy::{self, EdgeBytes, Tiers};

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
        IssuerError::Outbound(OutboundError::NoSlot(reason)) => not_asked(&app.tiers, tier, reason, now),
        _ => no_keys(),
    })
}

/// The answer when the server was not asked.
fn not_asked(tiers: &Tiers, tier: Tier, reason: NoSlot, now: OffsetDateTime) -> ApiError {
    match reason {
        NoSlot::InFlight(_) | NoSlot::PerMinute(_) => {
            tenancy::outbound_reached(tiers, tier, reason, now).map_or_else(no_keys, ApiError::from)
        }
        NoSlot::Hangs(_) => keys_unavailable(format!("{reason}; register another server, or wait")),
        NoSlot::Full => {
            let message = format!("{reason}, of all organizations together; try again in a few seconds");
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "OUTBOUND_BUSY", message)
                .header(header::RETRY_AFTER, "5".to_owned())
        }
    }
}

fn no_keys() -> ApiError {
    keys_unavailable(
        "at `jwksUri` there is no set of keys that can be used, or nothing that can be reached".to_owned(),
    )
}

fn keys_unavailable(message: String) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "PARTNER_KEYS_UNAVAILABLE", message)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;
    use crate::infra::clock::from_unix_seconds;
    use crate::infra::http::error::ErrorBody;

    fn answer(reason: NoSlot) -> (StatusCode, String, String) {
        let tiers = Tiers::load(None).unwrap();
        let response = not_asked(&tiers, Tier::Free, reason, from_unix_seconds(0)).into_response();
        let code = response.extensions().get::<ErrorBody>().unwrap().code.to_string();
        let retry_after = response.headers()[header::RETRY_AFTER].to_str().unwrap().to_owned();
        (response.status(), code, retry_after)
    }

    #[test]
    fn a_busy_instance_is_told_from_a_busy_organization() {
        let expected = |status, code: &str| (status, code.to_owned(), "5".to_owned());
        assert_eq!(answer(NoSlot::Full), expected(StatusCode::SERVICE_UNAVAILABLE, "OUTBOUND_BUSY"));
        let of_organization = expected(StatusCode::TOO_MANY_REQUESTS, "LIMIT_REACHED");
        assert_eq!(answer(NoSlot::InFlight(2)), of_organization);
    }
}
