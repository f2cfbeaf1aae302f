//! Issuers outside of this deployment, and their keys: found by discovery (OpenID Connect Discovery 1.0 §4) and fetched through the door
//! for URLs that tenants name, in the slots of the organization that named them or in those of the schedule.
//!
//! The keys of issuers that are trusted for workloads are in the database, fetched when the first policy names the issuer and on
//! schedule after that. Whoever presents a token waits for no fetch.

mod keys;
mod refresh;
mod store;

use agentidp_shared::ids::OrganizationId;
use agentidp_shared::jwk::KeySet;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

pub use keys::{InvalidKeySet, kept};
pub use refresh::{RefreshIssuerKeys, Wanted, prepare, refresh_soon};
pub use store::known_keys;

use crate::infra::outbound::{Forbidden, Outbound, OutboundError, Payer, Slots};

/// Keys older than this are fetched again on schedule.
pub const FRESH: Duration = Duration::minutes(5);
/// Keys older than this are not used any more, however long the issuer is away.
pub const MAX_AGE: Duration = Duration::hours(1);
/// A partner is asked at most so often, whatever tokens name.
pub const MIN_INTERVAL: Duration = Duration::seconds(30);
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    #[error("{0}")]
    Outbound(#[from] OutboundError),
    #[error("the discovery document names another issuer, or no `jwks_uri`")]
    Discovery,
    #[error("the key set cannot be used: {0}")]
    Keys(#[from] InvalidKeySet),
}

/// In whose slots something is fetched.
#[derive(Debug, Clone, Copy)]
pub enum Turn {
    /// A caller waits for it, who is of this organization.
    Caller(Payer),
    /// It is due by a schedule; the server may be one that a single organization named.
    Scheduled(Option<OrganizationId>),
    /// A token caused it, and no caller waits.
    Background,
}

/// The way to issuers outside, with what this process has under way.
#[derive(Debug)]
pub struct OutsideIssuers {
    door: Outbound,
    slots: Slots,
    wanted: Wanted,
}

impl OutsideIssuers {
    pub fn new(door: Outbound) -> Self {
        Self { door, slots: Slots::default(), wanted: Wanted::default() }
    }

    /// The requests of the organization that are under way, and those that were begun in this minute.
    pub fn used(&self, organization: OrganizationId, now: OffsetDateTime) -> (i64, i64) {
        self.slots.used(organization, now)
    }

    /// Whether an issuer may be trusted at all: an https URL as the door takes it, without a query (OpenID Connect Discovery 1.0 §3),
    /// and without a slash at its end, which would make two spellings of one.
    pub fn check(&self, issuer: &str) -> Result<(), Forbidden> {
        if issuer.contains('?') || issuer.ends_with('/') {
            return Err(Forbidden::Spelling);
        }
        self.door.check(issuer).map(drop)
    }

    /// Whether a URL may be that of a key set.
    pub fn check_key_set(&self, jwks_uri: &str) -> Result<(), Forbidden> {
        self.door.check(jwks_uri).map(drop)
    }

    /// The keys at a URL, fetched now and kept by the caller alone.
    pub async fn key_set(
        &self,
        turn: Turn,
        jwks_uri: &str,
        now: OffsetDateTime,
    ) -> Result<KeySet, IssuerError> {
        let set = self.get(turn, jwks_uri, now).await?;
        Ok(keys::usable_keys(&set)?)
    }

    /// The keys of an issuer, found by discovery now.
    async fn issuer_keys(
        &self,
        turn: Turn,
        issuer: &str,
        now: OffsetDateTime,
    ) -> Result<KeySet, IssuerError> {
        let document = self.get(turn, &format!("{issuer}{DISCOVERY}"), now).await?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        // The issuer that was asked, byte for byte (§4.3): or one could answer in the name of another.
        let jwks_uri =
            text("jwks_uri").filter(|_| text("issuer") == Some(issuer)).ok_or(IssuerError::Discovery)?;
        self.key_set(turn, jwks_uri, now).await
    }

    async fn get(
        &self,
        turn: Turn,
        url: &str,
        now: OffsetDateTime,
    ) -> Result<Map<String, Value>, OutboundError> {
        let server = self.door.check(url)?.server();
        let request = self.door.get_json(url);
        match turn {
            Turn::Caller(payer) => self.slots.run(payer, &server, now, request).await,
            Turn::Scheduled(organization) => {
                self.slots.run_scheduled(organization, &server, now, request).await
            }
            Turn::Background => self.slots.run_background(request).await,
        }
    }
}
