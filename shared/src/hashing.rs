//! Keyed hashing for maps whose keys an attacker may choose.
//!
//! The standard library seeds its hasher with addresses on `wasm32-unknown-unknown`, so the seed is an argument here:
//! the host draws it from its own randomness.

use std::hash::BuildHasher;

use siphasher::sip::SipHasher13;
use siphasher::sip128::SipHasher24;

/// SipHash-1-3 keyed with 128 bits from the host.
#[derive(Clone, Copy)]
pub struct SeededHasher {
    key: [u8; 16],
}

impl SeededHasher {
    pub const fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// SipHash-2-4 of 128 bits, under a key of its own: a tag by which bytes are known again. Without the key nobody finds others
    /// that have it.
    pub fn tag(&self, bytes: &[u8]) -> [u8; 16] {
        let (one, other) = (self.hash_one("one half of the key of tags"), self.hash_one("the other"));
        SipHasher24::new_with_keys(one, other).hash(bytes).as_bytes()
    }
}

impl std::fmt::Debug for SeededHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeededHasher([redacted])")
    }
}

impl BuildHasher for SeededHasher {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.key)
    }
}

/// A map hashed with a host-provided seed.
pub type SeededMap<K, V> = hashbrown::HashMap<K, V, SeededHasher>;
