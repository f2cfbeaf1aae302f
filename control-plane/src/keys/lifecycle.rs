//! Keys as time passes: the first one, promotion once the edges know the next, removal once the last token has expired.

use std::sync::Arc;
use std::time::Duration;

use agentidp_shared::feed::Change;
use agentidp_shared::jwk::{Algorithm, JwkSet, KeySet};
use sqlx::PgConnection;

use super::documents::advance_documents;
use super::model::KeyStatus;
use super::signer::{KeyError, Signer, SigningKeys};
use super::store::{self, StoredKey};
use crate::app::App;
use crate::edge_feed;
use crate::infra::keystore::SIGNING_KEYS;

/// How often keys are looked at; also how soon a process learns of another's rotation.
const INTERVAL: Duration = Duration::from_secs(2);
/// A next key waits at least this long, so that every other control-plane process has loaded it too.
const SHORTEST_WAIT: time::Duration = time::Duration::seconds(6);
/// A key that some edge has not acknowledged after this long is promoted all the same, and that is logged: one edge that
/// is cut off must not keep a key from being rotated. Such an edge asks for the unknown key by itself.
const LONGEST_WAIT_FOR_EDGES: time::Duration = time::Duration::seconds(30);
/// Retired keys stay published this much longer than the longest-lived token they signed.
const RETIREMENT_MARGIN: time::Duration = time::Duration::minutes(5);

/// Makes sure there is a key to sign with, and loads all.
pub async fn prepare(app: &App) -> Result<(), KeyError> {
    let algorithm = app.config.signing_algorithm;
    let mut tx = app.db.system().await?;
    store::lock(&mut tx).await?;
    let keys = store::live_keys(&mut tx).await?;
    let has = |status| keys.iter().any(|key| key.info.algorithm == algorithm && key.info.status == status);
    let keys = if has(KeyStatus::Active) || has(KeyStatus::Next) {
        keys
    } else {
        // The very first key signs at once; one of a newly configured algorithm waits until the edges know it.
        let any_active = keys.iter().any(|key| key.info.status == KeyStatus::Active);
        let status = if any_active { KeyStatus::Next } else { KeyStatus::Active };
        add_key(&mut tx, app, algorithm, status).await?
    };
    store::note_token_life(&mut tx, app.config.token_ttl_seconds.into()).await?;
    tx.commit().await?;
    load(app, &keys)
}

/// Makes a key and publishes it in the caller's transaction, which must hold the lock. Returns all live keys.
pub(super) async fn add_key(
    tx: &mut PgConnection,
    app: &App,
    algorithm: Algorithm,
    status: KeyStatus,
) -> Result<Vec<StoredKey>, KeyError> {
    let (pkcs8, jwk) = Signer::generate(algorithm)?;
    let private_key =
        app.keystore.seal(&pkcs8, &SIGNING_KEYS.place(jwk.kid.as_deref().unwrap_or_default()), &*app.rng);
    store::insert(tx, algorithm, &jwk, &private_key, status, app.now()).await?;
    let keys = store::live_keys(tx).await?;
    edge_feed::append(tx, &Change::Keys { jwks: public_keys(&keys) }).await?;
    Ok(keys)
}

/// Moves keys along: promotes a next key that the edges know, removes keys whose tokens have all expired, and loads what
/// other processes changed.
pub async fn advance(app: &App) -> Result<(), KeyError> {
    let mut tx = app.db.system().await?;
    store::lock(&mut tx).await?;
    let now = app.now();
    store::note_token_life(&mut tx, app.config.token_ttl_seconds.into()).await?;
    let mut keys = store::live_keys(&mut tx).await?;
    let mut changed = false;
    for next in keys.iter().filter(|key| key.info.status == KeyStatus::Next) {
        let (kid, algorithm) = (&next.info.kid, next.info.algorithm);
        if now - next.info.created_at < SHORTEST_WAIT {
            continue;
        }
        let known = edge_feed::every_edge_holds_key(&mut tx, app, kid).await?;
        let waited_enough = now - next.info.created_at >= LONGEST_WAIT_FOR_EDGES;
        if !known && !waited_enough {
            continue;
        }
        if !known {
            tracing::warn!(kid, "a signing key is used although not every edge has acknowledged it");
        }
        store::promote(&mut tx, algorithm, kid, now).await?;
        tracing::info!(kid, %algorithm, "signing key activated");
        changed = true;
    }
    let configured = app.config.signing_algorithm;
    if changed
        && keys.iter().any(|key| key.info.status == KeyStatus::Next && key.info.algorithm == configured)
    {
        store::retire_others(&mut tx, configured, now).await?;
    }
    if store::remove_retired(&mut tx, RETIREMENT_MARGIN, now).await? > 0 {
        keys = store::live_keys(&mut tx).await?;
        edge_feed::append(&mut tx, &Change::Keys { jwks: public_keys(&keys) }).await?;
        changed = true;
    }
    if changed {
        keys = store::live_keys(&mut tx).await?;
    }
    tx.commit().await?;
    if fingerprint(&keys) != fingerprint_of_current(app) || changed {
        load(app, &keys)?;
    }
    Ok(())
}

/// Runs [`advance`] while the process lives.
pub fn spawn(app: &App) {
    let app = app.clone();
    app.tasks.clone().spawn(async move {
        while app.shutdown.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
            if let Err(error) = advance(&app).await {
                tracing::warn!(error = %error, cause = ?std::error::Error::source(&error), "signing keys could not be looked after; it will be tried again");
            }
            advance_documents_or_warn(&app).await;
        }
    });
}

async fn advance_documents_or_warn(app: &App) {
    if let Err(error) = advance_documents(app).await {
        tracing::warn!(error = %error, cause = ?std::error::Error::source(&error), "keys of documents could not be looked after; it will be tried again");
    }
}

pub(super) fn public_keys(keys: &[StoredKey]) -> JwkSet {
    JwkSet { keys: keys.iter().map(|key| key.jwk.clone()).collect() }
}

/// From now on this process signs and verifies with these.
pub(super) fn load(app: &App, keys: &[StoredKey]) -> Result<(), KeyError> {
    app.signers.replace(open_keys(app, keys)?);
    Ok(())
}

fn open_keys(app: &App, keys: &[StoredKey]) -> Result<SigningKeys, KeyError> {
    let configured = app.config.signing_algorithm;
    let mut active: Vec<&StoredKey> =
        keys.iter().filter(|key| key.info.status == KeyStatus::Active).collect();
    active.sort_by_key(|key| key.info.algorithm != configured);
    let active = active
        .first()
        .map(|key| {
            let kid = key.info.kid.clone();
            let opened = app
                .keystore
                .open(&key.private_key.ciphertext, &key.private_key.key_id, &SIGNING_KEYS.place(&kid))
                .map_err(|source| KeyError::Sealed { kid: kid.clone(), source })?;
            Signer::from_pkcs8(key.info.algorithm, kid, &opened).map(Arc::new)
        })
        .transpose()?;
    let jwks = public_keys(keys);
    let verification = KeySet::from_jwks(&jwks).map_err(|error| KeyError::Stored(error.to_string()))?;
    Ok(SigningKeys { active, jwks, verification })
}

/// What must be equal for the keys in memory to be those of the table: the published ids and the one that signs.
fn fingerprint(keys: &[StoredKey]) -> (Vec<String>, Vec<String>) {
    let kids = |wanted: fn(KeyStatus) -> bool| {
        keys.iter().filter(|key| wanted(key.info.status)).map(|key| key.info.kid.clone()).collect::<Vec<_>>()
    };
    (kids(|_| true), kids(|status| status == KeyStatus::Active))
}

fn fingerprint_of_current(app: &App) -> (Vec<String>, Vec<String>) {
    let current = app.signers.current();
    (
        current.jwks.keys.iter().filter_map(|key| key.kid.clone()).collect(),
        current.active.iter().map(|signer| signer.kid().to_owned()).collect(),
    )
}
