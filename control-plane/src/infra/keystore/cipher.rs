//! One envelope key: AES-256-GCM under a key derived from it (HKDF, RFC 5869), and a name that tells nothing of it.

use aws_lc_rs::{aead, hkdf};
use zeroize::Zeroizing;

use super::place::Place;
use super::{KeyId, KeystoreError};
use crate::infra::config::Secret;
use crate::infra::rng::Rng;

const NONCE_LENGTH: usize = aead::NONCE_LEN;
/// How many bytes longer than its plaintext a sealed value is.
pub(super) const OVERHEAD: usize = NONCE_LENGTH + aead::MAX_TAG_LEN;
const SALT: &[u8] = b"agentidp keystore v1";

/// A 256-bit key as it is configured or kept elsewhere.
pub type RawKey = Secret<[u8; 32]>;

pub(super) struct EnvelopeKey {
    id: KeyId,
    sealing: aead::LessSafeKey,
}

impl EnvelopeKey {
    pub(super) fn new(key: &RawKey) -> Self {
        let root = root(key);
        let sealing = derive(&root, "sealing");
        #[expect(clippy::expect_used, reason = "32 bytes are an AES-256 key")]
        let sealing = aead::UnboundKey::new(&aead::AES_256_GCM, sealing.as_slice()).expect("32 bytes");
        Self { id: KeyId::of(&derive(&root, "key id")), sealing: aead::LessSafeKey::new(sealing) }
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    /// Nonce, ciphertext and tag.
    pub(super) fn seal(&self, plaintext: &[u8], place: &Place, rng: &dyn Rng) -> Vec<u8> {
        let mut nonce = [0; NONCE_LENGTH];
        rng.fill(&mut nonce);
        // Reserved at once: a buffer that grew would leave the plaintext behind in the one before.
        let mut sealed = Vec::with_capacity(plaintext.len() + aead::MAX_TAG_LEN);
        sealed.extend_from_slice(plaintext);
        #[expect(clippy::expect_used, reason = "fails only beyond 64 GiB of plaintext")]
        self.sealing
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(place.context().as_bytes()),
                &mut sealed,
            )
            .expect("a secret is short");
        [nonce.as_slice(), &sealed].concat()
    }

    pub(super) fn open(&self, ciphertext: &[u8], place: &Place) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
        let opened = self.open_for(ciphertext, &place.context());
        match place.first_context() {
            Some(context) if opened.is_err() => self.open_for(ciphertext, &context),
            _ => opened,
        }
    }

    /// What [`seal`](Self::seal) gives, but for a context as the first version had them.
    #[cfg(test)]
    pub(super) fn seal_for(&self, plaintext: &[u8], context: &str, nonce: [u8; NONCE_LENGTH]) -> Vec<u8> {
        let mut sealed = plaintext.to_vec();
        let aad = aead::Aad::from(context.as_bytes());
        let key = &self.sealing;
        key.seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aad, &mut sealed).unwrap();
        [nonce.as_slice(), &sealed].concat()
    }

    fn open_for(&self, ciphertext: &[u8], context: &str) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
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
}

pub(super) fn root(key: &RawKey) -> hkdf::Prk {
    hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(key.expose())
}

pub(super) fn derive(root: &hkdf::Prk, purpose: &str) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    let info = [purpose.as_bytes()];
    #[expect(clippy::expect_used, reason = "32 bytes are within HKDF-SHA-256's 8160")]
    root.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(out.as_mut_slice())).expect("32 bytes");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::keystore::place::{DID_KEYS, HMAC_ROOT, SIGNING_KEYS};
    use crate::infra::rng::SystemRng;

    fn key(byte: u8) -> EnvelopeKey {
        EnvelopeKey::new(&Secret::new([byte; 32]))
    }

    #[test]
    fn what_is_sealed_opens_only_under_its_key_and_in_its_place() {
        let sealed = key(1).seal(b"private", &SIGNING_KEYS.place("a"), &SystemRng);
        assert_eq!(**key(1).open(&sealed, &SIGNING_KEYS.place("a")).unwrap(), *b"private");
        for (key, place) in [
            (key(1), SIGNING_KEYS.place("b")),
            (key(1), DID_KEYS.place("a")),
            (key(1), HMAC_ROOT.place("a")),
            (key(2), SIGNING_KEYS.place("a")),
        ] {
            assert_eq!(key.open(&sealed, &place), Err(KeystoreError::Altered), "{place:?}");
        }
    }

    #[test]
    fn what_the_first_version_sealed_opens_in_its_own_place_only() {
        let sealed = key(1).seal_for(b"private", "signing-key/a", [9; NONCE_LENGTH]);
        assert_eq!(**key(1).open(&sealed, &SIGNING_KEYS.place("a")).unwrap(), *b"private");
        assert!(key(1).open(&sealed, &SIGNING_KEYS.place("b")).is_err());
        assert!(key(1).open(&sealed, &DID_KEYS.place("a")).is_err());
    }

    #[test]
    fn ciphertext_tampering_attack_every_flipped_byte_is_noticed() {
        let (key, place) = (key(1), SIGNING_KEYS.place("x"));
        let sealed = key.seal(b"private", &place, &SystemRng);
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            assert_eq!(key.open(&altered, &place), Err(KeystoreError::Altered));
        }
        assert_eq!(key.open(&[], &place), Err(KeystoreError::Altered));
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let (key, place) = (key(1), SIGNING_KEYS.place("x"));
        assert_ne!(key.seal(b"same", &place, &SystemRng), key.seal(b"same", &place, &SystemRng));
    }
}
