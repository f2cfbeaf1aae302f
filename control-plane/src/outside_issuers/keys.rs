//! The keys of an issuer that is not ours, read from the set it publishes (RFC 7517 §5).

use agentidp_shared::jwk::{Algorithm, InvalidKey, Jwk, KeySet, MAX_KEYS, VerificationKey};
use serde_json::{Map, Value};

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
    #[error("no key for signatures that we check")]
    None,
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
        usable.extend(bound(jwk).filter(|jwk| VerificationKey::from_jwk(jwk).is_ok()));
    }
    match usable.len() {
        0 => Err(InvalidKeySet::None),
        1..=MAX_KEYS => KeySet::from_jwks(&agentidp_shared::jwk::JwkSet { keys: usable })
            .map_err(|_| InvalidKeySet::DuplicateKeyId),
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
}
