//! Making and recognising client secrets.

use subtle::ConstantTimeEq as _;

use crate::app::App;
use crate::infra::config::Secret;
use crate::infra::keystore::Keystore;
use crate::infra::rng::Rng;

const PREFIX: &str = "sk_live_";
const RANDOM_BYTES: usize = 32;
/// What the HMAC key is derived for.
const PURPOSE: &str = "client-secret";

/// A new secret: the prefix and 256 random bits in lower-case hexadecimal.
pub(super) fn new_secret(rng: &dyn Rng) -> Secret<String> {
    let mut random = zeroize::Zeroizing::new([0; RANDOM_BYTES]);
    rng.fill(random.as_mut_slice());
    let mut text = String::with_capacity(PREFIX.len() + 2 * RANDOM_BYTES);
    text.push_str(PREFIX);
    for byte in random.iter() {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or_default());
        }
    }
    Secret::new(text)
}

/// Whether text can be a secret of ours at all.
pub(super) fn is_well_formed(unverified: &str) -> bool {
    unverified.strip_prefix(PREFIX).is_some_and(|rest| {
        rest.len() == 2 * RANDOM_BYTES && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// What is stored of a secret, and the id of the key it was made with.
pub(super) fn digest<'a>(app: &'a App, secret: &Secret<String>) -> ([u8; 32], &'a str) {
    (hmac(&app.keystore, secret.expose()), app.keystore.hmac_key_id())
}

pub(super) fn hmac(keystore: &Keystore, secret: &str) -> [u8; 32] {
    keystore.hmac(PURPOSE, secret.as_bytes())
}

/// Compares in constant time.
pub(super) fn matches(stored: &[u8], offered: &[u8; 32]) -> bool {
    stored.ct_eq(offered).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::rng::SystemRng;

    #[test]
    fn secrets_have_256_random_bits_and_a_form_of_their_own() {
        let (one, other) = (new_secret(&SystemRng), new_secret(&SystemRng));
        assert_ne!(one.expose(), other.expose());
        assert!(is_well_formed(one.expose()));
        for bad in
            ["", "sk_live_", &one.expose().to_uppercase(), &format!("{}0", one.expose()), &one.expose()[1..]]
        {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }

    #[test]
    fn a_secret_matches_its_own_hmac_only() {
        let keystore = Keystore::of_one_key(&Secret::new([1; 32]));
        let stored = hmac(&keystore, "a");
        assert!(matches(&stored, &hmac(&keystore, "a")));
        assert!(!matches(&stored, &hmac(&keystore, "b")));
        assert!(!matches(&stored[..31], &hmac(&keystore, "a")));
        let other = Keystore::of_one_key(&Secret::new([2; 32]));
        assert!(!matches(&stored, &hmac(&other, "a")));
    }
}
