//! What a partner is.

use agentidp_shared::ids::PartnerId;
use agentidp_shared::jwk::JwkSet;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// A partner to be made, every field checked but its URLs.
#[derive(Debug, Clone)]
pub(super) struct NewPartner {
    pub name: String,
    pub issuer: String,
    pub jwks_uri: String,
    pub allowed_organizations: Vec<String>,
    pub expires_at: Option<OffsetDateTime>,
}

/// A partner as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub id: PartnerId,
    pub name: String,
    pub issuer: String,
    pub jwks_uri: String,
    /// As far as they may be kept; see [`was_cut`](Self::was_cut).
    pub keys: JwkSet,
    /// Whether the row has more: an earlier version kept sets whole.
    pub was_cut: bool,
    pub keys_fetched_at: OffsetDateTime,
    /// When the edges were last told of them.
    pub keys_told_at: OffsetDateTime,
    pub allowed_organizations: Vec<String>,
    pub expires_at: Option<OffsetDateTime>,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

/// A partner, as its organization sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names of its JSON members")]
pub(super) struct Partner {
    #[schema(value_type = uuid::Uuid)]
    pub partner_id: PartnerId,
    name: String,
    /// `iss` of its tokens.
    issuer: String,
    jwks_uri: String,
    /// The `kid` of each key that was last found there.
    key_ids: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    keys_fetched_at: OffsetDateTime,
    /// What `organization_id` of its tokens may be.
    allowed_organizations: Vec<String>,
    /// From then on nothing of it is accepted.
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

impl From<Stored> for Partner {
    fn from(stored: Stored) -> Self {
        Self {
            partner_id: stored.id,
            name: stored.name,
            issuer: stored.issuer,
            jwks_uri: stored.jwks_uri,
            key_ids: stored.keys.keys.into_iter().filter_map(|key| key.kid).collect(),
            keys_fetched_at: stored.keys_fetched_at,
            allowed_organizations: stored.allowed_organizations,
            expires_at: stored.expires_at,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}
