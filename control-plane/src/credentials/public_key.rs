//! Public keys that agents register as credentials.

use agentidp_shared::client_assertion;
use agentidp_shared::jwk::{Algorithm, InvalidKey, Jwk, VerificationKey};

use crate::infra::http::error::ApiError;
use crate::infra::http::fields::{Fields, FromFields};

/// Members that only a private or symmetric key has (RFC 7518 §6, RFC 8037 §2).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A key that can verify, with its `alg` and `kid`, and with no member it does not need.
#[derive(Debug, Clone)]
pub(super) struct PublicKey(Jwk);

impl PublicKey {
    pub fn jwk(&self) -> &Jwk {
        &self.0
    }

    pub fn kid(&self) -> &str {
        self.0.kid.as_deref().unwrap_or_default()
    }

    /// What is the same for the same key, whatever it is called: the modulus or the first coordinate.
    pub fn material(&self) -> &str {
        self.0.n.as_deref().or(self.0.x.as_deref()).unwrap_or_default()
    }
}

impl FromFields for PublicKey {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        for name in PRIVATE {
            fields.refuse(name, "belongs to a private key, which must never leave its owner: use a new one");
        }
        let kty = fields.required_string("kty", 1..=16)?;
        let alg = fields.optional_string("alg", 0..=16).and_then(|alg| {
            let known = client_assertion::algorithm(&alg);
            if known.is_none() {
                fields.error("alg", "must be ES256, EdDSA, Ed25519 or RS256");
            }
            known
        });
        let alg_is_given = alg.is_some();
        let use_ = fields.optional_string("use", 1..=16);
        let kid = fields.optional_string("kid", 1..=128);
        let operations = fields.optional_strings("key_ops", 8, 1..=32);
        // Written by Web Cryptography, and of no meaning for us.
        fields.optional_bool("ext");
        if operations.is_some_and(|operations| operations.iter().any(|name| name != "verify")) {
            fields.error("key_ops", "must be [\"verify\"]");
        }
        let jwk = Jwk { kty, kid, use_, alg: None, crv: None, x: None, y: None, n: None, e: None };
        let jwk = match jwk.kty.as_str() {
            "EC" => Jwk {
                crv: fields.required_string("crv", 1..=16),
                x: fields.required_string("x", 1..=64),
                y: fields.required_string("y", 1..=64),
                ..jwk
            },
            "OKP" => Jwk {
                crv: fields.required_string("crv", 1..=16),
                x: fields.required_string("x", 1..=64),
                ..jwk
            },
            "RSA" => {
                Jwk { n: fields.required_string("n", 1..=700), e: fields.required_string("e", 1..=16), ..jwk }
            }
            _ => {
                fields.error("kty", "must be EC, OKP or RSA");
                return None;
            }
        };
        if !fields.is_good() {
            return None;
        }
        let alg = alg.unwrap_or(match jwk.kty.as_str() {
            "EC" => Algorithm::ES256,
            "OKP" => Algorithm::EdDSA,
            _ => Algorithm::RS256,
        });
        let mut jwk = Jwk { alg: Some(alg.as_str().to_owned()), ..jwk };
        if jwk.kid.is_none() {
            jwk = jwk.with_thumbprint_kid();
        }
        if let Err(reason) = VerificationKey::from_jwk(&jwk) {
            let (field, reason) = match reason {
                InvalidKey::Type if alg_is_given => ("alg", "does not fit `kty` and `crv`".to_owned()),
                InvalidKey::Type => ("crv", "must be P-256 for EC, Ed25519 for OKP".to_owned()),
                InvalidKey::KeyId => ("kid", "must have 1 to 128 bytes".to_owned()),
                InvalidKey::Use => ("use", "must be sig".to_owned()),
                InvalidKey::RsaSize => ("n", reason.to_string()),
                _ if jwk.kty == "RSA" => {
                    ("n", "is not a modulus, or `e` no exponent, in base64url".to_owned())
                }
                _ => ("x", "is not a point on the curve, in base64url without padding".to_owned()),
            };
            fields.error(field, reason);
            return None;
        }
        Some(Self(jwk))
    }
}

pub(super) fn in_use() -> ApiError {
    ApiError::conflict(
        "CREDENTIAL_KEY_IN_USE",
        "the agent has a credential with this key or `kid`, or had one with this key that was revoked; use a new key",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn read(jwk: Value) -> Result<PublicKey, String> {
        let Value::Object(members) = jwk else { panic!("an object") };
        Fields::of_object(members).read::<PublicKey>().map_err(|error| format!("{error:?}"))
    }

    fn good() -> Value {
        json!({"kty": "EC", "crv": "P-256", "x": X, "y": Y})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut jwk = good();
        jwk[name] = value;
        jwk
    }

    #[test]
    fn a_key_gets_its_algorithm_and_its_thumbprint_as_kid_unless_it_has_them() {
        let key = read(good()).unwrap();
        assert_eq!((key.jwk().alg.as_deref(), key.kid()), (Some("ES256"), key.jwk().thumbprint().as_str()));
        assert_eq!(read(with("kid", json!("mine"))).unwrap().kid(), "mine");
        let exported =
            json!({"kty": "EC", "crv": "P-256", "x": X, "y": Y, "ext": true, "key_ops": ["verify"]});
        read(exported).unwrap();
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        assert_eq!(read(ed).unwrap().jwk().alg.as_deref(), Some("EdDSA"));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_said_of_its_member() {
        for (name, value) in [
            ("kty", json!("oct")),
            ("crv", json!("P-384")),
            ("x", json!("AAAA")),
            ("x", json!(format!("{X}="))),
            ("alg", json!("none")),
            ("alg", json!("HS256")),
            ("alg", json!("EdDSA")),
            ("use", json!("enc")),
            ("kid", json!("")),
            ("kid", json!("a\u{0}b")),
            ("kid", json!("é".repeat(128))),
            ("key_ops", json!(["sign"])),
            ("n", json!("AQAB")),
            ("x5u", json!("https://attacker.example/")),
            ("d", json!("AAAA")),
            ("k", json!("AAAA")),
        ] {
            let error = read(with(name, value.clone())).unwrap_err();
            assert!(error.contains(&format!("\"field\": String(\"{name}\")")), "{name} {value}: {error}");
        }
    }

    #[test]
    fn weak_key_attack_short_rsa_keys_and_small_exponents_are_refused() {
        let modulus = |bytes: usize| agentidp_shared::strict::encode_base64url(&vec![0xff; bytes]);
        for (n, e) in [(modulus(128), "AQAB"), (modulus(255), "AQAB"), (modulus(256), "Aw")] {
            assert!(read(json!({"kty": "RSA", "n": n, "e": e})).is_err());
        }
        assert!(read(json!({"kty": "RSA", "n": modulus(256), "e": "AQAB"})).is_ok());
    }
}
