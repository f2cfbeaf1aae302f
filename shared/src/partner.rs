//! Partners: issuers of others whose tokens an organization accepts, as of those organizations that it names.
//!
//! A partner is pinned to its own keys: what they sign is good in its name alone, never in another partner's or in ours. The keys
//! travel in the feed, so that an edge asks nobody.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::claims::MalformedClaim;
use crate::ids::{OrganizationId, PartnerId};
use crate::issuer;
use crate::jwk::{JwkSet, KeySet, VerificationKey};
use crate::outside_token::{Authentic, Kind, Refusal, Unverified};
use crate::verify;

/// A partner as it is told of. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartnerRecord {
    pub partner_id: PartnerId,
    /// The keys that were last found where it publishes them.
    pub jwks: JwkSet,
    /// From then on they are not used: what the partner has taken back meanwhile must not count for ever, however long it is away.
    pub keys_expire_at: u64,
    /// What `organization_id` of its tokens may be: exact texts.
    pub allowed_organizations: Vec<String>,
    /// From then on nothing of it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

/// Why something is not accepted as a partner's token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Token(#[from] Refusal),
    #[error("no partner has this issuer")]
    Issuer,
    #[error("the partnership has expired")]
    Expired,
    #[error("the partner has no key with the token's `kid`")]
    Key,
    #[error("the token is meant for another audience")]
    Audience,
    #[error("the partner's organization is not one that is allowed")]
    Organization,
}

impl From<MalformedClaim> for Refused {
    fn from(claim: MalformedClaim) -> Self {
        Self::Token(claim.into())
    }
}

/// A partner whose tokens can be judged.
#[derive(Debug, Clone)]
pub struct Partner {
    issuer: String,
    keys: KeySet,
    record: PartnerRecord,
}

impl Partner {
    /// Keys that this version cannot read are as good as none: they are one partner's, and no reason to refuse what else is told.
    pub fn new(issuer: String, record: PartnerRecord) -> Self {
        let keys = KeySet::from_jwks(&record.jwks).unwrap_or_default();
        Self { issuer, keys, record }
    }

    pub fn record(&self) -> &PartnerRecord {
        &self.record
    }

    /// The key that a token of this partner names, if it is one for the token's algorithm. `now` is in Unix seconds.
    pub fn key(&self, unverified: &Unverified<'_>, now: u64) -> Result<&VerificationKey, Refused> {
        if unverified.issuer() != self.issuer {
            return Err(Refused::Issuer);
        }
        if self.record.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(Refused::Expired);
        }
        let keys = Some(&self.keys).filter(|_| now < self.record.keys_expire_at);
        let key = keys.and_then(|keys| keys.find(unverified.kid())).ok_or(Refused::Key)?;
        if key.algorithm() != unverified.algorithm() {
            return Err(Refusal::from(verify::Refusal::AlgorithmMismatch).into());
        }
        Ok(key)
    }

    /// What a token says that a [`key`](Self::key) of this partner has signed, if it is good at `now` (Unix seconds), of an
    /// organization that is allowed, and for `wanted`; without that, for an issuer of ours, the instance's or our `organization`'s.
    pub fn accept(
        &self,
        authentic: Authentic,
        now: u64,
        wanted: Option<&str>,
        instance: &str,
        organization: OrganizationId,
    ) -> Result<Accepted, Refused> {
        let (audience, claims) =
            (authentic.audience().to_owned(), authentic.judge(now, Kind::Partner)?.claims);
        let is_meant = match wanted {
            Some(wanted) => audience == wanted,
            None => issuer::may_issue(instance, &audience, organization),
        };
        if !is_meant {
            return Err(Refused::Audience);
        }
        let organization_id = text(&claims, "organization_id")?;
        if !self.record.allowed_organizations.contains(&organization_id) {
            return Err(Refused::Organization);
        }
        Ok(Accepted {
            partner_id: self.record.partner_id,
            issuer: self.issuer.clone(),
            subject: text(&claims, "sub")?,
            organization_id,
            scope: claims.contains_key("scope").then(|| text(&claims, "scope")).transpose()?,
            expires_at: claims.get("exp").and_then(Value::as_u64).ok_or(MalformedClaim("exp"))?,
        })
    }
}

fn text(claims: &Map<String, Value>, name: &'static str) -> Result<String, MalformedClaim> {
    let found = claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.map(str::to_owned).ok_or(MalformedClaim(name))
}

/// Of a partner's token that is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    pub partner_id: PartnerId,
    pub issuer: String,
    pub subject: String,
    /// The partner's organization that it is of.
    pub organization_id: String,
    /// What it says of itself. None of these scopes is one of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Unix seconds.
    pub expires_at: u64,
}

/// The answer to whoever asks whether a token is a partner's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    pub valid: bool,
    /// Why not, if it is not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub token: Option<Accepted>,
}

impl From<Result<Accepted, Refused>> for Verification {
    fn from(judged: Result<Accepted, Refused>) -> Self {
        match judged {
            Ok(token) => Self { valid: true, reason: None, token: Some(token) },
            Err(reason) => Self { valid: false, reason: Some(reason.to_string()), token: None },
        }
    }
}
