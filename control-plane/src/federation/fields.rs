//! Reading the fields of a partner.

use agentidp_shared::claims::MAX_URI_LENGTH;
use time::OffsetDateTime;

use super::model::NewPartner;
use crate::app::App;
use crate::infra::http::error::{ApiError, FieldErrors};
use crate::infra::http::fields::{Fields, FromFields};

const MAX_ORGANIZATIONS: usize = 64;

impl FromFields for NewPartner {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let name = input.required_string("name", 1..=100);
        let issuer = input.required_string("issuer", 1..=MAX_URI_LENGTH);
        let jwks_uri = input.required_string("jwksUri", 1..=MAX_URI_LENGTH);
        let allowed_organizations = input.required("allowedOrganizations", allowed_organizations);
        let expires_at = input.optional_timestamp("expiresAt");
        Some(Self {
            name: name?,
            issuer: issuer?,
            jwks_uri: jwks_uri?,
            allowed_organizations: allowed_organizations?,
            expires_at,
        })
    }
}

/// The member `allowedOrganizations`: exact ids, at least one.
pub(super) fn allowed_organizations(input: &mut Fields) -> Option<Vec<String>> {
    let ids = input.optional_strings("allowedOrganizations", MAX_ORGANIZATIONS, 1..=256)?;
    if ids.is_empty() {
        input.error("allowedOrganizations", "must name one organization at least");
    }
    for (position, id) in ids.iter().enumerate() {
        if id.contains('*') || id.trim() != id {
            input.error(
                &format!("allowedOrganizations[{position}]"),
                "must be exact: patterns mean nothing here",
            );
        } else if ids.iter().take(position).any(|earlier| earlier == id) {
            input.error(&format!("allowedOrganizations[{position}]"), "is there twice");
        }
    }
    input.is_good().then_some(ids)
}

/// An error that names every bad field: a URL that the door does not take, an issuer that is ours, an end that is past.
pub(super) fn check(
    app: &App,
    issuer: Option<&str>,
    jwks_uri: Option<&str>,
    expires_at: Option<OffsetDateTime>,
) -> Result<(), ApiError> {
    let mut errors = FieldErrors::new();
    if let Some(issuer) = issuer {
        if let Err(reason) = app.outside_issuers.check(issuer) {
            errors.push("issuer", reason.to_string());
        }
        // What is ours nobody else vouches for.
        if issuer == app.config.issuer || issuer.starts_with(&format!("{}/", app.config.issuer)) {
            errors.push("issuer", "is this deployment's own");
        }
    }
    if let Some(jwks_uri) = jwks_uri
        && let Err(reason) = app.outside_issuers.check_key_set(jwks_uri)
    {
        errors.push("jwksUri", reason.to_string());
    }
    if expires_at.is_some_and(|expires_at| expires_at <= app.now()) {
        errors.push("expiresAt", "must be in the future");
    }
    errors.into_result()
}
