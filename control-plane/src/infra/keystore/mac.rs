//! The root of the HMACs: a key of its own, which stays when the envelope key is replaced. Client secrets are recognised by it,
//! and the audit log's heads are signed under a key derived from it.

use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use super::KeyId;
use super::cipher::{self, RawKey, derive};
use crate::infra::rng::Rng;

const LENGTH: usize = 32;
const SALT: &[u8] = b"agentidp hmac v1";

/// What the first version derived from the envelope key itself, in the order in which they are kept. Never changed: a purpose
/// that came later is derived from the root.
const FIRST_PURPOSES: [&str; 2] = ["client-secret", "audit checkpoints"];

pub(super) struct MacRoot {
    id: String,
    root: Zeroizing<[u8; LENGTH]>,
    prk: hkdf::Prk,
    /// Only in an instance that the first version began.
    first: Option<[Zeroizing<[u8; LENGTH]>; FIRST_PURPOSES.len()]>,
}

impl MacRoot {
    pub(super) fn random(rng: &dyn Rng) -> Self {
        let mut root = Zeroizing::new([0; LENGTH]);
        rng.fill(root.as_mut_slice());
        let id = KeyId::of(&derive(&extract(&root), "key id")).to_string();
        Self::new(id, root, None)
    }

    /// The root of an instance that the first version began under `key`: known purposes keep their keys. From those nothing can
    /// be told of `key`, which may so be replaced.
    pub(super) fn of_first_version(key: &RawKey, id: KeyId, rng: &dyn Rng) -> Self {
        let envelope = cipher::root(key);
        let first = FIRST_PURPOSES.map(|purpose| derive(&envelope, purpose));
        Self { first: Some(first), ..Self::random(rng) }.named(id)
    }

    fn named(self, id: KeyId) -> Self {
        Self { id: id.to_string(), ..self }
    }

    fn new(
        id: String,
        root: Zeroizing<[u8; LENGTH]>,
        first: Option<[Zeroizing<[u8; LENGTH]>; FIRST_PURPOSES.len()]>,
    ) -> Self {
        Self { id, prk: extract(&root), root, first }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// All of it, to be sealed or kept in Vault.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH * (1 + FIRST_PURPOSES.len())));
        bytes.extend_from_slice(self.root.as_slice());
        for key in self.first.iter().flatten() {
            bytes.extend_from_slice(key.as_slice());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8], id: String) -> Option<Self> {
        let (parts, rest) = bytes.as_chunks::<LENGTH>();
        let [root, first @ ..] = parts else { return None };
        let first = match first {
            [] => None,
            [one, other] => Some([Zeroizing::new(*one), Zeroizing::new(*other)]),
            _ => return None,
        };
        rest.is_empty().then(|| Self::new(id, Zeroizing::new(*root), first))
    }

    pub(super) fn hmac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let first = FIRST_PURPOSES.iter().position(|name| *name == purpose);
        let kept = self.first.as_ref().zip(first).and_then(|(keys, place)| keys.get(place)).cloned();
        let key = kept.unwrap_or_else(|| derive(&self.prk, purpose));
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_slice());
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&key, data).as_ref());
        out
    }

    /// What only this root gives.
    pub(super) fn check(&self) -> [u8; 32] {
        self.hmac("keystore check", &[])
    }
}

fn extract(root: &Zeroizing<[u8; LENGTH]>) -> hkdf::Prk {
    hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(root.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::config::Secret;
    use crate::infra::rng::SystemRng;

    #[test]
    fn purposes_have_keys_of_their_own() {
        let root = MacRoot::random(&SystemRng);
        assert_eq!(root.hmac("a", b"x"), root.hmac("a", b"x"));
        assert_ne!(root.hmac("a", b"x"), root.hmac("b", b"x"));
        assert_ne!(root.hmac("a", b"x"), MacRoot::random(&SystemRng).hmac("a", b"x"));
    }

    #[test]
    fn a_root_reads_back_and_what_is_none_does_not() {
        let key = Secret::new([1; 32]);
        let first = MacRoot::of_first_version(&key, KeyId::of(&[2; 32]), &SystemRng);
        for root in [MacRoot::random(&SystemRng), first] {
            let again = MacRoot::from_bytes(&root.to_bytes(), root.id().to_owned()).unwrap();
            for purpose in ["client-secret", "audit checkpoints", "other"] {
                assert_eq!(root.hmac(purpose, b"x"), again.hmac(purpose, b"x"));
            }
            assert_eq!(root.check(), again.check());
        }
        for length in [0, 31, 33, 64, 97, 128] {
            assert!(MacRoot::from_bytes(&vec![0; length], String::new()).is_none(), "{length}");
        }
    }

    /// As the first version made them from the key with all bytes 1; computed apart from this code.
    #[test]
    fn an_instance_of_the_first_version_keeps_its_hmacs() {
        let key = Secret::new([1; 32]);
        let root = MacRoot::of_first_version(&key, KeyId::of(&[2; 32]), &SystemRng);
        assert_eq!(
            hex(&root.hmac("client-secret", b"a")),
            "4d35f1f1791652c5f8b163de9140a18fdc2ad582cd90e70a1c1c3bfb85cf2064"
        );
        assert_eq!(
            hex(&root.hmac("audit checkpoints", b"a")),
            "b03c3dd6b444289a6448edf312712b52a1b4d0cb9898c09941698e964c665326"
        );
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}
