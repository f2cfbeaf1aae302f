//! The keys that documents about agents are signed with: badges, and this instance's own card.
//!
//! RS256, because that is all that tools of AGNTCY take, and because it signs the same document with the same bytes each time.
//! They are published beside the token keys and are none of them: no token is accepted under one.

use std::sync::{Arc, PoisonError, RwLock};

use agentidp_shared::jwk::{Algorithm, Jwk, JwkSet, MAX_KEYS};
use serde_json::json;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::signer::{KeyError, Signer};
use super::{ChangedBy, RotateError, documents_store, store, system_event};
use crate::app::App;
use crate::audit::{self, Action};
use crate::edge_feed;
use crate::infra::keystore::DOCUMENT_KEYS;

/// A new key is published this long before it signs, so that every edge has it, unless it is the only one.
const PUBLISHED_BEFORE: Duration = Duration::seconds(30);
/// Longest life of what is signed, and time to spare: so long a key is published after another took over.
const RETIREMENT: Duration = Duration::hours(25);

/// The keys of one moment.
#[derive(Debug, Default)]
struct Current {
    signer: Option<Arc<Signer>>,
    jwks: JwkSet,
}

/// The keys this process signs documents with, replaced as a whole when the table changes.
#[derive(Debug, Default)]
pub struct DocumentKeys(RwLock<Arc<Current>>);

impl DocumentKeys {
    fn current(&self) -> Arc<Current> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key that signs; `None` for the first moments of an instance.
    pub fn signer(&self) -> Option<Arc<Signer>> {
        self.current().signer.clone()
    }

    /// What is published.
    pub fn jwks(&self) -> JwkSet {
        self.current().jwks.clone()
    }
}

/// Loads the keys that there are.
pub async fn load_documents(app: &App) -> Result<(), KeyError> {
    let mut tx = app.db.system().await?;
    let keys = documents_store::live(&mut tx).await?;
    tx.commit().await?;
    load(app, &keys).map(|_| ())
}

/// Moves the keys along: makes the first, replaces one that is due by schedule, removes those that nothing needs any more, loads
/// what other processes changed, and tells the edges.
pub async fn advance_documents(app: &App) -> Result<(), KeyError> {
    let mut tx = app.db.system().await?;
    let mut keys = documents_store::live(&mut tx).await?;
    tx.commit().await?;
    let now = app.now();
    let newest = keys.last().map(|key| key.created_at);
    let is_due = match (newest, app.config.key_rotation) {
        (None, _) => true,
        (Some(newest), Some(interval)) => now - newest >= interval && keys.len() < MAX_KEYS / 2,
        (Some(_), None) => false,
    };
    if is_due || !superseded(&keys, now).is_empty() {
        let (pkcs8, jwk) = generate().await?;
        let mut tx = app.db.system().await?;
        store::lock(&mut tx).await?;
        keys = documents_store::live(&mut tx).await?;
        if is_due && keys.last().map(|key| key.created_at) == newest {
            insert(&mut tx, app, &pkcs8, &jwk).await?;
            if newest.is_some() {
                let metadata = json!({ "kid": jwk.kid, "algorithm": "RS256", "use": "documents" });
                let event = system_event(&mut tx, Action::KeyRotated, metadata, ChangedBy::Schedule).await?;
                if let Some(event) = event {
                    audit::record(&mut tx, app, event).await?;
                }
            }
        }
        for kid in superseded(&keys, now) {
            documents_store::remove(&mut tx, &kid, now).await?;
        }
        keys = documents_store::live(&mut tx).await?;
        tx.commit().await?;
    }
    if load(app, &keys)? {
        edge_feed::publish_configuration(app).await?;
    }
    Ok(())
}

/// Publishes a new key; it signs half a minute later.
pub async fn rotate_documents(app: &App, by: ChangedBy<'_>) -> Result<String, RotateError> {
    let (pkcs8, jwk) = generate().await?;
    let kid = jwk.kid.clone().unwrap_or_default();
    let mut tx = app.db.system().await?;
    store::lock(&mut tx).await?;
    let live = documents_store::live(&mut tx).await?.len();
    if live >= MAX_KEYS / 2 {
        tx.commit().await?;
        return Err(RotateError::TooMany(live));
    }
    insert(&mut tx, app, &pkcs8, &jwk).await?;
    let metadata = json!({ "kid": kid, "algorithm": "RS256", "use": "documents" });
    let event = system_event(&mut tx, Action::KeyRotated, metadata, by).await?;
    audit::record(&mut tx, app, event.ok_or(RotateError::NotBootstrapped)?).await?;
    let keys = documents_store::live(&mut tx).await?;
    tx.commit().await?;
    load(app, &keys)?;
    edge_feed::publish_configuration(app).await?;
    Ok(kid)
}

/// Finding primes takes too long for a thread that serves requests.
async fn generate() -> Result<(zeroize::Zeroizing<Vec<u8>>, Jwk), KeyError> {
    let made = tokio::task::spawn_blocking(|| Signer::generate(Algorithm::RS256)).await;
    made.map_err(|_| KeyError::Crypto)?
}

async fn insert(tx: &mut PgConnection, app: &App, pkcs8: &[u8], jwk: &Jwk) -> Result<(), sqlx::Error> {
    let place = DOCUMENT_KEYS.place(jwk.kid.as_deref().unwrap_or_default());
    let private_key = app.keystore.seal(pkcs8, &place, &*app.rng);
    documents_store::insert(tx, jwk, &private_key, app.now()).await
}

/// The one that signs: the newest that was published long enough, or else the oldest. `keys` are oldest first.
fn signing(
    keys: &[documents_store::DocumentKey],
    now: OffsetDateTime,
) -> Option<&documents_store::DocumentKey> {
    let published = |key: &&documents_store::DocumentKey| now - key.created_at >= PUBLISHED_BEFORE;
    keys.iter().rev().find(published).or(keys.first())
}

/// The keys that signed nothing for so long that nothing they signed is good any more.
fn superseded(keys: &[documents_store::DocumentKey], now: OffsetDateTime) -> Vec<String> {
    let Some(signing) = signing(keys, now) else { return Vec::new() };
    if now - signing.created_at < PUBLISHED_BEFORE + RETIREMENT {
        return Vec::new();
    }
    let older = keys.iter().filter(|key| key.created_at < signing.created_at);
    older.map(|key| key.kid.clone()).collect()
}

/// From now on this process signs with these; whether that is a change of what is published.
fn load(app: &App, keys: &[documents_store::DocumentKey]) -> Result<bool, KeyError> {
    let current = app.document_keys.current();
    let jwks = JwkSet { keys: keys.iter().map(|key| key.jwk.clone()).collect() };
    let signing = signing(keys, app.now());
    if current.jwks == jwks
        && current.signer.as_ref().map(|signer| signer.kid()) == signing.map(|key| &*key.kid)
    {
        return Ok(false);
    }
    let open = |key: &documents_store::DocumentKey| {
        let sealed = &key.private_key;
        let pkcs8 = app
            .keystore
            .open(&sealed.ciphertext, &sealed.key_id, &DOCUMENT_KEYS.place(&key.kid))
            .map_err(|source| KeyError::Sealed { kid: key.kid.clone(), source })?;
        Signer::from_pkcs8(Algorithm::RS256, key.kid.clone(), &pkcs8).map(Arc::new)
    };
    let changed = current.jwks != jwks;
    let next = Current { signer: signing.map(open).transpose()?, jwks };
    *app.document_keys.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::infra::keystore::Sealed;

    fn keys(ages: &[i64]) -> (Vec<documents_store::DocumentKey>, OffsetDateTime) {
        let now = datetime!(2030-01-15 12:00 UTC);
        let key = |age: &i64| documents_store::DocumentKey {
            kid: format!("{age}"),
            jwk: Jwk::rsa(&[1; 256], &[1, 0, 1]),
            private_key: Sealed { ciphertext: vec![], key_id: String::new() },
            created_at: now - Duration::seconds(*age),
        };
        (ages.iter().map(key).collect(), now)
    }

    #[test]
    fn a_new_key_signs_once_it_was_published_and_the_first_at_once() {
        for (ages, signer) in [
            (&[0][..], "0"),
            (&[100, 29], "100"),
            (&[100, 30], "30"),
            (&[100, 50, 10], "50"),
            (&[20, 10], "20"),
        ] {
            let (keys, now) = keys(ages);
            assert_eq!(signing(&keys, now).unwrap().kid, signer, "{ages:?}");
        }
    }

    #[test]
    fn a_key_is_removed_only_when_nothing_it_signed_is_good() {
        let long = 25 * 3_600 + 30;
        for (ages, gone) in [
            (&[long * 2][..], &[][..]),
            (&[long * 2, long - 1], &[]),
            (&[900_000, long], &["900000"]),
            (&[900_000, long, 10], &["900000"]),
        ] {
            let (keys, now) = keys(ages);
            assert_eq!(superseded(&keys, now), gone, "{ages:?}");
        }
    }
}
