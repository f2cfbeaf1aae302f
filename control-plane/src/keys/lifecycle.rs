//! Keys as time passes: the first one, promotion once the edges know the next, removal once the last token has expired.

use std::sync::Arc;
use std::time::Duration;

use agentidp_shared::feed::Change;
use agentidp_shared::jwk::{Algorithm, JwkSet, KeySet, MAX_KEYS};

use super::documents::advance_documents;
use super::model::KeyStatus;
use super::signer::{KeyError, Signer, SigningKeys};
use super::store::{self, StoredKey, Wanted};
use crate::app::App;
use crate::edge_feed;
use crate::infra::db::SystemTx;
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
    let mut keys = store::live_keys(&mut tx).await?;
    let mut wanted = store::wanted(&mut tx, algorithm).await?;
    if wanted.instance != algorithm {
        // Of two changes in a row the first may never have been in force.
        let before = [Some(wanted.instance), wanted.instance_before].into_iter().flatten();
        let before = before.into_iter().find(|before| has(&keys, *before, KeyStatus::Active));
        (wanted.instance, wanted.instance_before) = (algorithm, before);
    }
    store::set_instance_algorithm(&mut tx, wanted.instance, wanted.instance_before).await?;
    if !has(&keys, algorithm, KeyStatus::Active) && !has(&keys, algorithm, KeyStatus::Next) {
        // The very first key signs at once; one of a newly configured algorithm waits until the edges know it.
        let any_active = keys.iter().any(|key| key.info.status == KeyStatus::Active);
        let status = if any_active { KeyStatus::Next } else { KeyStatus::Active };
        keys = add_key(&mut tx, app, algorithm, status).await?;
    }
    store::note_token_life(&mut tx, app.config.token_ttl_seconds.into()).await?;
    tx.commit().await?;
    load(app, &keys, &wanted)
}

/// Makes a key and publishes it in the caller's transaction, which must hold the lock. Returns all live keys.
pub(super) async fn add_key(
    tx: &mut SystemTx,
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
    let mut republish = false;
    if changed {
        keys = store::live_keys(&mut tx).await?;
    }
    let wanted = store::wanted(&mut tx, app.config.signing_algorithm).await?;
    for algorithm in Algorithm::ALL {
        let (signs, waits) =
            (has(&keys, algorithm, KeyStatus::Active), has(&keys, algorithm, KeyStatus::Next));
        if is_chosen(&wanted, algorithm) {
            // Its key was revoked before it signed, or an organization came back that had chosen it.
            if !signs && !waits && keys.len() < MAX_KEYS {
                add_key(&mut tx, app, algorithm, KeyStatus::Next).await?;
                changed = true;
            }
        } else if signs && !is_needed_still(&wanted, &keys, algorithm) {
            store::retire(&mut tx, algorithm, now).await?;
            tracing::info!(%algorithm, "nobody chooses this algorithm any more; its signing key retires");
            changed = true;
        } else if waits && !signs {
            // It has signed nothing, and nobody waits for it any more.
            for next in keys
                .iter()
                .filter(|key| key.info.status == KeyStatus::Next && key.info.algorithm == algorithm)
            {
                store::remove(&mut tx, &next.info.kid, now).await?;
            }
            republish = true;
        }
    }
    if store::remove_retired(&mut tx, RETIREMENT_MARGIN, now).await? > 0 || republish {
        keys = store::live_keys(&mut tx).await?;
        edge_feed::append(&mut tx, &Change::Keys { jwks: public_keys(&keys) }).await?;
        changed = true;
    }
    if changed {
        keys = store::live_keys(&mut tx).await?;
    }
    tx.commit().await?;
    if fingerprint(&keys, &wanted) != fingerprint_of_current(app) || changed {
        load(app, &keys, &wanted)?;
    }
    Ok(())
}

fn has(keys: &[StoredKey], algorithm: Algorithm, status: KeyStatus) -> bool {
    keys.iter().any(|key| key.info.algorithm == algorithm && key.info.status == status)
}

/// Whether somebody's tokens are to be signed with it.
pub(super) fn is_chosen(wanted: &Wanted, algorithm: Algorithm) -> bool {
    wanted.instance == algorithm || wanted.organizations.contains(&algorithm)
}

/// Whether somebody's tokens are signed with it until a key of their choice signs.
fn is_needed_still(wanted: &Wanted, keys: &[StoredKey], algorithm: Algorithm) -> bool {
    let instance_signs = has(keys, wanted.instance, KeyStatus::Active);
    let is_before = |(choice, before): &(Algorithm, Algorithm)| {
        *before == algorithm && !has(keys, *choice, KeyStatus::Active)
    };
    !instance_signs && signing_for_instance(wanted, keys) == Some(algorithm)
        || wanted.organizations_before.iter().any(is_before)
}

/// The algorithm of the key that signs for those who have chosen nothing.
fn signing_for_instance(wanted: &Wanted, keys: &[StoredKey]) -> Option<Algorithm> {
    [Some(wanted.instance), wanted.instance_before]
        .into_iter()
        .flatten()
        .chain(Algorithm::ALL)
        .find(|algorithm| has(keys, *algorithm, KeyStatus::Active))
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
pub(super) fn load(app: &App, keys: &[StoredKey], wanted: &Wanted) -> Result<(), KeyError> {
    app.signers.replace(open_keys(app, keys, wanted)?);
    Ok(())
}

fn open_keys(app: &App, keys: &[StoredKey], wanted: &Wanted) -> Result<SigningKeys, KeyError> {
    let by_algorithm = keys
        .iter()
        .filter(|key| key.info.status == KeyStatus::Active)
        .map(|key| {
            let kid = key.info.kid.clone();
            let opened = app
                .keystore
                .open(&key.private_key.ciphertext, &key.private_key.key_id, &SIGNING_KEYS.place(&kid))
                .map_err(|source| KeyError::Sealed { kid: kid.clone(), source })?;
            Signer::from_pkcs8(key.info.algorithm, kid, &opened).map(Arc::new)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let for_instance = signing_for_instance(wanted, keys);
    let active = by_algorithm.iter().find(|signer| Some(signer.algorithm()) == for_instance).cloned();
    let jwks = public_keys(keys);
    let verification = KeySet::from_jwks(&jwks).map_err(|error| KeyError::Stored(error.to_string()))?;
    Ok(SigningKeys { active, by_algorithm, jwks, verification })
}

/// What must be equal for the keys in memory to be those of the table: the published ids, those that sign, and which of them
/// signs for those who have chosen nothing.
type Fingerprint = (Vec<String>, Vec<String>, Option<Algorithm>);

fn fingerprint(keys: &[StoredKey], wanted: &Wanted) -> Fingerprint {
    let kids = |chosen: fn(KeyStatus) -> bool| {
        keys.iter().filter(|key| chosen(key.info.status)).map(|key| key.info.kid.clone()).collect::<Vec<_>>()
    };
    (kids(|_| true), kids(|status| status == KeyStatus::Active), signing_for_instance(wanted, keys))
}

fn fingerprint_of_current(app: &App) -> Fingerprint {
    let current = app.signers.current();
    (
        current.jwks.keys.iter().filter_map(|key| key.kid.clone()).collect(),
        current.by_algorithm.iter().map(|signer| signer.kid().to_owned()).collect(),
        current.active.as_ref().map(|signer| signer.algorithm()),
    )
}
