//! Envelope for secrets at rest: AES-256-GCM for what must be read again, HMAC-SHA-256 for what must only be recognised.
//! Each key is derived from the configured one for a single use (HKDF, RFC 5869).

use aws_lc_rs::{aead, hkdf, hmac};
use zeroize::Zeroizing;

use super::config::Secret;
use super::rng::Rng;

const NONCE_LENGTH: usize = aead::NONCE_LEN;

/// What cannot be opened: another key, another context, or altered bytes. Which, is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeystoreError {
    #[error(
        "sealed under keystore key {0}, which is not configured: set AGENTIDP_KEYSTORE_KEY to the key this database was created with"
    )]
    UnknownKey(KeyId),
    #[error("the sealed data was altered, or belongs to another record")]
    Altered,
}

/// Names a keystore key without telling anything of it: the first 8 bytes of a derived value, in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; 16]);

impl KeyId {
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

/// The keystore under one 256-bit key from file or environment.
pub struct Keystore {
    id: KeyId,
    root: hkdf::Prk,
    sealing: aead::LessSafeKey,
}

impl std::fmt::Debug for Keystore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keystore({})", self.id)
    }
}

impl Keystore {
    pub fn from_key(key: &Secret<[u8; 32]>) -> Self {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"agentidp keystore v1").extract(key.expose());
        let sealing = derive(&root, "sealing");
        #[expect(clippy::expect_used, reason = "32 bytes are an AES-256 key")]
        let sealing = aead::UnboundKey::new(&aead::AES_256_GCM, sealing.as_slice()).expect("32 bytes");
        let name = derive(&root, "key id");
        let mut id = [0; 16];
        for (digits, byte) in id.chunks_exact_mut(2).zip(name.iter()) {
            digits.copy_from_slice(format!("{byte:02x}").as_bytes());
        }
        Self { id: KeyId(id), root, sealing: aead::LessSafeKey::new(sealing) }
    }

    pub fn key_id(&self) -> &str {
        self.id.as_str()
    }

    /// Encrypts `plaintext`, bound to `context` (what it is and whose): moved to another record it does not open.
    pub fn seal(&self, plaintext: &[u8], context: &str, rng: &dyn Rng) -> Sealed {
        let mut nonce = [0; NONCE_LENGTH];
        rng.fill(&mut nonce);
        let mut sealed = plaintext.to_vec();
        #[expect(clippy::expect_used, reason = "fails only beyond 64 GiB of plaintext")]
        self.sealing
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(context.as_bytes()),
                &mut sealed,
            )
            .expect("a secret is short");
        let ciphertext = [nonce.as_slice(), &sealed].concat();
        Sealed { ciphertext, key_id: self.key_id().to_owned() }
    }

    /// Decrypts what [`seal`](Self::seal) gave for the same `context`.
    pub fn open(
        &self,
        ciphertext: &[u8],
        key_id: &str,
        context: &str,
    ) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
        if key_id != self.key_id() {
            let name = key_id.as_bytes().try_into().map_err(|_| KeystoreError::Altered)?;
            return Err(KeystoreError::UnknownKey(KeyId(name)));
        }
        let (nonce, sealed) = ciphertext.split_at_checked(NONCE_LENGTH).ok_or(KeystoreError::Altered)?;
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeystoreError::Altered)?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let length = self
            .sealing
            .open_in_place(nonce, aead::Aad::from(context.as_bytes()), &mut buffer)
            .map_err(|_| KeystoreError::Altered)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// HMAC-SHA-256 of `data` under a key derived for `purpose`.
    pub fn hmac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, derive(&self.root, purpose).as_slice());
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&key, data).as_ref());
        out
    }
}

fn derive(root: &hkdf::Prk, purpose: &str) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    let info = [purpose.as_bytes()];
    #[expect(clippy::expect_used, reason = "32 bytes are within HKDF-SHA-256's 8160")]
    root.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(out.as_mut_slice())).expect("32 bytes");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::rng::SystemRng;

    fn keystore_of(byte: u8) -> Keystore {
        Keystore::from_key(&Secret::new([byte; 32]))
    }

    #[test]
    fn what_is_sealed_opens_only_under_its_key_and_context() {
        let keystore = keystore_of(1);
        let sealed = keystore.seal(b"private", "signing-key/a", &SystemRng);
        assert_eq!(
            **keystore.open(&sealed.ciphertext, &sealed.key_id, "signing-key/a").unwrap(),
            *b"private"
        );
        assert_eq!(
            keystore.open(&sealed.ciphertext, &sealed.key_id, "signing-key/b"),
            Err(KeystoreError::Altered)
        );
        let other = keystore_of(2);
        assert!(matches!(
            other.open(&sealed.ciphertext, &sealed.key_id, "signing-key/a"),
            Err(KeystoreError::UnknownKey(_))
        ));
        assert_eq!(
            other.open(&sealed.ciphertext, other.key_id(), "signing-key/a"),
            Err(KeystoreError::Altered)
        );
    }

    #[test]
    fn ciphertext_tampering_attack_every_flipped_byte_is_noticed() {
        let keystore = keystore_of(1);
        let sealed = keystore.seal(b"private", "x", &SystemRng);
        for position in 0..sealed.ciphertext.len() {
            let mut altered = sealed.ciphertext.clone();
            altered[position] ^= 1;
            assert_eq!(keystore.open(&altered, &sealed.key_id, "x"), Err(KeystoreError::Altered));
        }
        assert_eq!(keystore.open(&[], &sealed.key_id, "x"), Err(KeystoreError::Altered));
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let keystore = keystore_of(1);
        assert_ne!(
            keystore.seal(b"same", "x", &SystemRng).ciphertext,
            keystore.seal(b"same", "x", &SystemRng).ciphertext
        );
    }

    #[test]
    fn purposes_have_keys_of_their_own_and_debug_tells_nothing() {
        let keystore = keystore_of(1);
        assert_eq!(keystore.hmac("a", b"x"), keystore.hmac("a", b"x"));
        assert_ne!(keystore.hmac("a", b"x"), keystore.hmac("b", b"x"));
        assert!(format!("{keystore:?}").len() < 40);
    }
}
