//! What a grant is.

use agentidp_shared::ids::{GrantId, OrganizationId};
use agentidp_shared::scopes::ScopeSet;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::infra::http::fields::{Fields, FromFields};

/// A grant to be made.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase", as = CreateGrantRequest)]
pub(super) struct NewGrant {
    /// The organization whose agents may act for this one's. It has to have a grant for this one too.
    #[schema(value_type = uuid::Uuid)]
    pub grantee_id: OrganizationId,
    /// What may be passed on to its agents. None: nothing, but its agents may pass on to this organization's.
    #[schema(value_type = Vec<String>, max_items = 64)]
    pub scopes: ScopeSet,
    /// From then on nothing is passed on, and nothing that was passed on is good.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<OffsetDateTime>,
}

impl FromFields for NewGrant {
    fn from_fields(input: &mut Fields) -> Option<Self> {
        let grantee_id = input.required_parsed("granteeId", "an organization's id");
        let scopes = input.required("scopes", |input| input.optional_scopes("scopes"));
        let expires_at = input.optional_timestamp("expiresAt");
        Some(Self { grantee_id: grantee_id?, scopes: scopes?, expires_at })
    }
}

/// A grant, as the organization that gave it sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names of its JSON members")]
pub(super) struct Grant {
    #[schema(value_type = uuid::Uuid)]
    pub grant_id: GrantId,
    /// The organization whose agents may act for this one's.
    #[schema(value_type = uuid::Uuid)]
    pub grantee_id: OrganizationId,
    #[schema(value_type = Vec<String>)]
    pub scopes: ScopeSet,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// Whether the other organization has a grant for this one, without which nothing is passed on.
    pub answered: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}
