//! Getting the keys at start, and refusing to start with wrong ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::cipher::{EnvelopeKey, RawKey};
use super::mac::MacRoot;
use super::place::{CHECK, HMAC_ROOT, SealedColumn};
use super::ring::Ring;
use super::store::{self, Kept};
use super::vault::{Listing, Seen, Vault, VaultError};
use super::{Keystore, KeystoreError, Sealed};
use crate::infra::clock::Clock;
use crate::infra::config::{KeystoreBackend, KeystoreConfig, Secret, VaultConfig};
use crate::infra::db::Db;
use crate::infra::rng::Rng;

/// The plaintext of the check value.
const CHECKED: &[u8] = b"agentidp";
/// The pause before Vault is asked again at start; doubled each time up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why the keys cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    WrongKey(WrongKey),
    #[error("{table}.{column} does not open: {source}; restore the row from a backup")]
    Row { table: &'static str, column: &'static str, source: KeystoreError },
    #[error("the root of the HMACs is not the one this database was made with{}", at(.path.as_deref()))]
    WrongRoot { path: Option<String> },
    #[error(
        "this database keeps its keys in Vault: set VAULT_ADDR and what it needs; AGENTIDP_KEYSTORE_KEY goes into AGENTIDP_KEYSTORE_PREVIOUS_KEYS, if it still is in use"
    )]
    KeptInVault,
    #[error(
        "there are no keys in Vault at {path}, and this database was made with keys in Vault: check VAULT_ADDR, VAULT_NAMESPACE, VAULT_MOUNT and VAULT_PATH; nothing was written there"
    )]
    NothingInVault { path: String },
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

fn at(path: Option<&str>) -> String {
    path.map_or_else(String::new, |path| {
        format!(" ({path} in Vault): check VAULT_PATH, or restore its first version (`vault kv rollback -version=1`)")
    })
}

/// Values are sealed under keys that were not given.
#[derive(Debug)]
pub struct WrongKey {
    /// Key ids and what they seal.
    used: BTreeMap<String, Vec<&'static SealedColumn>>,
    /// Where keys were looked for in Vault, and which versions of it are gone.
    vault: Option<(String, Vec<u64>)>,
}

impl std::fmt::Display for WrongKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the database holds secrets under keystore keys that were not given:")?;
        for (id, columns) in &self.used {
            let columns: Vec<String> =
                columns.iter().map(|column| format!("{}.{}", column.table, column.column)).collect();
            write!(f, " key {id} ({});", columns.join(", "))?;
        }
        match &self.vault {
            None => write!(
                f,
                " set AGENTIDP_KEYSTORE_KEY to the key this database was sealed with; if it is to be replaced, put the old one into AGENTIDP_KEYSTORE_PREVIOUS_KEYS until `agentidp keys reencrypt` is done"
            ),
            Some((path, missing)) => {
                if !missing.is_empty() {
                    let missing: Vec<String> = missing.iter().map(u64::to_string).collect();
                    let versions = missing.join(",");
                    write!(
                        f,
                        " versions {versions} of {path} were deleted in Vault, bring them back with `vault kv undelete -versions={versions}` if you can;"
                    )?;
                }
                write!(
                    f,
                    " check VAULT_ADDR, VAULT_MOUNT and VAULT_PATH ({path}); a key from before Vault goes into AGENTIDP_KEYSTORE_PREVIOUS_KEYS"
                )
            }
        }
    }
}

impl Keystore {
    /// Gets the keys from where `config` says, makes what is missing, and checks them against the database.
    pub async fn start(
        config: &KeystoreConfig,
        db: &Db,
        clock: &dyn Clock,
        rng: &dyn Rng,
    ) -> Result<Self, StartError> {
        match &config.backend {
            KeystoreBackend::Local(key) => start_locally(key, &config.previous, db, clock, rng).await,
            KeystoreBackend::Vault(vault) => {
                patiently(vault, || start_in_vault(vault, &config.previous, db, clock, rng)).await
            }
        }
    }
}

async fn start_locally(
    key: &RawKey,
    previous: &[RawKey],
    db: &Db,
    clock: &dyn Clock,
    rng: &dyn Rng,
) -> Result<Keystore, StartError> {
    let ring = Ring::new(key, previous);
    let mut tx = db.system().await?;
    store::lock(&mut tx).await?;
    let kept = store::kept(&mut tx).await?;
    if kept.as_ref().is_some_and(|kept| kept.hmac_root.is_none()) {
        return Err(StartError::KeptInVault);
    }
    refuse_unknown_keys(&store::keys_in_use(&mut tx).await?, &ring, None)?;
    let mac = if let Some(kept) = kept {
        open_check(&kept, &ring)?;
        let sealed = kept.hmac_root.as_ref().ok_or(StartError::KeptInVault)?;
        let mac = open_root(sealed, &kept.hmac_key_id, &ring)?;
        check_root(&mac, &kept, None)?;
        mac
    } else {
        let first = store::first_hmac_key(&mut tx).await?;
        let mac = make_root(first.as_deref(), std::iter::once(key).chain(previous), rng)?;
        let place = HMAC_ROOT.place(mac.id());
        let root = ring.current().seal(&mac.to_bytes(), &place, rng);
        let root = Sealed { ciphertext: root, key_id: ring.current().id().to_string() };
        store::keep(&mut tx, &kept_of(&mac, &ring, Some(root), rng), clock.now()).await?;
        mac
    };
    tx.commit().await?;
    Ok(Keystore::new(ring, mac, None))
}

async fn start_in_vault(
    config: &VaultConfig,
    previous: &[RawKey],
    db: &Db,
    clock: &dyn Clock,
    rng: &dyn Rng,
) -> Result<Keystore, StartError> {
    let vault = Vault::new(config.clone())?;
    // Read apart from what is written below: no transaction waits for Vault.
    let mut tx = db.system().await?;
    let (used, kept) = (store::keys_in_use(&mut tx).await?, store::kept(&mut tx).await?);
    let first = if kept.is_none() { store::first_hmac_key(&mut tx).await? } else { None };
    drop(tx);
    let in_vault = kept.as_ref().is_some_and(|kept| kept.hmac_root.is_none());

    let listing = match vault.envelope_keys(clock.now(), |_| false).await? {
        Some(listing) => listing,
        None if in_vault => return Err(StartError::NothingInVault { path: vault.envelope_path() }),
        None => {
            // Before anything is made: what the database holds must be opened by the keys from before.
            refuse_unknown_keys(&used, &PreviousOnly(previous), Some((vault.envelope_path(), vec![])))?;
            let mut key = Zeroizing::new([0; 32]);
            rng.fill(key.as_mut_slice());
            vault.create_envelope_key(&Secret::new(*key)).await?;
            let made = vault.envelope_keys(clock.now(), |_| false).await?;
            made.ok_or_else(|| StartError::NothingInVault { path: vault.envelope_path() })?
        }
    };
    let current = listing.current(clock.now(), vault.delay()).unwrap_or_default();
    let ring = Ring::of_versions(&listing.keys, current, previous)
        .ok_or_else(|| VaultError::AllDeleted { path: vault.envelope_path() })?;
    let Listing { missing, .. } = listing;
    refuse_unknown_keys(&used, &ring, Some((vault.envelope_path(), missing)))?;

    let mac = match vault.hmac_root().await? {
        Some(mac) => mac,
        None if in_vault => return Err(StartError::NothingInVault { path: vault.hmac_path() }),
        None => {
            let mac = match &kept {
                Some(Kept { hmac_root: Some(sealed), hmac_key_id, .. }) => {
                    open_root(sealed, hmac_key_id, &ring)?
                }
                _ => make_root(first.as_deref(), previous.iter(), rng)?,
            };
            vault.create_hmac_root(&mac).await?;
            let made = vault.hmac_root().await?;
            made.ok_or_else(|| StartError::NothingInVault { path: vault.hmac_path() })?
        }
    };

    let mut tx = db.system().await?;
    store::lock(&mut tx).await?;
    if let Some(kept) = store::kept(&mut tx).await? {
        open_check(&kept, &ring)?;
        check_root(&mac, &kept, Some(vault.hmac_path()))?;
        if kept.hmac_root.is_some() {
            store::forget_hmac_root(&mut tx).await?;
            tracing::info!("the root of the HMACs moved from the database to Vault");
        }
    } else {
        if first.is_some_and(|first| first != mac.id()) {
            return Err(StartError::WrongRoot { path: Some(vault.hmac_path()) });
        }
        store::keep(&mut tx, &kept_of(&mac, &ring, None, rng), clock.now()).await?;
    }
    tx.commit().await?;
    vault.note(Seen { at: Some(clock.now()), failure: None });
    Ok(Keystore::new(ring, mac, Some(Arc::new(vault))))
}

/// Tries again while Vault is away or sealed, for as long as the setting says.
async fn patiently<F: Future<Output = Result<Keystore, StartError>>>(
    config: &VaultConfig,
    mut attempt: impl FnMut() -> F,
) -> Result<Keystore, StartError> {
    let deadline = Instant::now() + config.wait;
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt().await {
            Err(StartError::Vault(error)) if error.is_passing() && Instant::now() + pause < deadline => {
                tracing::warn!(%error, "waiting for Vault");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            outcome => return outcome,
        }
    }
}

/// Something that knows keys by their id.
trait Holds {
    fn holds(&self, key_id: &str) -> bool;
}

impl Holds for Ring {
    fn holds(&self, key_id: &str) -> bool {
        Self::holds(self, key_id)
    }
}

struct PreviousOnly<'a>(&'a [RawKey]);

impl Holds for PreviousOnly<'_> {
    fn holds(&self, key_id: &str) -> bool {
        self.0.iter().any(|key| EnvelopeKey::new(key).id().as_str() == key_id)
    }
}

fn refuse_unknown_keys(
    used: &[(&'static SealedColumn, String)],
    held: &impl Holds,
    vault: Option<(String, Vec<u64>)>,
) -> Result<(), StartError> {
    let mut unknown = BTreeMap::<String, Vec<&'static SealedColumn>>::new();
    for (column, id) in used.iter().filter(|(_, id)| !held.holds(id)) {
        unknown.entry(id.clone()).or_default().push(column);
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(StartError::WrongKey(WrongKey { used: unknown, vault }))
}

fn open_check(kept: &Kept, ring: &Ring) -> Result<(), StartError> {
    let opened = ring.open(&kept.check.ciphertext, &kept.check.key_id, &CHECK.place("check"));
    let opened = opened
        .and_then(|opened| if opened.as_slice() == CHECKED { Ok(()) } else { Err(KeystoreError::Altered) });
    opened.map_err(|source| StartError::Row { table: CHECK.table, column: CHECK.column, source })
}

fn open_root(sealed: &Sealed, id: &str, ring: &Ring) -> Result<MacRoot, StartError> {
    let opened = ring.open(&sealed.ciphertext, &sealed.key_id, &HMAC_ROOT.place(id));
    let root =
        opened.and_then(|bytes| MacRoot::from_bytes(&bytes, id.to_owned()).ok_or(KeystoreError::Altered));
    root.map_err(|source| StartError::Row { table: HMAC_ROOT.table, column: HMAC_ROOT.column, source })
}

fn check_root(mac: &MacRoot, kept: &Kept, path: Option<String>) -> Result<(), StartError> {
    let is_it = mac.id() == kept.hmac_key_id && mac.check().as_slice() == kept.hmac_check;
    if is_it { Ok(()) } else { Err(StartError::WrongRoot { path }) }
}

/// A new root, or that of an instance which the first version began, if its key is among `keys`.
fn make_root<'a>(
    first: Option<&str>,
    mut keys: impl Iterator<Item = &'a RawKey>,
    rng: &dyn Rng,
) -> Result<MacRoot, StartError> {
    let Some(first) = first else { return Ok(MacRoot::random(rng)) };
    let found = keys.find_map(|key| {
        let id = EnvelopeKey::new(key).id();
        (id.as_str() == first).then(|| MacRoot::of_first_version(key, id, rng))
    });
    found.ok_or_else(|| {
        let used = [(first.to_owned(), vec![&HMAC_ROOT])].into();
        StartError::WrongKey(WrongKey { used, vault: None })
    })
}

fn kept_of(mac: &MacRoot, ring: &Ring, hmac_root: Option<Sealed>, rng: &dyn Rng) -> Kept {
    let key = ring.current();
    let check = key.seal(CHECKED, &CHECK.place("check"), rng);
    Kept {
        check: Sealed { ciphertext: check, key_id: key.id().to_string() },
        hmac_key_id: mac.id().to_owned(),
        hmac_check: mac.check().to_vec(),
        hmac_root,
    }
}
