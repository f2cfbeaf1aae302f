//! What a protected API is.

use agentidp_shared::ids::{OrganizationId, ResourceId};
use agentidp_shared::scopes::Scope;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// A scope of a protected API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ResourceScope)]
pub struct ResourceScope {
    /// Unique over all protected APIs, and none of the management API's.
    #[schema(value_type = String, min_length = 1, max_length = 64, examples("orders:read"))]
    pub name: Scope,
    /// What it lets an agent do, for people.
    #[schema(max_length = 500)]
    pub description: String,
}

/// Which organizations a protected API serves: `all`, or those listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ResourceOrganizations)]
pub enum Serves {
    Every(Every),
    #[schema(value_type = Vec<uuid::Uuid>)]
    Listed(Vec<OrganizationId>),
}

/// Every organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = EveryOrganization)]
pub enum Every {
    All,
}

impl Serves {
    pub const ALL: Self = Self::Every(Every::All);

    pub fn is_for_all(&self) -> bool {
        *self == Self::ALL
    }

    /// None if it serves them all.
    pub fn listed(&self) -> &[OrganizationId] {
        match self {
            Self::Every(Every::All) => &[],
            Self::Listed(listed) => listed,
        }
    }
}

/// A protected API.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resource {
    #[serde(rename = "resourceId")]
    #[schema(value_type = uuid::Uuid)]
    pub id: ResourceId,
    /// `resource` of a token request (RFC 8707) and `aud` of its tokens, byte for byte.
    #[schema(examples("https://orders.example.com"))]
    pub identifier: String,
    pub name: String,
    /// An organization is shown those that it may have.
    pub scopes: Vec<ResourceScope>,
    /// For the platform alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizations: Option<Serves>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

impl Resource {
    /// As an organization is shown it that is not the platform's.
    pub fn for_organization(self) -> Self {
        Self { organizations: None, ..self }
    }

    pub fn scope_names(&self) -> Vec<String> {
        self.scopes.iter().map(|scope| scope.name.to_string()).collect()
    }
}
