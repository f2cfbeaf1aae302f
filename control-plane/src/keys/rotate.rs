//! Listing the keys, and publishing a new one.

use agentidp_shared::jwk::{Algorithm, MAX_KEYS};
use serde_json::json;

use super::lifecycle::{add_key, is_chosen};
use super::model::{KeyStatus, SigningKeyInfo};
use super::signer::KeyError;
use super::{ChangedBy, store, system_event};
use crate::app::App;
use crate::audit::{self, Action};

#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    #[error("key {kid} is already waiting to be used; it signs within seconds, then rotate again")]
    NextKeyWaiting { kid: String },
    #[error(
        "{0} keys are published, as many as an edge takes; those that retire go when their last token has expired"
    )]
    TooMany(usize),
    #[error("neither the instance nor an organization has chosen {0}; there is no key of it to replace")]
    NotInUse(Algorithm),
    #[error("the instance has no system organization yet; run `agentidp bootstrap` first")]
    NotBootstrapped,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

/// Every key that is not removed, oldest first.
pub async fn list(app: &App) -> Result<Vec<SigningKeyInfo>, KeyError> {
    let mut tx = app.db.system().await?;
    Ok(store::live_keys(&mut tx).await?.into_iter().map(|key| key.info).collect())
}

/// Publishes a new key of `algorithm`, or if none is named of the instance's; the running servers begin to sign with it once the edges know it.
pub async fn rotate(
    app: &App,
    algorithm: Option<Algorithm>,
    by: ChangedBy<'_>,
) -> Result<SigningKeyInfo, RotateError> {
    let mut tx = app.db.system().await?;
    store::lock(&mut tx).await?;
    let wanted = store::wanted(&mut tx, app.config.signing_algorithm).await?;
    let algorithm = algorithm.unwrap_or(wanted.instance);
    if !is_chosen(&wanted, algorithm) {
        return Err(RotateError::NotInUse(algorithm));
    }
    let waiting = |keys: Vec<store::StoredKey>| {
        keys.into_iter()
            .map(|key| key.info)
            .find(|key| key.algorithm == algorithm && key.status == KeyStatus::Next)
    };
    let live = store::live_keys(&mut tx).await?;
    // An edge refuses a larger set, and with it everything that follows in the feed.
    if live.len() >= MAX_KEYS {
        return Err(RotateError::TooMany(live.len()));
    }
    if let Some(next) = waiting(live) {
        return Err(RotateError::NextKeyWaiting { kid: next.kid });
    }
    let next = waiting(add_key(&mut tx, app, algorithm, KeyStatus::Next).await?).ok_or(KeyError::Crypto)?;
    let metadata = json!({ "kid": next.kid, "algorithm": algorithm.as_str() });
    let event = system_event(&mut tx, Action::KeyRotated, metadata, by).await?;
    audit::record(&mut tx, app, event.ok_or(RotateError::NotBootstrapped)?).await?;
    tx.commit().await?;
    Ok(next)
}
