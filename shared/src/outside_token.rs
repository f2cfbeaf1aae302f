//! Tokens that issuers outside of this deployment sign: of workloads (GitHub Actions, GitLab, Kubernetes, SPIFFE JWT-SVID) and of
//! partners (RFC 7519, RFC 7523 §3, OpenID Connect Core §2).
//!
//! The steps are types, as in [`crate::client_assertion`]: [`parse`] gives an [`Unverified`] token, which only says whom it claims
//! to be from and for; only a check of its signature under a key of that issuer makes it [`Authentic`]; only [`Authentic::judge`]
//! lets its claims out. What the claims must say, and that a token was not used before, is for the caller to see to.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::claims::{MAX_URI_LENGTH, MalformedClaim};
use crate::client_assertion::{algorithm, seconds, sole_audience, text};
use crate::jwk::{Algorithm, VerificationKey};
use crate::strict::{decode_base64url, parse_json_object};
use crate::verify::{self, Compact, Header, LEEWAY_SECONDS, is_type, read_header_with, split};

/// What a token is for, and so what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Proves a workload, to be exchanged for a token of ours.
    Workload,
    /// A partner's access token, or another JWT of its.
    Partner,
}

impl Kind {
    /// The values of `typ`; it may be absent.
    fn types(self) -> &'static [&'static str] {
        match self {
            Self::Workload => &["JWT", "JOSE"],
            Self::Partner => &["at+jwt", "JWT"],
        }
    }

    /// Longest life that a token may have left, in seconds: twice the hour that most have of a workload's, and of a partner's what
    /// we give our own.
    pub fn max_life_seconds(self) -> u64 {
        match self {
            Self::Workload => 7_200,
            Self::Partner => 86_400,
        }
    }
}

/// Longest `jti`, in bytes.
pub const MAX_JTI_LENGTH: usize = 512;
/// Members of a header that name a key's certificate by its digest. They are read by nobody: a key is found by its `kid`.
const IGNORED_HEADER: [&str; 2] = ["x5t", "x5t#S256"];

/// Why a token is refused. For logs: the caller is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Jws(#[from] verify::Refusal),
    #[error(transparent)]
    MalformedClaim(#[from] MalformedClaim),
    #[error("the token is for several audiences")]
    SeveralAudiences,
    #[error("the token has expired")]
    Expired,
    #[error("`exp` is too far ahead")]
    TooLongLived,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token's times contradict each other")]
    ContradictoryTimes,
}

/// A well-formed token whose signature has not been checked.
#[derive(Debug)]
pub struct Unverified<'a> {
    header: Header,
    signing_input: &'a str,
    signature: Vec<u8>,
    claims: Map<String, Value>,
    issuer: String,
    audience: String,
}

/// A token that a key of its issuer has signed. It may still be expired.
#[derive(Debug)]
pub struct Authentic {
    claims: Map<String, Value>,
    issuer: String,
    audience: String,
    signed: [u8; 32],
}

/// A token that is good now, if it was not used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub claims: Map<String, Value>,
    /// Whether it has a `jti`.
    pub has_jti: bool,
    /// What is the same for a token that is used again, and for no two tokens otherwise: SHA-256 over the issuer and the `jti`, or
    /// over what was signed where an issuer gives none.
    pub used_by: [u8; 32],
    /// Unix seconds from which on the token is refused: so long it must be remembered.
    pub refused_from: u64,
}

/// Takes a token apart. The claims are read before the signature is checked, because they say whose key that must be.
pub fn parse(token: &str, kind: Kind) -> Result<Unverified<'_>, Refusal> {
    if token.len() > verify::MAX_TOKEN_LENGTH {
        return Err(verify::Refusal::TokenTooLong.into());
    }
    let Compact { header, payload, signing_input, signature } = split(token)?;
    let is_jwt =
        |typ: Option<&str>| typ.is_none_or(|typ| kind.types().iter().any(|known| is_type(typ, known)));
    let header = read_header_with(&header, &IGNORED_HEADER, is_jwt, algorithm)?;
    let payload = decode_base64url(payload).map_err(|_| verify::Refusal::Malformed)?;
    let claims = parse_json_object(&payload).map_err(|_| verify::Refusal::MalformedClaims)?;
    let issuer = text(&claims, "iss")?.to_owned();
    let audience = sole_audience(&claims, Refusal::SeveralAudiences)?.to_owned();
    if issuer.len() > MAX_URI_LENGTH {
        return Err(MalformedClaim("iss").into());
    }
    if audience.is_empty() || audience.len() > MAX_URI_LENGTH {
        return Err(MalformedClaim("aud").into());
    }
    Ok(Unverified { header, signing_input, signature, claims, issuer, audience })
}

impl Unverified<'_> {
    /// Whom the token claims to be from.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whom the token claims to be for.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    pub fn kid(&self) -> &str {
        &self.header.kid
    }

    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The bytes the signature covers (RFC 7515 §5.1 step 5).
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Checks the signature under `key`, which must be one of [`issuer`](Self::issuer)'s with this [`kid`](Self::kid).
    pub fn check_signature(self, key: &VerificationKey) -> Result<Authentic, Refusal> {
        verify::check_jws(&self.header, self.signing_input, &self.signature, key)?;
        self.attest(true)
    }

    /// For hosts that check signatures themselves: `signature_is_valid` must be the answer of a check of exactly
    /// [`signature`](Self::signature) over [`signing_input`](Self::signing_input) under a key of [`issuer`](Self::issuer)'s with
    /// this [`kid`](Self::kid) and for this [`algorithm`](Self::algorithm).
    pub fn attest(self, signature_is_valid: bool) -> Result<Authentic, Refusal> {
        if !signature_is_valid {
            return Err(verify::Refusal::InvalidSignature.into());
        }
        let signed = Sha256::digest(self.signing_input.as_bytes()).into();
        Ok(Authentic { claims: self.claims, issuer: self.issuer, audience: self.audience, signed })
    }
}

impl Authentic {
    /// The claims, for a log: the token may be expired.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Whom the token is for.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Whether the token is good at `now` (Unix seconds). It must say when it was issued.
    pub fn judge(self, now: u64, kind: Kind) -> Result<Accepted, Refusal> {
        let claims = &self.claims;
        let exp = seconds(claims, "exp")?.ok_or(MalformedClaim("exp"))?;
        let iat = seconds(claims, "iat")?.ok_or(MalformedClaim("iat"))?;
        let nbf = seconds(claims, "nbf")?;
        if iat >= exp || nbf.is_some_and(|nbf| nbf >= exp) {
            return Err(Refusal::ContradictoryTimes);
        }
        let refused_from = exp.saturating_add(LEEWAY_SECONDS);
        if now >= refused_from {
            return Err(Refusal::Expired);
        }
        let latest_start = now.saturating_add(LEEWAY_SECONDS);
        if exp > latest_start.saturating_add(kind.max_life_seconds()) {
            return Err(Refusal::TooLongLived);
        }
        if iat > latest_start || nbf.is_some_and(|nbf| nbf > latest_start) {
            return Err(Refusal::NotYetValid);
        }
        let has_jti = claims.contains_key("jti");
        let used_by = if has_jti {
            let jti = text(claims, "jti")?;
            if jti.len() > MAX_JTI_LENGTH {
                return Err(MalformedClaim("jti").into());
            }
            let issuer = self.issuer.as_bytes();
            let length = u64::try_from(issuer.len()).unwrap_or(u64::MAX).to_be_bytes();
            Sha256::new().chain_update(length).chain_update(issuer).chain_update(jti).finalize().into()
        } else {
            self.signed
        };
        Ok(Accepted { claims: self.claims, has_jti, used_by, refused_from })
    }
}
