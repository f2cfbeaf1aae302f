//! Taking a key back at once: it leaked, or may have.

use agentidp_shared::feed::Change;
use serde_json::json;

use super::lifecycle::{add_key, is_chosen, load, public_keys};
use super::model::{KeyStatus, SigningKeyInfo};
use super::signer::KeyError;
use super::{ChangedBy, store, system_event};
use crate::app::App;
use crate::audit::{self, Action};
use crate::edge_feed;

#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    #[error("there is no key {0}, or it was removed before")]
    NotFound(String),
    #[error("the instance has no system organization yet; run `agentidp bootstrap` first")]
    NotBootstrapped,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

/// Removes a key, private part and all, and with it every token it signed. If it was one that signs, another of its algorithm signs from now
/// on, although edges are only learning of it: the next one if there is one, or else a new one. Returns the key that signs instead.
///
/// This process has done with the key when this returns; the others look every two seconds, and what they sign until then is
/// refused.
pub async fn revoke(app: &App, kid: &str, by: ChangedBy<'_>) -> Result<SigningKeyInfo, RevokeError> {
    let mut tx = app.db.system().await?;
    store::lock(&mut tx).await?;
    let now = app.now();
    let mut keys = store::live_keys(&mut tx).await?;
    let revoked = keys.iter().find(|key| key.info.kid == kid).map(|key| key.info.clone());
    let revoked = revoked.ok_or_else(|| RevokeError::NotFound(kid.to_owned()))?;
    store::remove(&mut tx, kid, now).await?;
    keys.retain(|key| key.info.kid != kid);
    let wanted = store::wanted(&mut tx, app.config.signing_algorithm).await?;
    let signs = |keys: &[store::StoredKey], algorithm| {
        let mut active = keys.iter().filter(|key| key.info.status == KeyStatus::Active);
        active.find(|key| key.info.algorithm == algorithm).map(|key| key.info.clone())
    };
    let algorithm = if is_chosen(&wanted, revoked.algorithm) { revoked.algorithm } else { wanted.instance };
    if revoked.status == KeyStatus::Active && signs(&keys, algorithm).is_none() {
        let next =
            keys.iter().find(|key| key.info.status == KeyStatus::Next && key.info.algorithm == algorithm);
        match next.map(|key| key.info.kid.clone()) {
            Some(next) => {
                store::promote(&mut tx, algorithm, &next, now).await?;
            }
            None => {
                add_key(&mut tx, app, algorithm, KeyStatus::Active).await?;
            }
        }
        keys = store::live_keys(&mut tx).await?;
    }
    edge_feed::append(&mut tx, &Change::Keys { jwks: public_keys(&keys) }).await?;
    let any = || keys.iter().find(|key| key.info.status == KeyStatus::Active).map(|key| key.info.clone());
    let signing = signs(&keys, algorithm).or_else(|| signs(&keys, wanted.instance)).or_else(any);
    let signing = signing.ok_or(KeyError::Crypto)?;
    let metadata = json!({
        "kid": kid, "algorithm": revoked.algorithm.as_str(), "was": revoked.status.as_str(), "signing": signing.kid,
    });
    let event = system_event(&mut tx, Action::KeyRevoked, metadata, by).await?;
    audit::record(&mut tx, app, event.ok_or(RevokeError::NotBootstrapped)?).await?;
    tx.commit().await?;
    load(app, &keys, &wanted)?;
    Ok(signing)
}
