//! Tokens whose signature was found good, remembered so that it need not be checked again. Whether such a token *counts* is
//! judged anew at every use.

use std::rc::Rc;

use agentidp_shared::hashing::{SeededHasher, SeededMap};
use agentidp_shared::verify::Authentic;

/// Most tokens remembered: about a kilobyte each.
pub const CAPACITY: usize = 8_192;

/// Of a whole token, by a key that only this node has. Never of its `kid` or claims: those an attacker may copy under another
/// signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

/// Two generations: what is used moves to the young one; when that is full, it becomes the old one and the old one goes.
#[derive(Debug)]
pub struct VerifiedTokens {
    young: SeededMap<Fingerprint, Rc<Authentic>>,
    old: SeededMap<Fingerprint, Rc<Authentic>>,
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

impl VerifiedTokens {
    pub fn new(hasher: SeededHasher) -> Self {
        Self { young: SeededMap::with_hasher(hasher), old: SeededMap::with_hasher(hasher) }
    }

    pub fn fingerprint(&self, token: &str) -> Fingerprint {
        Fingerprint(self.old.hasher().tag(token.as_bytes()))
    }

    pub fn get(&mut self, token: Fingerprint) -> Option<Rc<Authentic>> {
        if let Some(found) = self.young.get(&token) {
            return Some(Rc::clone(found));
        }
        let found = self.old.remove(&token)?;
        self.insert(token, Rc::clone(&found));
        Some(found)
    }

    pub fn insert(&mut self, token: Fingerprint, authentic: Rc<Authentic>) {
        if self.young.len() >= CAPACITY / 2 {
            self.old = std::mem::replace(&mut self.young, SeededMap::with_hasher(*self.old.hasher()));
        }
        self.young.insert(token, authentic);
    }

    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::authentic;

    #[test]
    fn cache_exhaustion_attack_the_number_of_remembered_tokens_is_bounded() {
        let mut tokens = VerifiedTokens::new(SeededHasher::new([1; 16]));
        let (token, in_use) = (Rc::new(authentic()), tokens.fingerprint("in use"));
        tokens.insert(in_use, Rc::clone(&token));
        for number in 0..3 * CAPACITY {
            let fingerprint = tokens.fingerprint(&number.to_string());
            tokens.insert(fingerprint, Rc::clone(&token));
            assert!(tokens.len() <= CAPACITY);
            // What is used stays.
            assert!(tokens.get(in_use).is_some());
        }
        let first = tokens.fingerprint("0");
        assert!(tokens.get(first).is_none());
    }

    #[test]
    fn fingerprint_collision_attack_what_one_node_calls_alike_says_nothing_of_another() {
        let fingerprint =
            |seed: u8, token: &str| VerifiedTokens::new(SeededHasher::new([seed; 16])).fingerprint(token);
        assert!(fingerprint(1, "a.b.c") == fingerprint(1, "a.b.c"));
        for (seed, token) in [(2, "a.b.c"), (1, "a.b.d"), (1, "a.b."), (1, "a.b.c "), (1, "")] {
            assert!(fingerprint(1, "a.b.c") != fingerprint(seed, token), "{seed} {token:?}");
        }
    }
}
