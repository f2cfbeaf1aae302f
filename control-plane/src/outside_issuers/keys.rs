//! The keys of an issuer that is not ours, read from the set it publishes (RFC 7517 §5).

use agentidp_shared::jwk::{Algorithm, InvalidKey, Jwk, JwkSet, KeySet, MAX_KEYS, VerificationKey};
use serde_json::{Map, Value};

/// Longest set that is kept, in bytes: ten RSA keys of 4096 bits have less, and every edge holds it in memory.
const MAX_SET_BYTES: usize = 8 * 1024;
/// Longest modulus in base64url: 4096 bits without zeros before them.
const MAX_MEMBER_LENGTH: usize = 683;
/// Most keys looked at, with those we have no use for.
const MAX_LISTED: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySet {
    #[error("`keys` is missing, no array of objects, or longer than {MAX_LISTED}")]
    Shape,
    #[error("a private or symmetric key is published: nothing that these keys sign means anything")]
    Private,
    #[error("two keys have the same `kid`")]
    DuplicateKeyId,
    #[error("more than {MAX_KEYS} keys for signatures that we check")]
    TooMany,
    #[error("the keys for signatures that we check have more than {MAX_SET_BYTES} bytes")]
    TooLarge,
    #[error("no key for signatures that we check")]
    None,
}

/// The set as far as it may be kept: of each key the members of its type, and so many keys as fit. Sets that were read by a version
/// without these limits are cut by it.
pub fn kept(set: JwkSet) -> JwkSet {
    let mut bytes = 0_usize;
    let keys = set.keys.into_iter().map(Jwk::of_its_type).filter(has_usual_members).take(MAX_KEYS);
    let fits = |jwk: &Jwk| {
        bytes = bytes.saturating_add(jwk.size());
        bytes <= MAX_SET_BYTES
    };
    JwkSet { keys: keys.take_while(fits).collect() }
}

/// Whether no member is longer than one of a key that we take.
fn has_usual_members(jwk: &Jwk) -> bool {
    [&jwk.crv, &jwk.x, &jwk.y, &jwk.n, &jwk.e]
        .into_iter()
        .flatten()
        .all(|text| text.len() <= MAX_MEMBER_LENGTH)
}

/// The keys that check signatures, each bound to the one algorithm that it says or that its type gives. Others, as of algorithms
/// that we do not know or for encryption, are left out (RFC 7517 §5 says so); those without a `kid` too, which no token can name.
pub(super) fn usable_keys(set: &Map<String, Value>) -> Result<KeySet, InvalidKeySet> {
    let keys = set.get("keys").and_then(Value::as_array).ok_or(InvalidKeySet::Shape)?;
    if keys.len() > MAX_LISTED {
        return Err(InvalidKeySet::Shape);
    }
    let (mut usable, mut kids) = (Vec::new(), Vec::new());
    for key in keys {
        let jwk = match Jwk::from_value(key) {
            Ok(jwk) => jwk,
            Err(InvalidKey::Private) => return Err(InvalidKeySet::Private),
            Err(_) if key.is_object() => continue,
            Err(_) => return Err(InvalidKeySet::Shape),
        };
        let Some(kid) = jwk.kid.clone() else { continue };
        if kids.contains(&kid) {
            return Err(InvalidKeySet::DuplicateKeyId);
        }
        kids.push(kid);
        let may_verify = |operations: &Value| {
            operations.as_array().is_some_and(|operations| operations.iter().any(|name| name == "verify"))
        };
        if key.get("key_ops").is_some_and(|operations| !may_verify(operations)) {
            continue;
        }
        let jwk = bound(jwk).map(Jwk::of_its_type).filter(has_usual_members);
        usable.extend(jwk.filter(|jwk| VerificationKey::from_jwk(jwk).is_ok()));
    }
    if usable.iter().map(Jwk::size).fold(0, usize::saturating_add) > MAX_SET_BYTES {
        return Err(InvalidKeySet::TooLarge);
    }
    match usable.len() {
        0 => Err(InvalidKeySet::None),
        1..=MAX_KEYS => {
            KeySet::from_jwks(&JwkSet { keys: usable }).map_err(|_| InvalidKeySet::DuplicateKeyId)
        }
        _ => Err(InvalidKeySet::TooMany),
    }
}

/// The key with its algorithm, if it is for signatures. `jwt-svid` is how SPIFFE says `sig`.
fn bound(jwk: Jwk) -> Option<Jwk> {
    if !matches!(jwk.use_.as_deref(), None | Some("sig" | "jwt-svid")) {
        return None;
    }
    let alg = match (jwk.alg.as_deref(), jwk.kty.as_str(), jwk.crv.as_deref()) {
        (Some("EdDSA" | "Ed25519"), ..) | (None, "OKP", Some("Ed25519")) => Algorithm::EdDSA,
        (Some("ES256"), ..) | (None, "EC", Some("P-256")) => Algorithm::ES256,
        (Some("RS256"), ..) | (None, "RSA", None) => Algorithm::RS256,
        _ => return None,
    };
    Some(Jwk { alg: Some(alg.as_str().to_owned()), use_: Some("sig".to_owned()), ..jwk })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn read(keys: impl Into<Value>) -> Result<Vec<(String, Algorithm)>, InvalidKeySet> {
        let set = json!({ "keys": keys.into() });
        let keys = usable_keys(set.as_object().unwrap())?;
        let named =
            keys.to_jwks().keys.into_iter().map(|jwk| (jwk.kid.unwrap(), jwk.alg.unwrap().parse().unwrap()));
        Ok(named.collect())
    }

    fn key(kid: &str, more: impl Into<Value>) -> Value {
        let mut key = json!({"kty": "EC", "crv": "P-256", "x": X, "y": Y, "kid": kid});
        key.as_object_mut().unwrap().extend(more.into().as_object().unwrap().clone());
        key
    }

    #[test]
    fn keys_of_no_use_are_left_out_and_the_others_are_bound_to_an_algorithm() {
        let others = [
            key("a", json!({"use": "enc"})),
            key("b", json!({"alg": "ES384"})),
            key("c", json!({"kty": "RSA"})),
            key("d", json!({"key_ops": ["sign"]})),
            key("e", json!({"crv": "P-521"})),
            json!({"kty": "EC"}),
            json!({"kid": "f"}),
        ];
        let mut keys = others.to_vec();
        keys.extend([
            key("1", json!({})),
            key("2", json!({"alg": "ES256", "use": "jwt-svid", "x5t": "x", "x5c": ["y"]})),
        ]);
        let kids = read(json!(keys)).unwrap();
        assert_eq!(kids, [("1".to_owned(), Algorithm::ES256), ("2".to_owned(), Algorithm::ES256)]);
        assert_eq!(read(json!(others)), Err(InvalidKeySet::None));
    }

    #[test]
    fn substituted_key_attack_sets_that_say_two_things_are_refused_whole() {
        assert_eq!(
            read(json!([key("1", json!({})), key("1", json!({}))])),
            Err(InvalidKeySet::DuplicateKeyId)
        );
        // Also if one of the two is of no use to us: another reader may take it.
        assert_eq!(
            read(json!([key("1", json!({"use": "enc"})), key("1", json!({}))])),
            Err(InvalidKeySet::DuplicateKeyId)
        );
        assert_eq!(
            read(json!([key("1", json!({})), key("2", json!({"d": "AA"}))])),
            Err(InvalidKeySet::Private)
        );
        assert_eq!(read(json!([{"kty": "oct", "k": "AAAA", "kid": "1"}])), Err(InvalidKeySet::Private));
        assert_eq!(read(json!(vec![key("1", json!({})); 101])), Err(InvalidKeySet::Shape));
        assert_eq!(read(json!(["key"])), Err(InvalidKeySet::Shape));
        assert_eq!(read(json!({})), Err(InvalidKeySet::Shape));
        let many: Vec<_> = (0..33).map(|kid: u8| key(&kid.to_string(), json!({}))).collect();
        assert_eq!(read(json!(many)), Err(InvalidKeySet::TooMany));
    }

    #[test]
    fn oversized_keys_attack_members_that_a_key_type_does_not_have_are_dropped() {
        let junk = "x".repeat(4_096);
        let padded = key("1", json!({"n": junk, "e": junk, "x5c": [junk], "note": junk}));
        let set = json!({ "keys": [padded] });
        let keys = usable_keys(set.as_object().unwrap()).unwrap().to_jwks();
        assert!(serde_json::to_string(&keys).unwrap().len() < 300, "{keys:?}");
        // A modulus that zeros were put before is no modulus that anyone writes.
        let zeros = json!({"kty": "RSA", "n": "A".repeat(8_192), "e": "AQAB", "kid": "2"});
        assert_eq!(read(json!([zeros])), Err(InvalidKeySet::None));
        // What was stored before is cut the same way.
        let stored = Jwk { n: Some(junk), ..keys.keys[0].clone() };
        assert_eq!(kept(JwkSet { keys: vec![stored] }), keys);
    }

    #[test]
    fn oversized_keys_attack_a_set_is_kept_only_as_far_as_it_is_short() {
        let long = "k".repeat(43);
        let many = |count: usize| {
            (0..count).map(|n| key(&format!("{n:03}{}", &long[3..]), json!({}))).collect::<Vec<_>>()
        };
        let set = json!({ "keys": many(32) });
        // Thirty-two keys on a curve that are named by their thumbprints are fine.
        assert_eq!(usable_keys(set.as_object().unwrap()).unwrap().len(), 32);
        let jwk = Jwk { n: Some("n".repeat(683)), ..Jwk::rsa(&[1], &[1, 0, 1]) };
        let cut = kept(JwkSet { keys: vec![jwk; 32] });
        assert!((8..14).contains(&cut.keys.len()), "{}", cut.keys.len());
        assert!(serde_json::to_string(&cut).unwrap().len() <= MAX_SET_BYTES + 1_024);
    }
}
