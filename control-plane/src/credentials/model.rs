//! What a credential is, and what may be told of it.

use agentidp_shared::ids::{AgentId, CredentialId};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// `active → revoked`; an active one may also run out by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CredentialStatus {
    Active,
    Expired,
    Revoked,
}

impl CredentialStatus {
    /// As of `now`, from what is stored.
    pub(super) fn at(now: OffsetDateTime, stored: &str, expires_at: Option<OffsetDateTime>) -> Self {
        match stored {
            "active" if expires_at.is_some_and(|end| end <= now) => Self::Expired,
            "active" => Self::Active,
            _ => Self::Revoked,
        }
    }
}

/// How a client proves that it has the credential (RFC 7591 §2, `token_endpoint_auth_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// With a secret, by `client_secret_basic` or `client_secret_post`.
    ClientSecret,
    /// With a key of its own, of which only the public half is known here.
    PrivateKeyJwt,
}

/// A credential without its secret.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    #[serde(rename = "credentialId")]
    #[schema(value_type = uuid::Uuid)]
    pub id: CredentialId,
    #[schema(value_type = uuid::Uuid)]
    pub agent_id: AgentId,
    /// The agent's id: what the client authenticates as.
    #[schema(value_type = uuid::Uuid)]
    pub client_id: AgentId,
    pub kind: CredentialKind,
    /// Of a key: what the header of an assertion names it by.
    pub kid: Option<String>,
    /// Of a key: its thumbprint (RFC 7638, SHA-256).
    pub thumbprint: Option<String>,
    pub status: CredentialStatus,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub rotated_at: Option<OffsetDateTime>,
    /// Until then the secret or key before the last rotation is accepted too.
    #[serde(with = "time::serde::rfc3339::option")]
    pub previous_valid_until: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
    /// To the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_used_at: Option<OffsetDateTime>,
    /// Where the use at that time came from. Every use is in the audit log.
    pub last_used_address: Option<String>,
}

/// A credential with its secret, if it has one, which is shown this once.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewCredential {
    #[serde(flatten)]
    pub credential: Credential,
    /// Not of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("sk_live_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"))]
    pub client_secret: Option<ShownSecret>,
}

/// A secret on its way to its owner; `Debug` does not show it.
#[derive(serde::Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct ShownSecret(String);

impl ShownSecret {
    pub fn new(secret: &crate::infra::config::Secret<String>) -> Self {
        Self(secret.expose().clone())
    }
}

impl std::fmt::Debug for ShownSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for ShownSecret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::from_unix_seconds;

    #[test]
    fn an_active_credential_expires_by_itself_and_a_revoked_one_stays_revoked() {
        let at = |seconds, stored| {
            CredentialStatus::at(from_unix_seconds(seconds), stored, Some(from_unix_seconds(100)))
        };
        assert_eq!(at(99, "active"), CredentialStatus::Active);
        assert_eq!(at(100, "active"), CredentialStatus::Expired);
        assert_eq!(at(100, "revoked"), CredentialStatus::Revoked);
        assert_eq!(CredentialStatus::at(from_unix_seconds(1), "active", None), CredentialStatus::Active);
    }
}
