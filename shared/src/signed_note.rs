//! Signed tree heads: C2SP's signed-note and tlog-checkpoint, with Ed25519 keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::audit_chain::{Hash, to_hex};

/// Signature type Ed25519 of signed-note.
const ED25519: u8 = 1;
/// A note of one signature is about 200 bytes; this leaves room for witnesses.
const MAX_NOTE_BYTES: usize = 16 * 1024;

/// A head of a log: of how many events, and the root of their tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// In events.
    pub tree_size: u64,
    /// RFC 6962's Merkle tree hash.
    pub root_hash: Hash,
}

/// Not a head that the key signed: malformed, of another log, or altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint that this key signed: malformed, of another log, or altered")]
pub struct InvalidCheckpoint;

/// Not a verifier key `name+id+key` of type Ed25519.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a verifier key (NAME+ID+KEY, as C2SP's signed-note says) of type Ed25519")]
pub struct InvalidVerifierKey;

/// What verifies a log's heads. Its name is the log's origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: [u8; 32],
}

impl VerifierKey {
    /// `None` if the name is empty, or has whitespace or a plus sign in it.
    pub fn new(name: String, key: [u8; 32]) -> Option<Self> {
        let good = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+');
        good.then_some(Self { name, key })
    }

    pub fn parse(text: &str) -> Result<Self, InvalidVerifierKey> {
        // Base64 has plus signs too, so from the left.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidVerifierKey);
        };
        let key = STANDARD.decode(key).map_err(|_| InvalidVerifierKey)?;
        let Some((&ED25519, key)) = key.split_first() else { return Err(InvalidVerifierKey) };
        let key = key.try_into().map_err(|_| InvalidVerifierKey)?;
        let parsed = Self::new(name.to_owned(), key).ok_or(InvalidVerifierKey)?;
        // The id is derived from the rest.
        if parsed.to_string() == text { Ok(parsed) } else { Err(InvalidVerifierKey) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        let digest = Sha256::new_with_prefix(self.name.as_bytes())
            .chain_update([b'\n', ED25519])
            .chain_update(self.key)
            .finalize();
        let mut id = [0; 4];
        id.iter_mut().zip(digest).for_each(|(id, byte)| *id = byte);
        id
    }

    /// The text of a head, which is what is signed.
    pub fn text(&self, head: &Head) -> String {
        format!("{}\n{}\n{}\n", self.name, head.tree_size, STANDARD.encode(head.root_hash))
    }

    /// The note of a head whose [`text`](Self::text) has this signature.
    pub fn note(&self, head: &Head, signature: &[u8]) -> String {
        let signature = STANDARD.encode([&self.id(), signature].concat());
        format!("{}\n\u{2014} {} {signature}\n", self.text(head), self.name)
    }

    /// The head in a note that this key signed. Other keys may have signed it too.
    pub fn open(&self, note: &str) -> Result<Head, InvalidCheckpoint> {
        if note.len() > MAX_NOTE_BYTES || !note.ends_with('\n') {
            return Err(InvalidCheckpoint);
        }
        let (text, signatures) = note.split_once("\n\n").ok_or(InvalidCheckpoint)?;
        let mut lines = text.split('\n').skip(1);
        let tree_size = lines.next().and_then(|size| size.parse().ok()).ok_or(InvalidCheckpoint)?;
        let root = lines.next().and_then(|root| STANDARD.decode(root).ok()).ok_or(InvalidCheckpoint)?;
        let head = Head { tree_size, root_hash: root.try_into().map_err(|_| InvalidCheckpoint)? };
        // One spelling of each head, without extensions; this also compares the name.
        let signed = self.text(&head);
        if signed.strip_suffix('\n') != Some(text) {
            return Err(InvalidCheckpoint);
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(&self.key).map_err(|_| InvalidCheckpoint)?;
        let prefix = format!("\u{2014} {} ", self.name);
        let good = signatures
            .lines()
            .filter_map(|line| STANDARD.decode(line.strip_prefix(&prefix)?).ok())
            .any(|signature| {
                signature.strip_prefix(&self.id()).is_some_and(|signature| {
                    ed25519_dalek::Signature::from_slice(signature)
                        .is_ok_and(|signature| key.verify_strict(signed.as_bytes(), &signature).is_ok())
                })
            });
        if good { Ok(head) } else { Err(InvalidCheckpoint) }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519], self.key.as_slice()].concat());
        write!(f, "{}+{}+{key}", self.name, to_hex(&self.id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in Go's documentation of signed notes, which C2SP's signed-note goes back to.
    const PUBLISHED: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_published_key_parses_and_one_whose_id_is_not_its_own_does_not() {
        let key = VerifierKey::parse(PUBLISHED).unwrap();
        assert_eq!((key.name(), key.to_string().as_str()), ("PeterNeumann", PUBLISHED));
        for wrong in [
            PUBLISHED.replace("c74f20a3", "c74f20a4"),
            PUBLISHED.replace("Neumann", "Newman"),
            PUBLISHED.replace("+AR", "+AB"),
            PUBLISHED.replace("PeterNeumann", ""),
            "x".into(),
            String::new(),
        ] {
            assert_eq!(VerifierKey::parse(&wrong), Err(InvalidVerifierKey), "{wrong}");
        }
    }
}
