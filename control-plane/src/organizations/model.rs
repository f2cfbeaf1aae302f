//! What an organization is.

use agentidp_shared::ids::OrganizationId;
use agentidp_shared::issuer;
use agentidp_shared::jwk::Algorithm;
use agentidp_shared::tier::Tier;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::infra::db::UnknownValue;

/// What an organization pays for.
#[derive(ToSchema)]
#[schema(as = Tier, rename_all = "lowercase")]
#[expect(dead_code, reason = "documents the values")]
pub(super) enum TierName {
    Free,
    Pro,
    Enterprise,
}

/// `active ⇄ suspended`, and from either to `deleted`, which is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrganizationStatus {
    Active,
    Suspended,
    Deleted,
}

impl OrganizationStatus {
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Deleted];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
        }
    }
}

impl std::str::FromStr for OrganizationStatus {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownValue)
    }
}

/// Whose name an organization's tokens carry in `iss`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IssuerKind {
    /// The instance's.
    #[default]
    Instance,
    /// The organization's own: the instance's issuer, `/organizations/` and the organization's id.
    Organization,
}

impl IssuerKind {
    pub const ALL: [Self; 2] = [Self::Instance, Self::Organization];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Organization => "organization",
        }
    }

    /// The issuer itself. `instance` is the instance's.
    pub fn identifier(self, instance: &str, organization: OrganizationId) -> String {
        match self {
            Self::Instance => instance.to_owned(),
            Self::Organization => issuer::of_organization(instance, organization),
        }
    }
}

impl std::str::FromStr for IssuerKind {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownValue)
    }
}

/// An organization.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    #[serde(rename = "organizationId")]
    #[schema(value_type = uuid::Uuid)]
    pub id: OrganizationId,
    pub slug: String,
    pub name: String,
    /// Whether the platform set or confirmed the name. Otherwise the organization gave it to itself, and signed documents say so.
    pub name_confirmed: bool,
    pub status: OrganizationStatus,
    #[schema(value_type = TierName)]
    pub tier: Tier,
    /// What its tokens are to be signed with; `null` is what the instance uses.
    #[schema(value_type = Option<SigningAlgorithm>)]
    pub signing_algorithm: Option<Algorithm>,
    /// What new tokens are signed with at this moment. It differs from the choice for the seconds, half a minute at most, in which the
    /// first key of a newly chosen algorithm is made known to every edge.
    #[schema(value_type = Option<SigningAlgorithm>)]
    pub signing_algorithm_in_force: Option<Algorithm>,
    pub issuer_kind: IssuerKind,
    /// What new tokens carry in `iss`.
    pub issuer: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// The signature algorithms of tokens (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the values")]
pub(super) enum SigningAlgorithm {
    ES256,
    EdDSA,
    RS256,
}

/// How an algorithm is named in requests.
pub(super) const ALGORITHMS: &str = "ES256, EdDSA or RS256";

/// A name for URLs: 2 to 63 lower-case letters and digits, with single hyphens between them.
pub(super) fn is_slug(text: &str) -> bool {
    (2..=63).contains(&text.len())
        && text.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_are_what_is_shown() {
        for status in OrganizationStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for kind in IssuerKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn slugs_are_plain() {
        for good in ["ab", "a-b", "org-1-x", &"a".repeat(63)] {
            assert!(is_slug(good), "{good}");
        }
        for bad in ["", "a", "-a", "a-", "a--b", "A-b", "a_b", "a b", "ä-b", &"a".repeat(64)] {
            assert!(!is_slug(bad), "{bad}");
        }
    }
}
