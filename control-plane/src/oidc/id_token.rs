//! ID tokens (OpenID Connect Core 1.0 §2).

use agentidp_shared::claims::Claims;
use agentidp_shared::jwk::Algorithm;
use agentidp_shared::strict::encode_base64url;
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use serde::Serialize;

use super::claims::{self, AgentClaims};
use crate::app::App;
use crate::infra::http::error::ApiError;
use crate::keys::Choice;

/// Never that of an access token, so that neither passes for the other.
const TYPE: &str = "JWT";
const MAX_NONCE_BYTES: usize = 512;

#[derive(Debug, thiserror::Error)]
pub enum IdTokenError {
    #[error("nonce has more than {MAX_NONCE_BYTES} bytes")]
    NonceTooLong,
    #[error("the ID token cannot be made")]
    Internal(ApiError),
}

impl From<sqlx::Error> for IdTokenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Internal(error.into())
    }
}

#[derive(Debug, Serialize)]
struct IdToken<'a> {
    iss: &'a str,
    /// The client that asked, for whom alone it is.
    aud: String,
    exp: u64,
    iat: u64,
    /// When the client authenticated: just now, there are no sessions.
    auth_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    at_hash: String,
    #[serde(flatten)]
    agent: AgentClaims,
}

/// The ID token that goes with an access token, if its scopes have `openid`.
pub async fn id_token(
    app: &App,
    choice: Choice,
    access: &Claims,
    access_token: &str,
    nonce: Option<&str>,
) -> Result<Option<String>, IdTokenError> {
    if !access.scopes.contains("openid") {
        return Ok(None);
    }
    if nonce.is_some_and(|nonce| nonce.len() > MAX_NONCE_BYTES) {
        return Err(IdTokenError::NonceTooLong);
    }
    let mut tx = app.db.tenant(access.organization_id).await?;
    let agent = claims::claims(&mut tx, &app.config.issuer, access.organization_id, access.sub).await?;
    tx.commit().await?;
    let keys = app.signers.current();
    let no_key = || IdTokenError::Internal(ApiError::internal(anyhow::anyhow!("no active signing key")));
    let signer = keys.signer_for(choice).ok_or_else(no_key)?;
    let token = IdToken {
        iss: &access.iss,
        aud: access.client_id.to_string(),
        exp: access.exp,
        iat: access.iat,
        auth_time: access.nbf,
        nonce,
        at_hash: at_hash(signer.algorithm(), access_token),
        agent: agent.ok_or(sqlx::Error::RowNotFound)?,
    };
    let signed = signer.sign_jwt(TYPE, &token);
    signed.map(Some).map_err(|error| IdTokenError::Internal(ApiError::internal(error)))
}

/// The left half of the access token's hash, by the hash that belongs to the signature's algorithm (§3.1.3.6). For Ed25519 that is
/// SHA-512.
fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    let hash = match algorithm {
        Algorithm::ES256 | Algorithm::RS256 => &SHA256,
        Algorithm::EdDSA => &SHA512,
    };
    let hashed = digest(hash, access_token.as_bytes());
    let (left, _) = hashed.as_ref().split_at(hashed.as_ref().len() / 2);
    encode_base64url(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenID Connect Core 1.0 appendix A.3.
    #[test]
    fn at_hash_is_that_of_the_specifications_example() {
        let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(at_hash(Algorithm::RS256, access_token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(at_hash(Algorithm::EdDSA, access_token).len(), 43);
    }
}
