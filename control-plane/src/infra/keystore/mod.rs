//! Secrets at rest: AES-256-GCM for what must be read again, HMAC-SHA-256 for what must only be recognised.
//!
//! Envelope keys form a ring: one seals, the others only open what they sealed. They come from a setting or from Vault; either
//! way they are in memory from the start on, so nothing later waits for Vault. The HMACs have a root of their own, which stays
//! when the envelope key is replaced.

mod cipher;
mod examine;
mod mac;
mod place;
mod ring;
mod start;
pub mod store;
pub mod vault;

use std::sync::{Arc, PoisonError, RwLock};

use zeroize::Zeroizing;

pub use self::cipher::RawKey;
pub use self::examine::Examined;
use self::mac::MacRoot;
pub use self::place::{
    DID_KEYS, DOCUMENT_KEYS, HMAC_ROOT, IDEMPOTENT_ANSWERS, Place, SEALED_COLUMNS, SIGNING_KEYS, SealedColumn,
};
use self::ring::Ring;
pub use self::ring::{KeyInfo, Origin};
pub use self::start::StartError;
pub use self::vault::refresh::spawn;
use self::vault::{Seen, Vault};
use super::rng::Rng;

/// What cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeystoreError {
    #[error("sealed under keystore key {0}, which this process does not hold")]
    UnknownKey(KeyId),
    /// Altered bytes, or another record's. Which, cannot be told.
    #[error("the sealed data was altered, or belongs to another record")]
    Altered,
}

/// Names a keystore key without telling anything of it: the first 8 bytes of a derived value, in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 16]);

impl KeyId {
    fn of(derived: &[u8; 32]) -> Self {
        let mut id = [0; 16];
        for (digits, byte) in id.chunks_exact_mut(2).zip(derived) {
            digits.copy_from_slice(format!("{byte:02x}").as_bytes());
        }
        Self(id)
    }

    /// `None` for what cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let id = <[u8; 16]>::try_from(text.as_bytes()).ok()?;
        id.is_ascii().then_some(Self(id))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A sealed secret: nonce, ciphertext and tag, and the key that opens it.
#[derive(Debug, Clone)]
pub struct Sealed {
    pub ciphertext: Vec<u8>,
    pub key_id: String,
}

/// The keys in memory, and where they come from.
pub struct Keystore {
    ring: RwLock<Arc<Ring>>,
    mac: MacRoot,
    vault: Option<Arc<Vault>>,
}

impl std::fmt::Debug for Keystore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keystore({})", self.current_key_id())
    }
}

impl Keystore {
    fn new(ring: Ring, mac: MacRoot, vault: Option<Arc<Vault>>) -> Self {
        Self { ring: RwLock::new(Arc::new(ring)), mac, vault }
    }

    fn ring(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace_ring(&self, ring: Ring) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    /// The key that seals.
    pub fn current_key_id(&self) -> KeyId {
        self.ring().current().id()
    }

    /// Every key held: the one that seals, and those that only open.
    pub fn keys(&self) -> Vec<KeyInfo> {
        self.ring().infos()
    }

    /// How Vault was last seen; `None` if the keys are not kept there.
    pub fn vault_seen(&self) -> Option<Seen> {
        self.vault.as_ref().map(|vault| vault.seen())
    }

    /// Encrypts `plaintext` for `place`: anywhere else it does not open.
    pub fn seal(&self, plaintext: &[u8], place: &Place, rng: &dyn Rng) -> Sealed {
        let ring = self.ring();
        let key = ring.current();
        Sealed { ciphertext: key.seal(plaintext, place, rng), key_id: key.id().to_string() }
    }

    /// Decrypts what [`seal`](Self::seal) gave for the same `place`, under whichever key of the ring.
    pub fn open(
        &self,
        ciphertext: &[u8],
        key_id: &str,
        place: &Place,
    ) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
        let opened = self.ring().open(ciphertext, key_id, place);
        if let (Err(KeystoreError::UnknownKey(_)), Some(vault)) = (&opened, &self.vault) {
            // Another process knows a key that is newer than what this one has read.
            vault.look_again();
        }
        opened
    }

    /// HMAC-SHA-256 of `data` under a key derived for `purpose`. It stays when the envelope key is replaced.
    pub fn hmac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        self.mac.hmac(purpose, data)
    }

    /// Names the root of the HMACs; stored beside what is recognised by one.
    pub fn hmac_key_id(&self) -> &str {
        self.mac.id()
    }

    /// One of one key, for tests that need no more.
    #[cfg(test)]
    pub fn of_one_key(key: &RawKey) -> Self {
        let ring = Ring::new(key, &[]);
        let mac = MacRoot::of_first_version(key, ring.current().id(), &super::rng::SystemRng);
        Self::new(ring, mac, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::config::Secret;
    use crate::infra::rng::SystemRng;

    #[test]
    fn a_key_the_process_does_not_hold_is_named_and_what_is_no_name_counts_as_altered() {
        let [one, other] = [1, 2].map(|byte| Keystore::of_one_key(&Secret::new([byte; 32])));
        let place = SIGNING_KEYS.place("a");
        let sealed = one.seal(b"private", &place, &SystemRng);
        let id = one.current_key_id();
        assert_eq!(
            other.open(&sealed.ciphertext, &sealed.key_id, &place),
            Err(KeystoreError::UnknownKey(id))
        );
        for name in ["", "short", "ääääääää"] {
            assert_eq!(one.open(&sealed.ciphertext, name, &place), Err(KeystoreError::Altered), "{name}");
        }
    }

    #[test]
    fn debug_output_tells_nothing() {
        let keystore = Keystore::of_one_key(&Secret::new([1; 32]));
        assert!(format!("{keystore:?}").len() < 40);
    }
}
