//! The three keys that are derived from an edge's one secret, so that none can stand in for another.
//!
//! HKDF-SHA-256 (RFC 5869) without a salt, with the secret as input keying material, the labels below as `info`, and 32 bytes
//! of output. As text they are base64url without padding.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::strict::encode_base64url;

/// The `info` of each key.
pub const FEED_LABEL: &str = "agentidp edge key v1: feed";
pub const USAGE_LABEL: &str = "agentidp edge key v1: usage";
pub const METRICS_LABEL: &str = "agentidp edge key v1: metrics";

/// What an edge of feed version 2 or later uses in place of its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EdgeKeys {
    feed: String,
    usage: String,
    metrics: String,
}

impl EdgeKeys {
    pub fn derive(secret: &str) -> Self {
        let key = |label| encode_base64url(&expand(&extract(secret.as_bytes()), label));
        Self { feed: key(FEED_LABEL), usage: key(USAGE_LABEL), metrics: key(METRICS_LABEL) }
    }

    /// Returns the bearer secret of requests to the control plane.
    pub fn feed(&self) -> &str {
        &self.feed
    }

    /// Returns the key of the MAC over usage reports.
    pub fn usage(&self) -> &str {
        &self.usage
    }

    /// Returns the bearer secret of the edge's own metrics.
    pub fn metrics(&self) -> &str {
        &self.metrics
    }
}

impl fmt::Debug for EdgeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EdgeKeys([redacted])")
    }
}

/// RFC 5869 §2.2, without a salt: as many zero bytes as the hash has.
fn extract(secret: &[u8]) -> [u8; 32] {
    mac(&[0; 32], &[secret])
}

/// RFC 5869 §2.3, for one block of output.
fn expand(key: &[u8; 32], label: &str) -> [u8; 32] {
    mac(key, &[label.as_bytes(), &[1]])
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC fills a key up to the hash's block with zeros (RFC 2104 §2).
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};

    use super::*;

    const SECRET: &str = "an-edge-key-of-forty-characters-in-total";

    struct Length;

    impl KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }

    #[test]
    fn keys_are_those_of_hkdf_sha_256() {
        let keys = EdgeKeys::derive(SECRET);
        for (label, key) in
            [(FEED_LABEL, keys.feed()), (USAGE_LABEL, keys.usage()), (METRICS_LABEL, keys.metrics())]
        {
            let info = [label.as_bytes()];
            let secret = Salt::new(HKDF_SHA256, &[]).extract(SECRET.as_bytes());
            let mut expected = [0; 32];
            secret.expand(&info, Length).unwrap().fill(&mut expected).unwrap();
            assert_eq!(key, encode_base64url(&expected), "{label}");
        }
    }

    #[test]
    fn the_three_keys_differ_from_each_other_and_are_never_shown() {
        let keys = EdgeKeys::derive(SECRET);
        assert!(
            keys.feed() != keys.usage() && keys.usage() != keys.metrics() && keys.feed() != keys.metrics()
        );
        assert_ne!(keys, EdgeKeys::derive("another"));
        assert_eq!(format!("{keys:?}"), "EdgeKeys([redacted])");
    }
}
