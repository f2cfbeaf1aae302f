//! A signing key's life.

use agentidp_shared::jwk::Algorithm;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// `next → active → retiring → removed`, or from anywhere to `removed` when a key is revoked; no other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// Published, but nothing is signed with it yet.
    Next,
    Active,
    /// Signs nothing more; still published for the tokens it signed.
    Retiring,
    Removed,
}

impl KeyStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Removed => "removed",
        }
    }

    pub fn from_column(text: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retiring, Self::Removed]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// What may be told of a signing key.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningKeyInfo {
    pub kid: String,
    #[schema(value_type = String)]
    pub algorithm: Algorithm,
    pub status: KeyStatus,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub activated_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub retiring_since: Option<OffsetDateTime>,
}
