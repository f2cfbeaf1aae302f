//! Issuers outside of this deployment, and their keys: found by discovery (OpenID Connect Discovery 1.0 §4), fetched through the door
//! for URLs that tenants name, and kept in memory. Nothing is fetched for an issuer that no organization trusts: that is for the
//! caller to have looked up.

mod keys;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use agentidp_shared::jwk::{KeySet, VerificationKey};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

pub use keys::InvalidKeySet;

use crate::infra::outbound::{Forbidden, Outbound, OutboundError};

/// Keys older than this are fetched again when they are next needed.
pub const FRESH: Duration = Duration::minutes(5);
/// Keys older than this are not used any more, however long the issuer is away.
pub const MAX_AGE: Duration = Duration::hours(1);
/// An issuer is asked at most so often, whatever tokens name.
pub const MIN_INTERVAL: Duration = Duration::seconds(30);
/// Issuers remembered; beyond these the one fetched the longest ago is forgotten.
const MAX_ISSUERS: usize = 1_000;
const DISCOVERY: &str = "/.well-known/openid-configuration";

#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    #[error("{0}")]
    Outbound(#[from] OutboundError),
    #[error("the discovery document names another issuer, or no `jwks_uri`")]
    Discovery,
    #[error("the key set cannot be used: {0}")]
    Keys(#[from] InvalidKeySet),
}

/// What is known of one issuer.
#[derive(Debug, Default)]
struct Known {
    keys: Option<(KeySet, OffsetDateTime)>,
    asked_at: Option<OffsetDateTime>,
}

/// What this process knows of issuers.
#[derive(Debug)]
pub struct OutsideIssuers {
    door: Outbound,
    /// Each behind a lock of its own: of many that need an issuer's keys, one asks.
    known: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>,
}

impl OutsideIssuers {
    pub fn new(door: Outbound) -> Self {
        Self { door, known: Mutex::default() }
    }

    /// Whether an issuer may be trusted at all: an https URL as the door takes it, without a query (OpenID Connect Discovery 1.0 §3),
    /// and without a slash at its end, which would make two spellings of one.
    pub fn check(&self, issuer: &str) -> Result<(), Forbidden> {
        if issuer.contains('?') || issuer.ends_with('/') {
            return Err(Forbidden::Spelling);
        }
        self.door.check(issuer).map(drop)
    }

    /// The issuer's key of this `kid`; `None` if it has none, or its keys cannot be had.
    pub async fn key(&self, issuer: &str, kid: &str, now: OffsetDateTime) -> Option<VerificationKey> {
        let known = self.entry(issuer);
        let mut known = known.lock().await;
        let found = |known: &Known| {
            let (keys, fetched_at) = known.keys.as_ref()?;
            if now - *fetched_at > MAX_AGE { None } else { keys.find(kid).cloned() }
        };
        let is_fresh = known.keys.as_ref().is_some_and(|(_, fetched_at)| now - *fetched_at <= FRESH);
        let may_ask = known.asked_at.is_none_or(|asked_at| now - asked_at >= MIN_INTERVAL);
        let key = found(&known);
        if may_ask && (key.is_none() || !is_fresh) {
            known.asked_at = Some(now);
            match self.fetch(issuer).await {
                Ok(keys) => known.keys = Some((keys, now)),
                Err(error) => {
                    metrics::counter!("agentidp_outside_issuer_failures_total").increment(1);
                    tracing::warn!(issuer, %error, "the keys of an issuer outside could not be had");
                }
            }
            return found(&known);
        }
        key
    }

    fn entry(&self, issuer: &str) -> Arc<tokio::sync::Mutex<Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.get(issuer) {
            return entry.clone();
        }
        if known.len() >= MAX_ISSUERS {
            let asked_at =
                |entry: &tokio::sync::Mutex<Known>| entry.try_lock().map(|known| known.asked_at).ok();
            let oldest =
                known.iter().filter_map(|(issuer, entry)| Some((asked_at(entry)?, issuer.clone()))).min();
            if let Some((_, issuer)) = oldest {
                known.remove(&issuer);
            }
        }
        known.entry(issuer.to_owned()).or_default().clone()
    }

    /// Whether a URL may be that of a key set.
    pub fn check_key_set(&self, jwks_uri: &str) -> Result<(), Forbidden> {
        self.door.check(jwks_uri).map(drop)
    }

    /// The keys at a URL, fetched now and kept by the caller alone.
    pub async fn key_set(&self, jwks_uri: &str) -> Result<KeySet, IssuerError> {
        let set = self.door.get_json(jwks_uri).await?;
        Ok(keys::usable_keys(&set)?)
    }

    async fn fetch(&self, issuer: &str) -> Result<KeySet, IssuerError> {
        let document = self.door.get_json(&format!("{issuer}{DISCOVERY}")).await?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        // The issuer that was asked, byte for byte (§4.3): or one could answer in the name of another.
        let jwks_uri =
            text("jwks_uri").filter(|_| text("issuer") == Some(issuer)).ok_or(IssuerError::Discovery)?;
        self.key_set(jwks_uri).await
    }
}
