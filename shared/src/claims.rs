//! The claims of our access tokens (RFC 9068 §2.2) and their strict reading.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::delegation::Chain;
use crate::ids::{AgentId, OrganizationId, TokenId};
use crate::scopes::ScopeSet;

/// Longest `iss` or `aud` we accept, in bytes.
pub const MAX_URI_LENGTH: usize = 2_048;
/// Most audiences in one token.
pub const MAX_AUDIENCES: usize = 8;

/// An access token's claims. Times are Unix seconds (`NumericDate` without a fraction, RFC 7519 §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claims {
    pub iss: String,
    pub sub: AgentId,
    #[serde(serialize_with = "serialize_audience")]
    pub aud: Vec<String>,
    pub client_id: AgentId,
    pub organization_id: OrganizationId,
    #[serde(serialize_with = "serialize_scope", rename = "scope")]
    pub scopes: ScopeSet,
    pub jti: TokenId,
    pub iat: u64,
    pub nbf: u64,
    pub exp: u64,
    /// When the client authenticated (RFC 9068 §2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u64>,
    /// Where its status can be looked up by verifiers that follow no feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusReference>,
    /// Where it comes from, if it was derived from another token (RFC 8693).
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<Chain>,
}

/// A place in a token status list (draft-ietf-oauth-status-list, "Referenced Token").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReference {
    pub idx: u64,
    /// `PATH` below the issuer, and the list's id.
    pub uri: String,
}

impl StatusReference {
    pub const PATH: &'static str = "/status-lists/";

    /// Of other mechanisms that the claim may name, we know none.
    fn from_claim(claim: &Value) -> Option<Self> {
        let reference = claim.as_object()?.get("status_list")?.as_object()?;
        let uri = reference.get("uri")?.as_str()?;
        let is_uri = (1..=MAX_URI_LENGTH).contains(&uri.len());
        is_uri.then_some(Self { idx: reference.get("idx")?.as_u64()?, uri: uri.to_owned() })
    }
}

/// As the claim `status`.
impl Serialize for StatusReference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::json!({ "status_list": { "idx": self.idx, "uri": self.uri } }).serialize(serializer)
    }
}

fn serialize_scope<S: serde::Serializer>(scopes: &ScopeSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(scopes)
}

/// One audience is a string, several are an array (RFC 7519 §4.1.3).
fn serialize_audience<S: serde::Serializer>(audience: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match audience {
        [one] => serializer.serialize_str(one),
        several => several.serialize(serializer),
    }
}

/// The claim that is missing or not of the JSON type its RFC gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("claim `{0}` is missing or malformed")]
pub struct MalformedClaim(pub &'static str);

impl Claims {
    /// Of the agent that holds the token: the token's own, unless it was passed on to another.
    pub fn holder_organization(&self) -> OrganizationId {
        self.delegation.as_ref().and_then(Chain::foreign_holder).unwrap_or(self.organization_id)
    }

    /// Reads claims whose signature has been checked. Every claim must be there with exactly its type; a number that is
    /// a string, or a time with a fraction, is malformed, never absent (compare CVE-2026-25537).
    pub fn from_object(object: &Map<String, Value>) -> Result<Self, MalformedClaim> {
        let text = |name: &'static str| {
            object
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .ok_or(MalformedClaim(name))
        };
        let seconds = |name: &'static str| {
            object.get(name).and_then(Value::as_u64).filter(|s| *s < 1 << 40).ok_or(MalformedClaim(name))
        };

        let aud = match object.get("aud") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(several)) if (1..=MAX_AUDIENCES).contains(&several.len()) => several
                .iter()
                .map(|audience| audience.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .ok_or(MalformedClaim("aud"))?,
            _ => return Err(MalformedClaim("aud")),
        };
        if aud.iter().any(|audience| audience.is_empty() || audience.len() > MAX_URI_LENGTH) {
            return Err(MalformedClaim("aud"));
        }
        let scope = object.get("scope").and_then(Value::as_str).ok_or(MalformedClaim("scope"))?;
        let auth_time = object.contains_key("auth_time").then(|| seconds("auth_time")).transpose()?;
        let status = match object.get("status") {
            None => None,
            Some(claim) => Some(StatusReference::from_claim(claim).ok_or(MalformedClaim("status"))?),
        };

        let sub = text("sub")?.parse().map_err(|_| MalformedClaim("sub"))?;
        let client_id = text("client_id")?.parse().map_err(|_| MalformedClaim("client_id"))?;
        let iat = seconds("iat")?;
        let organization_id =
            text("organization_id")?.parse().map_err(|_| MalformedClaim("organization_id"))?;

        Ok(Self {
            iss: text("iss")?.to_owned(),
            sub,
            aud,
            client_id,
            organization_id,
            scopes: ScopeSet::parse(scope).map_err(|_| MalformedClaim("scope"))?,
            jti: text("jti")?.parse().map_err(|_| MalformedClaim("jti"))?,
            iat,
            nbf: seconds("nbf")?,
            exp: seconds("exp")?,
            auth_time,
            status,
            delegation: Chain::from_object(object, sub, client_id, organization_id, iat)?,
        })
    }
}
