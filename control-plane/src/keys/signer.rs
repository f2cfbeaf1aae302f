//! Key pairs in memory, and signing with them.

use std::sync::{Arc, PoisonError, RwLock};

use agentidp_shared::jwk::{Algorithm, Jwk, JwkSet, KeySet};
use agentidp_shared::strict::encode_base64url;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{rsa, signature};
use zeroize::Zeroizing;

use crate::infra::keystore::KeystoreError;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the cryptographic library refused to make or read a key")]
    Crypto,
    #[error("signing key {kid} cannot be opened")]
    Sealed { kid: String, source: KeystoreError },
    #[error("signing key {0} is stored in a form this version does not know")]
    Stored(String),
    #[error("{0} is not a signing algorithm this version knows")]
    UnknownAlgorithm(String),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

impl From<aws_lc_rs::error::Unspecified> for KeyError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Crypto
    }
}

impl From<aws_lc_rs::error::KeyRejected> for KeyError {
    fn from(_: aws_lc_rs::error::KeyRejected) -> Self {
        Self::Crypto
    }
}

/// A private key that signs one algorithm.
pub struct Signer {
    kid: String,
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({}, {})", self.algorithm, self.kid)
    }
}

impl Signer {
    /// Makes a key pair; returns its PKCS#8 form, to be sealed, and its public key with `kid` (RFC 7638 thumbprint).
    pub fn generate(algorithm: Algorithm) -> Result<(Zeroizing<Vec<u8>>, Jwk), KeyError> {
        let rng = SystemRandom::new();
        let pkcs8 = Zeroizing::new(match algorithm {
            Algorithm::ES256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng)?.as_ref().to_vec()
            }
            Algorithm::EdDSA => Ed25519KeyPair::generate_pkcs8(&rng)?.as_ref().to_vec(),
            Algorithm::RS256 => RsaKeyPair::generate(rsa::KeySize::Rsa2048)?.as_der()?.as_ref().to_vec(),
        });
        let jwk = Pair::read(algorithm, &pkcs8)?.public_jwk()?.with_thumbprint_kid();
        Ok((pkcs8, jwk))
    }

    /// Reads a key pair from PKCS#8.
    pub fn from_pkcs8(algorithm: Algorithm, kid: String, pkcs8: &[u8]) -> Result<Self, KeyError> {
        Ok(Self { kid, algorithm, pair: Pair::read(algorithm, pkcs8)? })
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn public_jwk(&self) -> Result<Jwk, KeyError> {
        Ok(Jwk { kid: Some(self.kid.clone()), ..self.pair.public_jwk()? })
    }

    /// A JWS signature (RFC 7518 §3.3 and §3.4, RFC 8037 §3.1) over `message`.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let rng = SystemRandom::new();
        Ok(match &self.pair {
            Pair::Es256(pair) => pair.sign(&rng, message)?.as_ref().to_vec(),
            Pair::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature)?;
                signature
            }
        })
    }

    /// A compact JWS (RFC 7515 §7.1) of `claims`.
    pub fn sign_jwt(&self, typ: &str, claims: &impl serde::Serialize) -> Result<String, KeyError> {
        let header = serde_json::json!({ "alg": self.algorithm.as_str(), "kid": self.kid, "typ": typ });
        let payload = serde_json::to_vec(claims).map_err(|_| KeyError::Crypto)?;
        let input =
            format!("{}.{}", encode_base64url(header.to_string().as_bytes()), encode_base64url(&payload));
        let signature = encode_base64url(&self.sign(input.as_bytes())?);
        Ok(format!("{input}.{signature}"))
    }
}

impl Pair {
    fn read(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        Ok(match algorithm {
            Algorithm::ES256 => {
                Self::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)?)
            }
            Algorithm::EdDSA => Self::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8)?),
            Algorithm::RS256 => Self::Rs256(RsaKeyPair::from_pkcs8(pkcs8)?),
        })
    }

    fn public_jwk(&self) -> Result<Jwk, KeyError> {
        Ok(match self {
            Self::Es256(pair) => {
                let (x, y) = coordinates(pair.public_key().as_ref()).ok_or(KeyError::Crypto)?;
                Jwk::p256(x, y)
            }
            Self::EdDsa(pair) => Jwk::ed25519(pair.public_key().as_ref()),
            Self::Rs256(pair) => {
                let public: &signature::RsaSubjectPublicKey = pair.public_key();
                Jwk::rsa(
                    public.modulus().big_endian_without_leading_zero(),
                    public.exponent().big_endian_without_leading_zero(),
                )
            }
        })
    }
}

/// The coordinates of an uncompressed P-256 point (SEC 1 §2.3.3).
pub(super) fn coordinates(point: &[u8]) -> Option<(&[u8], &[u8])> {
    match point.split_first() {
        Some((0x04, rest)) if rest.len() == 64 => rest.split_at_checked(32),
        _ => None,
    }
}

/// The keys of one moment.
#[derive(Debug, Default)]
pub struct SigningKeys {
    /// What signs for those who have chosen nothing: the active key of the instance's algorithm, or until there is one, of the
    /// algorithm before.
    pub active: Option<Arc<Signer>>,
    /// The active key of each algorithm in use.
    pub by_algorithm: Vec<Arc<Signer>>,
    /// Next, active and retiring: what is published.
    pub jwks: JwkSet,
    pub verification: KeySet,
}

/// An organization's choice of a signing algorithm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice {
    /// `None`: the instance's.
    pub algorithm: Option<Algorithm>,
    /// What was in force when it was chosen.
    pub before: Option<Algorithm>,
}

impl SigningKeys {
    pub fn of_algorithm(&self, algorithm: Algorithm) -> Option<&Arc<Signer>> {
        self.by_algorithm.iter().find(|signer| signer.algorithm() == algorithm)
    }

    /// What signs an organization's tokens now: a key of its choice, until there is one of the algorithm before, and if that has
    /// gone what signs for everybody else.
    pub fn signer_for(&self, choice: Choice) -> Option<&Arc<Signer>> {
        let Some(algorithm) = choice.algorithm else { return self.active.as_ref() };
        self.of_algorithm(algorithm).or_else(|| self.of_algorithm(choice.before?)).or(self.active.as_ref())
    }
}

/// The keys this process signs and verifies with, replaced as a whole when the table changes.
#[derive(Debug, Default)]
pub struct Signers(RwLock<Arc<SigningKeys>>);

impl Signers {
    pub fn current(&self) -> Arc<SigningKeys> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn replace(&self, keys: SigningKeys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

#[cfg(test)]
mod tests {
    use agentidp_shared::jwk::VerificationKey;

    use super::*;

    #[test]
    fn what_a_key_signs_its_public_key_verifies_and_nothing_else() {
        for algorithm in Algorithm::ALL {
            let (pkcs8, jwk) = Signer::generate(algorithm).unwrap();
            let kid = jwk.kid.clone().unwrap();
            let signer = Signer::from_pkcs8(algorithm, kid, &pkcs8).unwrap();
            assert_eq!(signer.public_jwk().unwrap(), jwk);
            let public = VerificationKey::from_jwk(&jwk).unwrap();
            let signature = signer.sign(b"message").unwrap();
            assert!(public.verify(b"message", &signature), "{algorithm}");
            assert!(!public.verify(b"massage", &signature), "{algorithm}");
        }
    }

    #[test]
    fn debug_output_shows_no_key() {
        let (pkcs8, jwk) = Signer::generate(Algorithm::ES256).unwrap();
        let signer = Signer::from_pkcs8(Algorithm::ES256, jwk.kid.unwrap(), &pkcs8).unwrap();
        assert!(format!("{signer:?}").len() < 80);
    }
}
