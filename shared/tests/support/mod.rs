//! Real keys, real signatures and a token that is good in every respect, for tests to spoil in one.

use std::sync::LazyLock;

use agentidp_shared::exceptions::Exceptions;
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::jwk::{Jwk, JwkSet, KeySet};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::strict::encode_base64url;
use agentidp_shared::verify::{Expectation, Refusal, Verdict, verify};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use ed25519_dalek::Signer as _;
use serde_json::{Value, json};

pub const ISSUER: &str = "https://id.example";
pub const NOW: u64 = 1_800_000_000;
pub const AGENT: &str = "0198c5a4-0000-7000-8000-00000000000a";
pub const OTHER_AGENT: &str = "0198c5a4-0000-7000-8000-00000000000b";
pub const ORGANIZATION: &str = "0198c5a4-0000-7000-8000-0000000000f0";
pub const TOKEN_ID: &str = "0198c5a4-0000-7000-8000-00000000001d";

/// A private key of one of our algorithms.
pub enum Signer {
    Es256(p256::ecdsa::SigningKey),
    EdDsa(Box<ed25519_dalek::SigningKey>),
    Rs256(Box<RsaKeyPair>),
}

impl Signer {
    pub fn es256(seed: u8) -> Self {
        Self::Es256(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub fn eddsa(seed: u8) -> Self {
        Self::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(&[seed; 32])))
    }

    pub fn rs256(size: KeySize) -> Self {
        Self::Rs256(Box::new(RsaKeyPair::generate(size).unwrap()))
    }

    pub fn alg(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Self::EdDsa(key) => key.sign(message).to_bytes().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }

    pub fn jwk(&self, kid: &str) -> Jwk {
        let jwk = match self {
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let bytes = point.as_bytes();
                Jwk::p256(&bytes[1..33], &bytes[33..])
            }
            Self::EdDsa(key) => Jwk::ed25519(key.verifying_key().as_bytes()),
            Self::Rs256(key) => {
                let parts = PublicKeyComponents::<Vec<u8>>::from(key.public_key());
                Jwk::rsa(&parts.n, &parts.e)
            }
        };
        Jwk { kid: Some(kid.into()), ..jwk }
    }
}

/// One key of each algorithm, named after it.
pub struct Keys {
    pub es256: Signer,
    pub eddsa: Signer,
    pub rs256: Signer,
    pub set: KeySet,
}

impl Keys {
    /// Each signer with the name of its key in the set.
    pub fn all(&self) -> [(&Signer, &'static str); 3] {
        [(&self.es256, "es"), (&self.eddsa, "ed"), (&self.rs256, "rs")]
    }
}

pub static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let (es256, eddsa, rs256) = (Signer::es256(7), Signer::eddsa(8), Signer::rs256(KeySize::Rsa2048));
    let set = key_set([es256.jwk("es"), eddsa.jwk("ed"), rs256.jwk("rs")]);
    Keys { es256, eddsa, rs256, set }
});

pub fn key_set(keys: impl IntoIterator<Item = Jwk>) -> KeySet {
    KeySet::from_jwks(&JwkSet { keys: keys.into_iter().collect() }).unwrap()
}

pub fn hasher() -> SeededHasher {
    SeededHasher::new([3; 16])
}

pub fn header(alg: &str, kid: &str) -> Value {
    json!({ "alg": alg, "kid": kid, "typ": "at+jwt" })
}

pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": AGENT, "aud": ISSUER, "client_id": AGENT, "organization_id": ORGANIZATION,
        "scope": "agents:read tokens:read", "jti": TOKEN_ID, "iat": NOW - 100, "nbf": NOW - 100, "exp": NOW + 3_500,
    })
}

/// The good claims with one member set; `Value::Null` as marker removes it.
pub fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    claims
}

/// A compact JWS over exactly these header and payload bytes.
pub fn mint_raw(signer: &Signer, header: &str, payload: &[u8]) -> String {
    let input = format!("{}.{}", encode_base64url(header.as_bytes()), encode_base64url(payload));
    let signature = signer.sign(input.as_bytes());
    format!("{input}.{}", encode_base64url(&signature))
}

pub fn mint(signer: &Signer, header: &Value, claims: &Value) -> String {
    mint_raw(signer, &header.to_string(), claims.to_string().as_bytes())
}

/// A token of the ES256 key with these claims.
pub fn token_with(claims: &Value) -> String {
    mint(&KEYS.es256, &header("ES256", "es"), claims)
}

pub fn good_token() -> String {
    token_with(&claims())
}

pub fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

pub fn check_at(token: &str, exceptions: &Exceptions, now: u64, wanted: &ScopeSet) -> Verdict {
    verify(
        token,
        &KEYS.set,
        exceptions,
        now,
        &Expectation { issuer: ISSUER, audience: ISSUER, scopes: wanted },
    )
}

/// The verdict with no exceptions, at [`NOW`], asking for no scope.
pub fn check(token: &str) -> Verdict {
    check_at(token, &Exceptions::new(hasher()), NOW, &ScopeSet::empty())
}

#[track_caller]
pub fn assert_accepted(token: &str) {
    let verdict = check(token);
    assert!(matches!(verdict, Verdict::Accepted(_)), "{verdict:?}");
}

#[track_caller]
pub fn assert_refused(token: &str, expected: &Refusal) {
    assert_eq!(check(token), Verdict::Refused(expected.clone()), "{token}");
}
