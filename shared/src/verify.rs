//! Verification of access tokens: bytes + keys + exceptions + time → [`Verdict`]. It never fetches and never panics, and it
//! refuses anything unusual (RFC 7515 §5.2, RFC 7519 §7.2, RFC 8725, RFC 9068 §4).
//!
//! The steps are types, so none can be skipped: [`parse`] gives an [`Unverified`] token bound to one key; only a signature
//! check turns it into an [`Authentic`] one; only [`Authentic::judge`] lets its claims out as accepted. Hosts with faster
//! cryptography of their own run the signature step themselves and [attest](Unverified::attest) the result.

use std::marker::PhantomData;

use crate::claims::{Claims, MalformedClaim};
use crate::exceptions::{Exceptions, Revoked};
use crate::feed;
use crate::issuer;
use crate::jwk::{Algorithm, KeySet, VerificationKey};
use crate::scopes::ScopeSet;
use crate::strict::{decode_base64url, parse_json_object};

/// Longest token, in bytes.
pub const MAX_TOKEN_LENGTH: usize = 8 * 1024;
/// Longest encoded JOSE header, in bytes.
pub const MAX_HEADER_LENGTH: usize = 1024;
/// Clock difference we forgive, in seconds.
pub const LEEWAY_SECONDS: u64 = 10;

/// Why a token is refused. `Display` is safe to show to the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the token is longer than {MAX_TOKEN_LENGTH} bytes")]
    TokenTooLong,
    #[error("the token's header is longer than {MAX_HEADER_LENGTH} bytes")]
    HeaderTooLong,
    #[error("the token is not three base64url parts separated by dots")]
    Malformed,
    #[error("the token's header is not a JSON object with unique members")]
    MalformedHeader,
    #[error("the token's header has a member that is not accepted")]
    UnexpectedHeader,
    #[error("the token's `typ` is not at+jwt")]
    WrongType,
    #[error("the token's `alg` is not accepted")]
    AlgorithmNotAllowed,
    #[error("the token names no key")]
    MissingKeyId,
    #[error("the token's key is not known")]
    UnknownKey,
    #[error("the token's `alg` does not belong to its key")]
    AlgorithmMismatch,
    #[error("the token's signature is not valid")]
    InvalidSignature,
    #[error("the token's claims are not a JSON object with unique members")]
    MalformedClaims,
    #[error(transparent)]
    MalformedClaim(#[from] MalformedClaim),
    #[error("the token was issued by another issuer")]
    WrongIssuer,
    #[error("the token is meant for another audience")]
    WrongAudience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token's times contradict each other")]
    ContradictoryTimes,
    #[error(transparent)]
    Revoked(#[from] Revoked),
    #[error("the token lacks a required scope")]
    InsufficientScope { required: ScopeSet },
    /// Neither good nor bad: the answer is "try again", never 401.
    #[error("something was said of the token's subject that this version does not understand")]
    Undecidable,
}

impl Refusal {
    /// RFC 6750 §3.1 error code.
    pub fn error_code(&self) -> &'static str {
        match self {
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::Undecidable => "temporarily_unavailable",
            _ => "invalid_token",
        }
    }
}

/// What the token must be good for.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// The instance's. A token may also carry [its own organization's](issuer::of_organization).
    pub issuer: &'a str,
    pub audience: &'a str,
    pub scopes: &'a ScopeSet,
}

/// The answer of [`verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::large_enum_variant, reason = "made once, and taken apart at once")
)]
pub enum Verdict {
    Accepted(Claims),
    Refused(Refusal),
}

/// A well-formed JWS that names a key of ours, and whose signature has not been checked; `T` is what it is once that has been
/// attested.
#[derive(Debug)]
pub struct Unverified<'a, T = Authentic> {
    key: &'a VerificationKey,
    signing_input: &'a str,
    pub(crate) payload: &'a str,
    signature: Vec<u8>,
    what: PhantomData<T>,
}

/// A token that one of our keys has signed. It may still be expired, revoked, or meant for someone else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentic {
    kid: String,
    claims: Claims,
}

/// Takes a token apart and finds its key. Nothing of the claims is looked at.
pub fn parse<'a>(token: &'a str, keys: &'a KeySet) -> Result<Unverified<'a>, Refusal> {
    if token.len() > MAX_TOKEN_LENGTH {
        return Err(Refusal::TokenTooLong);
    }
    Unverified::of(split(token)?, "at+jwt", keys)
}

/// A JWS in compact serialization (RFC 7515 §7.1), of which nothing is believed yet.
pub(crate) struct Compact<'a> {
    pub header: Vec<u8>,
    /// Still encoded.
    pub payload: &'a str,
    pub signing_input: &'a str,
    pub signature: Vec<u8>,
}

/// Takes a JWS apart, whose length the caller has bounded.
pub(crate) fn split(token: &str) -> Result<Compact<'_>, Refusal> {
    let (signing_input, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, payload) = signing_input.split_once('.').ok_or(Refusal::Malformed)?;
    if payload.contains('.') || header.is_empty() || payload.is_empty() || signature.is_empty() {
        return Err(Refusal::Malformed);
    }
    if header.len() > MAX_HEADER_LENGTH {
        return Err(Refusal::HeaderTooLong);
    }
    let header = decode_base64url(header).map_err(|_| Refusal::Malformed)?;
    let signature = decode_base64url(signature).map_err(|_| Refusal::Malformed)?;
    Ok(Compact { header, payload, signing_input, signature })
}

/// Reads a JOSE header of type `typ` and finds the key it names.
pub(crate) fn find_key<'k>(
    header: &[u8],
    typ: &str,
    keys: &'k KeySet,
) -> Result<&'k VerificationKey, Refusal> {
    let header = read_header(
        header,
        |claimed| claimed.is_some_and(|claimed| is_type(claimed, typ)),
        |alg| alg.parse().ok(),
    )?;
    let key = keys.find(&header.kid).ok_or(Refusal::UnknownKey)?;
    if key.algorithm() != header.algorithm {
        return Err(Refusal::AlgorithmMismatch);
    }
    Ok(key)
}

/// What a JOSE header says. It can only be compared with what we hold.
#[derive(Debug)]
pub(crate) struct Header {
    pub algorithm: Algorithm,
    pub kid: String,
}

/// Reads a JOSE header: an `alg` that `algorithm` knows, `kid` and a `typ` that `accepts`, and nothing else. A header may only
/// *name* a key we already hold, so `jwk`, `jku`, `x5c`, `x5u`, `crit`, `b64` and everything else are refused rather than ignored.
pub(crate) fn read_header(
    header: &[u8],
    accepts: impl FnOnce(Option<&str>) -> bool,
    algorithm: impl FnOnce(&str) -> Option<Algorithm>,
) -> Result<Header, Refusal> {
    read_header_with(header, &[], accepts, algorithm)
}

/// The same, for headers that may have some further members. Nobody reads these.
pub(crate) fn read_header_with(
    header: &[u8],
    ignored: &[&str],
    accepts: impl FnOnce(Option<&str>) -> bool,
    algorithm: impl FnOnce(&str) -> Option<Algorithm>,
) -> Result<Header, Refusal> {
    let (algorithm, kid) = read_header_without_kid(header, ignored, accepts, algorithm)?;
    Ok(Header { algorithm, kid: kid.ok_or(Refusal::MissingKeyId)? })
}

/// The same, for headers that may leave `kid` out. One that is there and names nothing is refused.
pub(crate) fn read_header_without_kid(
    header: &[u8],
    ignored: &[&str],
    accepts: impl FnOnce(Option<&str>) -> bool,
    algorithm: impl FnOnce(&str) -> Option<Algorithm>,
) -> Result<(Algorithm, Option<String>), Refusal> {
    let header = parse_json_object(header).map_err(|_| Refusal::MalformedHeader)?;
    let known = |name: &str| matches!(name, "alg" | "kid" | "typ") || ignored.contains(&name);
    if !header.keys().all(|name| known(name)) {
        return Err(Refusal::UnexpectedHeader);
    }
    let text = |name: &str| header.get(name).and_then(serde_json::Value::as_str);
    let algorithm = text("alg").and_then(algorithm).ok_or(Refusal::AlgorithmNotAllowed)?;
    if header.get("typ").is_some_and(|typ| !typ.is_string()) || !accepts(text("typ")) {
        return Err(Refusal::WrongType);
    }
    if !header.contains_key("kid") {
        return Ok((algorithm, None));
    }
    let kid = text("kid").filter(|kid| !kid.is_empty()).ok_or(Refusal::MissingKeyId)?;
    Ok((algorithm, Some(kid.to_owned())))
}

/// Checks a signature under `key`, which must be the one that the header names, and for its algorithm.
pub(crate) fn check_jws(
    header: &Header,
    signing_input: &str,
    signature: &[u8],
    key: &VerificationKey,
) -> Result<(), Refusal> {
    if key.kid() != header.kid {
        return Err(Refusal::UnknownKey);
    }
    if key.algorithm() != header.algorithm {
        return Err(Refusal::AlgorithmMismatch);
    }
    if key.verify(signing_input.as_bytes(), signature) { Ok(()) } else { Err(Refusal::InvalidSignature) }
}

/// RFC 7515 §4.1.9: types are compared without case, and "application/" may be left out or not.
pub(crate) fn is_type(claimed: &str, typ: &str) -> bool {
    let claimed = match claimed.get(..12) {
        Some(prefix) if prefix.eq_ignore_ascii_case("application/") => claimed.get(12..).unwrap_or_default(),
        _ => claimed,
    };
    claimed.eq_ignore_ascii_case(typ)
}

impl<'a, T> Unverified<'a, T> {
    /// One whose header is of type `typ` and names one of `keys`.
    pub(crate) fn of(jws: Compact<'a>, typ: &str, keys: &'a KeySet) -> Result<Self, Refusal> {
        let Compact { header, payload, signing_input, signature } = jws;
        let key = find_key(&header, typ, keys)?;
        Ok(Self { key, signing_input, payload, signature, what: PhantomData })
    }

    pub fn key(&self) -> &'a VerificationKey {
        self.key
    }

    /// The bytes the signature covers (RFC 7515 §5.1 step 5).
    pub fn signing_input(&self) -> &'a [u8] {
        self.signing_input.as_bytes()
    }

    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether the signature is valid, found out in pure Rust.
    pub(crate) fn is_signed(&self) -> bool {
        self.key.verify(self.signing_input(), &self.signature)
    }
}

impl Unverified<'_> {
    /// Checks the signature in pure Rust.
    pub fn check_signature(self) -> Result<Authentic, Refusal> {
        let valid = self.is_signed();
        self.attest(valid)
    }

    /// For hosts that check signatures themselves: `signature_is_valid` must be the answer of a check of exactly
    /// [`signature`](Self::signature) over [`signing_input`](Self::signing_input) under [`key`](Self::key).
    pub fn attest(self, signature_is_valid: bool) -> Result<Authentic, Refusal> {
        if !signature_is_valid {
            return Err(Refusal::InvalidSignature);
        }
        let payload = decode_base64url(self.payload).map_err(|_| Refusal::Malformed)?;
        let object = parse_json_object(&payload).map_err(|_| Refusal::MalformedClaims)?;
        Ok(Authentic { kid: self.key.kid().to_owned(), claims: Claims::from_object(&object)? })
    }
}

impl Authentic {
    /// For logs and caches; nothing here has been accepted yet.
    pub fn unjudged_claims(&self) -> &Claims {
        &self.claims
    }

    /// Everything that can change after the signature was checked: is the key still ours, is the token ours, in time, not
    /// revoked, and good for this. A remembered token is judged again each time. `now` is in Unix seconds.
    pub fn judge(
        &self,
        keys: &KeySet,
        exceptions: &Exceptions,
        now: u64,
        expected: &Expectation<'_>,
    ) -> Result<&Claims, Refusal> {
        let claims = &self.claims;
        if keys.find(&self.kid).is_none() {
            return Err(Refusal::UnknownKey);
        }
        if !issuer::may_issue(expected.issuer, &claims.iss, claims.organization_id) {
            return Err(Refusal::WrongIssuer);
        }
        if !claims.aud.iter().any(|audience| audience == expected.audience) {
            return Err(Refusal::WrongAudience);
        }
        if claims.exp <= claims.iat || claims.exp <= claims.nbf {
            return Err(Refusal::ContradictoryTimes);
        }
        if now >= claims.exp.saturating_add(LEEWAY_SECONDS) {
            return Err(Refusal::Expired);
        }
        let latest_start = now.saturating_add(LEEWAY_SECONDS);
        if claims.nbf > latest_start || claims.iat > latest_start {
            return Err(Refusal::NotYetValid);
        }
        // Before the exceptions: what is not understood may have replaced one of them.
        if exceptions.is_undecidable(feed::subjects_of(claims)) {
            return Err(Refusal::Undecidable);
        }
        exceptions.check(claims)?;
        if !expected.scopes.is_subset_of(&claims.scopes) {
            return Err(Refusal::InsufficientScope { required: expected.scopes.clone() });
        }
        Ok(claims)
    }
}

/// The whole verification with pure-Rust cryptography. `now` is in Unix seconds.
pub fn verify(
    token: &str,
    keys: &KeySet,
    exceptions: &Exceptions,
    now: u64,
    expected: &Expectation<'_>,
) -> Verdict {
    let judged = parse(token, keys)
        .and_then(Unverified::check_signature)
        .and_then(|authentic| authentic.judge(keys, exceptions, now, expected).cloned());
    match judged {
        Ok(claims) => Verdict::Accepted(claims),
        Err(refusal) => Verdict::Refused(refusal),
    }
}
