//! Public keys: JWK and JWK Set (RFC 7517, RFC 8037), each bound to exactly one algorithm.

use std::borrow::Cow;
use std::sync::OnceLock;

use p256::ecdsa::signature::Verifier as _;
use rsa::BoxedUint;
use rsa::traits::PublicKeyParts as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::strict::{decode_base64url, encode_base64url};

/// Most keys in one set: next, active and retiring for each algorithm, with room to spare.
pub const MAX_KEYS: usize = 32;

/// The signature algorithms we know (RFC 7518 §3.1, RFC 8037 §3.1). There is no `none` to forget to exclude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    ES256,
    EdDSA,
    RS256,
}

impl Algorithm {
    pub const ALL: [Self; 3] = [Self::ES256, Self::EdDSA, Self::RS256];

    /// The `alg` value, compared byte for byte.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
            Self::RS256 => "RS256",
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Algorithm {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or(InvalidKey::Algorithm)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    #[error("`alg` is missing or not one of ES256, EdDSA, RS256")]
    Algorithm,
    #[error("`kty` or `crv` does not fit `alg`")]
    Type,
    #[error("`kid` is missing, empty or longer than 128 characters")]
    KeyId,
    #[error("`use` is not `sig`")]
    Use,
    #[error("the key material is missing, malformed or not a point on the curve")]
    Material,
    #[error("an RSA key has 2048 to 4096 bits and the exponent 65537")]
    RsaSize,
    #[error("the key carries private members")]
    Private,
    #[error("two keys have the same `kid`")]
    DuplicateKeyId,
    #[error("more than {MAX_KEYS} keys")]
    TooMany,
}

/// A public JWK as it travels: only the members RFC 7517/7518/8037 give a public signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    pub kty: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub e: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alg: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default, rename = "use")]
    pub use_: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kid: Option<String>,
}

impl Jwk {
    /// Reads a JWK from JSON; a key with private members is refused rather than trimmed.
    pub fn from_value(value: &Value) -> Result<Self, InvalidKey> {
        let object = value.as_object().ok_or(InvalidKey::Material)?;
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| object.contains_key(*name)) {
            return Err(InvalidKey::Private);
        }
        Self::deserialize(value).map_err(|_| InvalidKey::Material)
    }

    /// An ES256 key from the uncompressed point's coordinates (32 bytes each).
    pub fn p256(x: &[u8], y: &[u8]) -> Self {
        Self {
            kty: "EC".into(),
            crv: Some("P-256".into()),
            x: Some(encode_base64url(x)),
            y: Some(encode_base64url(y)),
            ..Self::empty(Algorithm::ES256)
        }
    }

    /// An `EdDSA` key from its 32 bytes.
    pub fn ed25519(x: &[u8]) -> Self {
        Self {
            kty: "OKP".into(),
            crv: Some("Ed25519".into()),
            x: Some(encode_base64url(x)),
            ..Self::empty(Algorithm::EdDSA)
        }
    }

    /// An RS256 key from the big-endian modulus and exponent.
    pub fn rsa(n: &[u8], e: &[u8]) -> Self {
        Self {
            kty: "RSA".into(),
            n: Some(encode_base64url(n)),
            e: Some(encode_base64url(e)),
            ..Self::empty(Algorithm::RS256)
        }
    }

    fn empty(algorithm: Algorithm) -> Self {
        Self {
            kty: String::new(),
            crv: None,
            x: None,
            y: None,
            n: None,
            e: None,
            alg: Some(algorithm.as_str().into()),
            use_: Some("sig".into()),
            kid: None,
        }
    }

    /// Sets `kid` to the RFC 7638 thumbprint, so the id names the key and nothing else.
    #[must_use]
    pub fn with_thumbprint_kid(mut self) -> Self {
        self.kid = Some(self.thumbprint());
        self
    }

    /// The key with only those members that its type has (RFC 7518 §6, RFC 8037 §2).
    #[must_use]
    pub fn of_its_type(self) -> Self {
        let is = |kty: &str| self.kty == kty;
        let (has_curve, has_y, is_rsa) = (is("EC") || is("OKP"), is("EC"), is("RSA"));
        Self {
            crv: self.crv.filter(|_| has_curve),
            x: self.x.filter(|_| has_curve),
            y: self.y.filter(|_| has_y),
            n: self.n.filter(|_| is_rsa),
            e: self.e.filter(|_| is_rsa),
            ..self
        }
    }

    /// About how many bytes the key has as JSON: its texts, and 64 for names and signs.
    pub fn size(&self) -> usize {
        let texts = [&self.crv, &self.x, &self.y, &self.n, &self.e, &self.alg, &self.use_, &self.kid];
        let lengths = texts.into_iter().flatten().map(String::len);
        lengths.fold(64 + self.kty.len(), usize::saturating_add)
    }

    /// RFC 7638 JWK thumbprint: base64url of SHA-256 over the required members in lexicographic order.
    pub fn thumbprint(&self) -> String {
        let text = |member: &Option<String>| Value::from(member.clone().unwrap_or_default());
        let canonical = match self.kty.as_str() {
            "EC" => format!(
                r#"{{"crv":{},"kty":"EC","x":{},"y":{}}}"#,
                text(&self.crv),
                text(&self.x),
                text(&self.y)
            ),
            "RSA" => format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, text(&self.e), text(&self.n)),
            _ => format!(
                r#"{{"crv":{},"kty":{},"x":{}}}"#,
                text(&self.crv),
                Value::from(self.kty.as_str()),
                text(&self.x)
            ),
        };
        encode_base64url(&Sha256::digest(canonical.as_bytes()))
    }
}

/// A JWK Set (RFC 7517 §5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    pub keys: Vec<Jwk>,
}

/// A key that verifies exactly one algorithm. What `alg` a token claims can only be compared with it, never choose it.
#[derive(Debug, Clone)]
pub struct VerificationKey {
    jwk: Jwk,
    kid: String,
    algorithm: Algorithm,
    /// Read from the JWK when it is first needed; `None` if it is no good.
    material: OnceLock<Option<Material>>,
}

#[derive(Debug, Clone)]
enum Material {
    Es256(p256::ecdsa::VerifyingKey),
    EdDsa(ed25519_dalek::VerifyingKey),
    Rs256(rsa::pkcs1v15::VerifyingKey<Sha256>),
}

impl Material {
    fn of(jwk: &Jwk, algorithm: Algorithm) -> Result<Self, InvalidKey> {
        let member = |member: &Option<String>| {
            member.as_deref().and_then(|text| decode_base64url(text).ok()).ok_or(InvalidKey::Material)
        };
        match (algorithm, jwk.kty.as_str(), jwk.crv.as_deref()) {
            (Algorithm::ES256, "EC", Some("P-256")) => {
                let (x, y) = (member(&jwk.x)?, member(&jwk.y)?);
                if x.len() != 32 || y.len() != 32 {
                    return Err(InvalidKey::Material);
                }
                let mut point = Vec::with_capacity(65);
                point.push(0x04);
                point.extend_from_slice(&x);
                point.extend_from_slice(&y);
                p256::ecdsa::VerifyingKey::from_sec1_bytes(&point)
                    .map(Self::Es256)
                    .map_err(|_| InvalidKey::Material)
            }
            (Algorithm::EdDSA, "OKP", Some("Ed25519")) => {
                let x: [u8; 32] = member(&jwk.x)?.try_into().map_err(|_| InvalidKey::Material)?;
                let key = ed25519_dalek::VerifyingKey::from_bytes(&x).map_err(|_| InvalidKey::Material)?;
                if key.is_weak() { Err(InvalidKey::Material) } else { Ok(Self::EdDsa(key)) }
            }
            (Algorithm::RS256, "RSA", None) => {
                let n = BoxedUint::from_be_slice_vartime(&member(&jwk.n)?);
                let e = BoxedUint::from_be_slice_vartime(&member(&jwk.e)?);
                let key = rsa::PublicKey::new(n, e).map_err(|_| InvalidKey::RsaSize)?;
                if !(2048..=4096).contains(&(key.size() * 8)) || *key.e() != BoxedUint::from(65_537_u64) {
                    return Err(InvalidKey::RsaSize);
                }
                Ok(Self::Rs256(rsa::pkcs1v15::VerifyingKey::new(key)))
            }
            _ => Err(InvalidKey::Type),
        }
    }
}

impl VerificationKey {
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, InvalidKey> {
        let key = Self::from_accepted_jwk(jwk)?;
        let _ = key.material.set(Some(Material::of(jwk, key.algorithm)?));
        Ok(key)
    }

    /// Of a JWK that was accepted before: whether its material is any good is found out when something is to be verified, and if
    /// it is not, nothing ever is.
    pub fn from_accepted_jwk(jwk: &Jwk) -> Result<Self, InvalidKey> {
        let algorithm: Algorithm = jwk.alg.as_deref().ok_or(InvalidKey::Algorithm)?.parse()?;
        let kid = jwk.kid.clone().filter(|kid| (1..=128).contains(&kid.len())).ok_or(InvalidKey::KeyId)?;
        if jwk.use_.as_deref().is_some_and(|use_| use_ != "sig") {
            return Err(InvalidKey::Use);
        }
        Ok(Self { jwk: jwk.clone(), kid, algorithm, material: OnceLock::new() })
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// For hosts that import the key into their own cryptography.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// A JWS signature as X.509 has it, and most libraries that are not of JOSE: of ECDSA an `Ecdsa-Sig-Value` in DER (RFC 3279 §2.2.3), of
    /// RSA and Ed25519 the same bytes (RFC 3279 §2.2.1, RFC 8410 §6). `None` if it is no ECDSA signature by its length, or one of its
    /// numbers is not in 1 to n − 1.
    pub fn pkix_signature<'a>(&self, signature: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        match self.algorithm {
            Algorithm::ES256 => {
                let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
                Some(Cow::Owned(signature.to_der().as_bytes().to_vec()))
            }
            Algorithm::EdDSA | Algorithm::RS256 => Some(Cow::Borrowed(signature)),
        }
    }

    /// Checks a JWS signature (RFC 7518 §3.3, §3.4, RFC 8037 §3.1) in pure Rust. A signature of the wrong length is invalid.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some(material) = self.material.get_or_init(|| Material::of(&self.jwk, self.algorithm).ok())
        else {
            return false;
        };
        match material {
            Material::Es256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Material::EdDsa(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Material::Rs256(key) => {
                let key_length = key.as_ref().size();
                signature.len() == key_length
                    && rsa::pkcs1v15::Signature::try_from(signature)
                        .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
        }
    }
}

/// Verification keys by exact `kid`.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<VerificationKey>,
}

impl KeySet {
    pub fn from_jwks(jwks: &JwkSet) -> Result<Self, InvalidKey> {
        Self::read(jwks, VerificationKey::from_jwk)
    }

    /// Of a set that was accepted before; see [`VerificationKey::from_accepted_jwk`].
    pub fn from_accepted_jwks(jwks: &JwkSet) -> Result<Self, InvalidKey> {
        Self::read(jwks, VerificationKey::from_accepted_jwk)
    }

    fn read(
        jwks: &JwkSet,
        read: impl Fn(&Jwk) -> Result<VerificationKey, InvalidKey>,
    ) -> Result<Self, InvalidKey> {
        if jwks.keys.len() > MAX_KEYS {
            return Err(InvalidKey::TooMany);
        }
        let mut set = Self::default();
        for jwk in &jwks.keys {
            let key = read(jwk)?;
            if set.find(key.kid()).is_some() {
                return Err(InvalidKey::DuplicateKeyId);
            }
            set.keys.push(key);
        }
        Ok(set)
    }

    pub fn find(&self, kid: &str) -> Option<&VerificationKey> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn to_jwks(&self) -> JwkSet {
        JwkSet { keys: self.keys.iter().map(|key| key.jwk.clone()).collect() }
    }
}
