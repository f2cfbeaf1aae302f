//! Ids in paths.

use std::collections::HashMap;
use std::str::FromStr;

use agentidp_shared::ids::{
    AgentId, CredentialId, EventId, GrantId, OrganizationId, PartnerId, ResourceId, StatusListId, TokenId,
    TrustPolicyId,
};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::error::{ApiError, FieldErrors};
use crate::app::App;

/// An id that a route may carry, and the name of its path parameter.
pub trait PathId: FromStr {
    const PARAMETER: &'static str;
}

impl PathId for AgentId {
    const PARAMETER: &'static str = "agentId";
}

impl PathId for CredentialId {
    const PARAMETER: &'static str = "credentialId";
}

impl PathId for OrganizationId {
    const PARAMETER: &'static str = "organizationId";
}

impl PathId for StatusListId {
    const PARAMETER: &'static str = "statusListId";
}

/// A delegation is known by its token's id.
impl PathId for TokenId {
    const PARAMETER: &'static str = "chainId";
}

impl PathId for EventId {
    const PARAMETER: &'static str = "eventId";
}

impl PathId for GrantId {
    const PARAMETER: &'static str = "grantId";
}

impl PathId for PartnerId {
    const PARAMETER: &'static str = "partnerId";
}

impl PathId for ResourceId {
    const PARAMETER: &'static str = "resourceId";
}

impl PathId for TrustPolicyId {
    const PARAMETER: &'static str = "policyId";
}

/// An id from the path; only the canonical spelling of a UUID is one.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

impl<T: PathId> FromRequestParts<App> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let parameters = Path::<HashMap<String, String>>::from_request_parts(parts, app).await.ok();
        let text = parameters.and_then(|Path(mut parameters)| parameters.remove(T::PARAMETER));
        text.and_then(|text| text.parse().ok()).map(Self).ok_or_else(|| {
            let mut errors = FieldErrors::new();
            errors.push(T::PARAMETER, "must be a UUID in its canonical form (lower case, with hyphens)");
            errors.into_error()
        })
    }
}
