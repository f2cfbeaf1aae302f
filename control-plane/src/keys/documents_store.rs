//! SQL of the keys that documents are signed with. They belong to the instance; there is no tenant here.

use agentidp_shared::jwk::Jwk;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::signer::KeyError;
use crate::infra::keystore::Sealed;

pub(super) struct DocumentKey {
    pub kid: String,
    pub jwk: Jwk,
    pub private_key: Sealed,
    pub created_at: OffsetDateTime,
}

/// Every key that is not removed, oldest first.
pub(super) async fn live(tx: &mut PgConnection) -> Result<Vec<DocumentKey>, KeyError> {
    let rows = sqlx::query!(
        "select kid, public_jwk, private_key_ciphertext, wrapping_key_id, created_at from document_keys
         where removed_at is null order by created_at, kid"
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(DocumentKey {
                jwk: Jwk::from_value(&row.public_jwk).map_err(|_| KeyError::Stored(row.kid.clone()))?,
                kid: row.kid,
                private_key: Sealed { ciphertext: row.private_key_ciphertext, key_id: row.wrapping_key_id },
                created_at: row.created_at,
            })
        })
        .collect()
}

pub(super) async fn insert(
    tx: &mut PgConnection,
    jwk: &Jwk,
    private_key: &Sealed,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into document_keys (kid, public_jwk, private_key_ciphertext, wrapping_key_id, created_at)
         values ($1, $2, $3, $4, $5)",
        jwk.kid.as_deref().unwrap_or_default(),
        serde_json::to_value(jwk).map_err(|error| sqlx::Error::Encode(error.into()))?,
        private_key.ciphertext,
        private_key.key_id,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Removes a key, private half and all.
pub(super) async fn remove(tx: &mut PgConnection, kid: &str, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update document_keys set removed_at = $2, private_key_ciphertext = '' where kid = $1 and removed_at is null",
        kid,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}
