//! Client assertions: how a client proves itself with a key of its own, `private_key_jwt` (RFC 7521 §4.2, RFC 7523 §3,
//! OpenID Connect Core §9).
//!
//! The steps are types, as in [`crate::verify`]: [`parse`] gives an [`Unverified`] assertion, which only says whom it claims to
//! be from; only a check of its signature under one of that client's keys makes it [`Authentic`]; only [`Authentic::judge`] lets
//! its claims out as accepted. That its [`Accepted::jti`] was not seen before is for the caller to see to.

use serde_json::{Map, Value};

use crate::claims::MalformedClaim;
use crate::ids::AgentId;
use crate::jwk::{Algorithm, VerificationKey};
use crate::strict::{decode_base64url, parse_json_object};
use crate::verify::{self, Compact, Header, LEEWAY_SECONDS, is_type, read_header_without_kid, split};

/// The `client_assertion_type` of these assertions (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The `alg` values of assertions, and of the keys that sign them.
pub const ALGORITHMS: [&str; 4] = ["ES256", "EdDSA", "Ed25519", "RS256"];
/// Longest assertion, in bytes: an RS256 signature of 4096 bits and long URIs have room.
pub const MAX_ASSERTION_LENGTH: usize = 4 * 1024;
/// Longest life an assertion may have left, in seconds.
pub const MAX_LIFE_SECONDS: u64 = 300;
/// Longest `jti`, in bytes.
pub const MAX_JTI_LENGTH: usize = 255;

/// Why an assertion is refused. For logs: the client is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the assertion is longer than {MAX_ASSERTION_LENGTH} bytes")]
    TooLong,
    #[error(transparent)]
    Jws(#[from] verify::Refusal),
    #[error(transparent)]
    MalformedClaim(#[from] MalformedClaim),
    #[error("`iss` and `sub` are not the same client")]
    IssuerIsNotSubject,
    #[error("`aud` is not this issuer alone")]
    WrongAudience,
    #[error("the assertion has expired")]
    Expired,
    #[error("`exp` is more than {MAX_LIFE_SECONDS} seconds ahead")]
    TooLongLived,
    #[error("the assertion is not valid yet")]
    NotYetValid,
    #[error("the assertion's times contradict each other")]
    ContradictoryTimes,
}

/// A well-formed assertion whose signature has not been checked.
#[derive(Debug)]
pub struct Unverified<'a> {
    algorithm: Algorithm,
    kid: Option<String>,
    signing_input: &'a str,
    signature: Vec<u8>,
    claims: Map<String, Value>,
    client: AgentId,
}

/// An assertion that a key of its client has signed. It may still be expired, or meant for someone else.
#[derive(Debug)]
pub struct Authentic {
    claims: Map<String, Value>,
    client: AgentId,
}

/// An assertion that proves its client, if its `jti` was not used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub client: AgentId,
    pub jti: String,
    /// Unix seconds from which on the assertion is refused: so long its `jti` must be remembered.
    pub refused_from: u64,
}

/// The algorithm of an `alg` value. With our one Edwards curve, `EdDSA` and the later `Ed25519` (RFC 9864 §2.2) are the same, and
/// clients write either.
pub fn algorithm(alg: &str) -> Option<Algorithm> {
    if alg == "Ed25519" { Some(Algorithm::EdDSA) } else { alg.parse().ok() }
}

/// Takes an assertion apart. The payload is read before the signature is checked, because it says whose key that must be.
pub fn parse(assertion: &str) -> Result<Unverified<'_>, Refusal> {
    if assertion.len() > MAX_ASSERTION_LENGTH {
        return Err(Refusal::TooLong);
    }
    let Compact { header, payload, signing_input, signature } = split(assertion)?;
    // RFC 7523 asks for no type, and clients send none or "JWT". Any other names a JWT that was made for something else.
    let (algorithm, kid) = read_header_without_kid(
        &header,
        &[],
        |typ| typ.is_none_or(|typ| is_type(typ, "JWT") || is_type(typ, "client-authentication+jwt")),
        algorithm,
    )?;
    // Not text that could be stored as a key's name.
    if kid.as_ref().is_some_and(|kid| kid.chars().any(char::is_control)) {
        return Err(verify::Refusal::UnknownKey.into());
    }
    let payload = decode_base64url(payload).map_err(|_| verify::Refusal::Malformed)?;
    let claims = parse_json_object(&payload).map_err(|_| verify::Refusal::MalformedClaims)?;
    let client = text(&claims, "sub")?.parse().map_err(|_| MalformedClaim("sub"))?;
    Ok(Unverified { algorithm, kid, signing_input, signature, claims, client })
}

impl Unverified<'_> {
    /// Whom the assertion claims to be from.
    pub fn client(&self) -> AgentId {
        self.client
    }

    /// Which of the client's keys; `None` is the only one it has (OpenID Connect Core §10.1).
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Checks the signature under `key`, which must be the one of [`client`](Self::client)'s with this [`kid`](Self::kid).
    pub fn check_signature(self, key: &VerificationKey) -> Result<Authentic, Refusal> {
        let kid = self.kid.unwrap_or_else(|| key.kid().to_owned());
        let header = Header { algorithm: self.algorithm, kid };
        verify::check_jws(&header, self.signing_input, &self.signature, key)?;
        Ok(Authentic { claims: self.claims, client: self.client })
    }

    /// Does the work of a check whose outcome nobody believes.
    pub fn spend_signature_check(self, key: &VerificationKey) {
        std::hint::black_box(key.verify(self.signing_input.as_bytes(), &self.signature));
    }
}

impl Authentic {
    /// Whether the assertion is good at `now` (Unix seconds) for one of `audiences`. Claims of no meaning here are ignored
    /// (RFC 7519 §4).
    pub fn judge(&self, now: u64, audiences: &[&str]) -> Result<Accepted, Refusal> {
        let claims = &self.claims;
        if text(claims, "iss")? != text(claims, "sub")? {
            return Err(Refusal::IssuerIsNotSubject);
        }
        let audience = sole_audience(claims, Refusal::WrongAudience)?;
        if !audiences.contains(&audience) {
            return Err(Refusal::WrongAudience);
        }
        let exp = seconds(claims, "exp")?.ok_or(MalformedClaim("exp"))?;
        let (iat, nbf) = (seconds(claims, "iat")?, seconds(claims, "nbf")?);
        if [iat, nbf].into_iter().flatten().any(|start| start >= exp) {
            return Err(Refusal::ContradictoryTimes);
        }
        let refused_from = exp.saturating_add(LEEWAY_SECONDS);
        if now >= refused_from {
            return Err(Refusal::Expired);
        }
        let latest_start = now.saturating_add(LEEWAY_SECONDS);
        if exp > latest_start.saturating_add(MAX_LIFE_SECONDS) {
            return Err(Refusal::TooLongLived);
        }
        if [iat, nbf].into_iter().flatten().any(|start| start > latest_start) {
            return Err(Refusal::NotYetValid);
        }
        let jti = text(claims, "jti")?;
        if jti.len() > MAX_JTI_LENGTH {
            return Err(MalformedClaim("jti").into());
        }
        Ok(Accepted { client: self.client, jti: jti.to_owned(), refused_from })
    }
}

pub(crate) fn text<'a>(
    claims: &'a Map<String, Value>,
    name: &'static str,
) -> Result<&'a str, MalformedClaim> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(MalformedClaim(name))
}

/// A time that may be absent; one with a fraction, or a number that is a string, is malformed.
pub(crate) fn seconds(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<u64>, MalformedClaim> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    value.as_u64().filter(|seconds| *seconds < 1 << 40).map(Some).ok_or(MalformedClaim(name))
}

/// The one audience, or `several`: who lists several, shares with all of them what any of them could send on.
pub(crate) fn sole_audience<E: From<MalformedClaim>>(
    claims: &Map<String, Value>,
    several: E,
) -> Result<&str, E> {
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => Some(one.as_str()),
        Some(Value::Array(listed)) => match listed.as_slice() {
            [one] => one.as_str(),
            _ => return Err(several),
        },
        _ => None,
    };
    audience.ok_or_else(|| MalformedClaim("aud").into())
}
