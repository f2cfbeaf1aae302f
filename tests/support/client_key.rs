//! A key pair that an agent keeps to itself, and assertions that it signs (RFC 7523).

use agentidp_shared::client_assertion::ASSERTION_TYPE;
use agentidp_shared::jwk::{Algorithm, Jwk};
use agentidp_shared::strict::encode_base64url;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A private key, and what its owner tells of it.
pub struct ClientKey {
    pub algorithm: Algorithm,
    pub kid: String,
    pkcs8: Vec<u8>,
    jwk: Jwk,
}

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientKey({}, {})", self.algorithm, self.kid)
    }
}

impl ClientKey {
    pub fn generate(algorithm: Algorithm) -> Self {
        let rng = SystemRandom::new();
        let (pkcs8, jwk) = match algorithm {
            Algorithm::ES256 => {
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
                let pair =
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
                let point = pair.public_key().as_ref().to_vec();
                (pkcs8.as_ref().to_vec(), Jwk::p256(&point[1..33], &point[33..]))
            }
            Algorithm::EdDSA => {
                let pkcs8 = Ed25519KeyPair::generate_pkcs8(&rng).unwrap();
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
                (pkcs8.as_ref().to_vec(), Jwk::ed25519(pair.public_key().as_ref()))
            }
            Algorithm::RS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                (pair.as_der().unwrap().as_ref().to_vec(), Jwk::rsa(&public.n, &public.e))
            }
        };
        let kid = jwk.thumbprint();
        Self { algorithm, kid, pkcs8, jwk }
    }

    /// The public half, as it is registered: without `alg`, `use` and `kid`, which its type and thumbprint give.
    pub fn public_jwk(&self) -> Value {
        let mut jwk = serde_json::to_value(&self.jwk).unwrap();
        jwk.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "alg" | "use" | "kid"));
        jwk
    }

    /// The private half, in PEM.
    pub fn private_pem(&self) -> String {
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(&self.pkcs8))
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let rng = SystemRandom::new();
        match self.algorithm {
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8).unwrap();
                pair.sign(&rng, message).unwrap().as_ref().to_vec()
            }
            Algorithm::EdDSA => {
                Ed25519KeyPair::from_pkcs8(&self.pkcs8).unwrap().sign(message).as_ref().to_vec()
            }
            Algorithm::RS256 => {
                let pair = RsaKeyPair::from_pkcs8(&self.pkcs8).unwrap();
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature).unwrap();
                signature
            }
        }
    }

    pub fn header(&self) -> Value {
        json!({ "alg": self.algorithm.as_str(), "kid": self.kid })
    }

    /// A compact JWS over exactly these texts.
    pub fn sign_texts(&self, header: &str, payload: &str) -> String {
        let input =
            format!("{}.{}", encode_base64url(header.as_bytes()), encode_base64url(payload.as_bytes()));
        let signature = encode_base64url(&self.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// A good assertion of `client` for `issuer`, made at `now` (Unix seconds).
    pub fn assertion(&self, client: &str, issuer: &str, now: i64) -> String {
        self.sign_texts(&self.header().to_string(), &claims(client, issuer, now).to_string())
    }
}

/// The claims of a good assertion, with a `jti` of its own.
pub fn claims(client: &str, issuer: &str, now: i64) -> Value {
    json!({
        "iss": client, "sub": client, "aud": issuer, "jti": crate::unique(), "iat": now, "nbf": now, "exp": now + 60,
    })
}

/// The parameters that carry an assertion.
pub fn parameters(assertion: &str) -> [(&'static str, &str); 2] {
    [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]
}
