//! SQL of signing keys. They belong to the instance; there is no tenant here.

use agentidp_shared::ids::OrganizationId;
use agentidp_shared::jwk::{Algorithm, Jwk};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::model::{KeyStatus, SigningKeyInfo};
use super::signer::KeyError;
use crate::infra::keystore::Sealed;

/// Serialises every change of keys in the deployment ("keys" in ASCII).
const KEYS_LOCK: i64 = 0x6b65_7973;

pub(super) struct StoredKey {
    pub info: SigningKeyInfo,
    pub jwk: Jwk,
    pub private_key: Sealed,
}

/// Holds off every other change of keys until the transaction ends.
pub(super) async fn lock(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock($1)", KEYS_LOCK).fetch_one(tx).await.map(|_| ())
}

/// Every key that is not removed, oldest first.
pub(super) async fn live_keys(tx: &mut PgConnection) -> Result<Vec<StoredKey>, KeyError> {
    let rows = sqlx::query!(
        "select kid, algorithm, status, public_jwk, private_key_ciphertext, wrapping_key_id, created_at, activated_at, retiring_since
         from signing_keys where status <> 'removed' order by created_at, kid"
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let unknown = || KeyError::Stored(row.kid.clone());
            Ok(StoredKey {
                jwk: Jwk::from_value(&row.public_jwk).map_err(|_| unknown())?,
                private_key: Sealed { ciphertext: row.private_key_ciphertext, key_id: row.wrapping_key_id },
                info: SigningKeyInfo {
                    algorithm: row.algorithm.parse().map_err(|_| unknown())?,
                    status: KeyStatus::from_column(&row.status).ok_or_else(unknown)?,
                    kid: row.kid,
                    created_at: row.created_at,
                    activated_at: row.activated_at,
                    retiring_since: row.retiring_since,
                },
            })
        })
        .collect()
}

pub(super) async fn insert(
    tx: &mut PgConnection,
    algorithm: Algorithm,
    jwk: &Jwk,
    private_key: &Sealed,
    status: KeyStatus,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let activated_at = (status == KeyStatus::Active).then_some(now);
    sqlx::query!(
        "insert into signing_keys (kid, algorithm, status, public_jwk, private_key_ciphertext, wrapping_key_id, created_at, activated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        jwk.kid.as_deref().unwrap_or_default(),
        algorithm.as_str(),
        status.as_str(),
        serde_json::to_value(jwk).unwrap_or_default(),
        private_key.ciphertext,
        private_key.key_id,
        now,
        activated_at
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Retires the active key of `algorithm`, if there is one, and activates the next.
pub(super) async fn promote(
    tx: &mut PgConnection,
    algorithm: Algorithm,
    next_kid: &str,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    retire(&mut *tx, algorithm, now).await?;
    sqlx::query!(
        "update signing_keys set status = 'active', activated_at = $2 where kid = $1 and status = 'next'",
        next_kid,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// The algorithms that somebody's tokens are to be signed with.
pub(super) struct Wanted {
    pub instance: Algorithm,
    /// What the instance's tokens are signed with until a key of `instance` signs.
    pub instance_before: Option<Algorithm>,
    /// Those that organizations have chosen, each once.
    pub organizations: Vec<Algorithm>,
    /// What organizations' tokens are signed with until a key of their choice signs.
    pub organizations_before: Vec<(Algorithm, Algorithm)>,
}

pub(super) async fn wanted(tx: &mut PgConnection, configured: Algorithm) -> Result<Wanted, KeyError> {
    let row = sqlx::query!("select signing_algorithm, signing_algorithm_before from instance")
        .fetch_one(&mut *tx)
        .await?;
    let chosen = sqlx::query!(
        "select distinct signing_algorithm, signing_algorithm_before from organizations
         where status <> 'deleted' and signing_algorithm is not null"
    )
    .fetch_all(tx)
    .await?;
    let mut organizations = Vec::new();
    let mut organizations_before = Vec::new();
    for row in chosen {
        let (choice, before) = (known(row.signing_algorithm)?, known(row.signing_algorithm_before)?);
        organizations.extend(choice.filter(|choice| !organizations.contains(choice)));
        organizations_before.extend(choice.zip(before));
    }
    Ok(Wanted {
        instance: known(row.signing_algorithm)?.unwrap_or(configured),
        instance_before: known(row.signing_algorithm_before)?,
        organizations,
        organizations_before,
    })
}

/// Makes `algorithm` the instance's; `before` is what signs until a key of it does.
pub(super) async fn set_instance_algorithm(
    tx: &mut PgConnection,
    algorithm: Algorithm,
    before: Option<Algorithm>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update instance set signing_algorithm = $1, signing_algorithm_before = $2",
        algorithm.as_str(),
        before.map(Algorithm::as_str)
    )
    .execute(tx)
    .await
    .map(|_| ())
}

fn known(column: Option<String>) -> Result<Option<Algorithm>, KeyError> {
    column.map(|text| text.parse().map_err(|_| KeyError::UnknownAlgorithm(text))).transpose()
}

/// Retires the active key of `algorithm`.
pub(super) async fn retire(
    tx: &mut PgConnection,
    algorithm: Algorithm,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update signing_keys set status = 'retiring', retiring_since = $2 where algorithm = $1 and status = 'active'",
        algorithm.as_str(),
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Notes that keys which sign now sign tokens that live `seconds`. The setting may be lowered later; tokens keep their life.
pub(super) async fn note_token_life(tx: &mut PgConnection, seconds: i64) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update signing_keys set longest_token_seconds = $1
         where status in ('next', 'active') and longest_token_seconds < $1",
        seconds
    )
    .execute(tx)
    .await
    .map(|_| ())
}

pub(super) async fn system_organization(
    tx: &mut PgConnection,
) -> Result<Option<OrganizationId>, sqlx::Error> {
    let id = sqlx::query_scalar!("select id from organizations where is_system").fetch_optional(tx).await?;
    Ok(id.map(OrganizationId::new))
}

/// Removes a key, private part and all, whatever it was.
pub(super) async fn remove(tx: &mut PgConnection, kid: &str, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update signing_keys set status = 'removed', removed_at = $2, private_key_ciphertext = ''
         where kid = $1 and status <> 'removed'",
        kid,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Removes retiring keys, private part and all, whose last tokens expired more than `margin` ago.
pub(super) async fn remove_retired(
    tx: &mut PgConnection,
    margin: Duration,
    now: OffsetDateTime,
) -> Result<u64, sqlx::Error> {
    sqlx::query!(
        "update signing_keys set status = 'removed', removed_at = $2, private_key_ciphertext = ''
         where status = 'retiring' and retiring_since + make_interval(secs => longest_token_seconds) < $1",
        now - margin,
        now
    )
    .execute(tx)
    .await
    .map(|done| done.rows_affected())
}
