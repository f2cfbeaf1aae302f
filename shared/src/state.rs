//! Everything an edge node knows, and the rules by which a batch of the feed changes it.

use std::sync::Arc;

use crate::discovery::IssuerConfig;
use crate::exceptions::Exceptions;
use crate::feed::{Batch, Change, FeedError};
use crate::hashing::{SeededHasher, SeededMap};
use crate::ids::{InstanceId, OrganizationId};
use crate::jwk::{InvalidKey, JwkSet, KeySet};
use crate::partner::{Partner, PartnerRecord};
use crate::policy::EndpointTable;
use crate::rate_limit::{RateLimit, RateLimits};
use crate::tier::Tier;
use crate::verify::LEEWAY_SECONDS;
pub use arriving::Arriving;

mod arriving;

/// How far ahead of our clock a batch may be signed, in milliseconds.
pub const CLOCK_TOLERANCE_MS: u64 = 60_000;
/// How often expired exceptions are forgotten, in seconds.
const PRUNE_INTERVAL_SECONDS: u64 = 60;

/// How a set of keys is read: strictly if it comes from outside.
type ReadKeys = fn(&JwkSet) -> Result<KeySet, InvalidKey>;

/// Knowledge as of one sequence number. There is no empty state: it begins with a snapshot.
#[derive(Debug, Clone)]
pub struct State {
    instance: InstanceId,
    sequence: u64,
    issued_at_ms: u64,
    pruned_at: u64,
    hasher: SeededHasher,
    pub keys: KeySet,
    pub issuer: IssuerConfig,
    pub endpoints: EndpointTable,
    pub exceptions: Exceptions,
    pub limits: RateLimits,
    /// Of organizations whose tier is not the free one.
    tiers: SeededMap<OrganizationId, Tier>,
    /// By whose they are, and their issuer.
    partners: SeededMap<(OrganizationId, String), Arc<Partner>>,
}

impl State {
    /// Begins with a snapshot. `now_ms` is in Unix milliseconds; `hasher` is seeded by the host.
    pub fn from_snapshot(batch: Batch, now_ms: u64, hasher: SeededHasher) -> Result<Self, FeedError> {
        if !batch.is_snapshot() {
            return Err(FeedError::Gap { known: 0, from: batch.from });
        }
        check_times(batch.issued_at, batch.expires_at, now_ms)?;
        Self::begin(batch, hasher, KeySet::from_jwks)
    }

    /// Begins with a snapshot that this edge accepted while it was valid and has kept since, in storage only it writes to.
    ///
    /// The lifetime of a batch is there so that nobody *on the way* can hold one back and pass it off as news later. For what
    /// the edge itself kept it would only mean forgetting every revocation because the control plane was away for five
    /// minutes. The age still counts: [`age_ms`](Self::age_ms) goes on from `issued_at`, so a restored state is as stale as it
    /// is old. Never for bytes that come from outside.
    pub fn restore(batch: Batch, hasher: SeededHasher) -> Result<Self, FeedError> {
        Self::begin(batch, hasher, KeySet::from_accepted_jwks)
    }

    fn begin(batch: Batch, hasher: SeededHasher, read: ReadKeys) -> Result<Self, FeedError> {
        if !batch.is_snapshot() {
            return Err(FeedError::Gap { known: 0, from: batch.from });
        }
        let (mut keys, mut issuer, mut endpoints) = (None, None, EndpointTable::default());
        let (mut limits, mut tiers) = (RateLimits::default(), SeededMap::with_hasher(hasher));
        let mut partners = SeededMap::with_hasher(hasher);
        let mut exceptions = Exceptions::new(hasher);
        for change in batch.changes {
            exceptions.replace_unknown(&change);
            match change {
                Change::Keys { jwks } => keys = Some(read(&jwks).map_err(FeedError::Key)?),
                Change::Issuer { issuer: config } => issuer = Some(config),
                Change::Policy { endpoints: table } => endpoints = table,
                Change::RateLimits { limits: given } => limits = given,
                Change::Tier { organization_id, tier } => set_tier(&mut tiers, organization_id, tier),
                Change::Partner { organization_id, issuer, partner } => {
                    set_partner(&mut partners, organization_id, issuer, partner);
                }
                exception => record_exception(&mut exceptions, exception),
            }
        }
        Ok(Self {
            instance: batch.instance,
            sequence: batch.to,
            issued_at_ms: batch.issued_at,
            pruned_at: batch.issued_at / 1_000,
            hasher,
            keys: keys.filter(|keys| !keys.is_empty()).ok_or(FeedError::Incomplete)?,
            issuer: issuer.ok_or(FeedError::Incomplete)?,
            endpoints,
            exceptions,
            limits,
            tiers,
            partners,
        })
    }

    /// Takes one batch, wholly or not at all: never another instance, a lower sequence, a gap, an older signature time than
    /// already seen, or an expired batch.
    pub fn apply(&mut self, batch: Batch, now_ms: u64) -> Result<(), FeedError> {
        if batch.instance != self.instance {
            return Err(FeedError::OtherInstance);
        }
        check_times(batch.issued_at, batch.expires_at, self.trusted_now_ms(now_ms))?;
        self.go_on(batch, KeySet::from_jwks)
    }

    /// Takes a batch as [`apply`](Self::apply) does, whenever it was signed: for batches that this edge accepted while they were
    /// valid and has kept since, as with [`restore`](Self::restore). Never for bytes that come from outside.
    pub fn replay(&mut self, batch: Batch) -> Result<(), FeedError> {
        self.go_on(batch, KeySet::from_accepted_jwks)
    }

    fn go_on(&mut self, batch: Batch, read: ReadKeys) -> Result<(), FeedError> {
        self.may_become(batch.instance, batch.to, batch.issued_at)?;
        if batch.is_snapshot() {
            *self = Self::begin(batch, self.hasher, read)?;
            return Ok(());
        }
        if batch.from > self.sequence {
            return Err(FeedError::Gap { known: self.sequence, from: batch.from });
        }
        if batch.from < self.sequence {
            return Err(FeedError::LowerSequence { known: self.sequence, to: batch.from });
        }
        if usize::try_from(batch.to - batch.from).ok() != Some(batch.changes.len()) {
            return Err(FeedError::WrongCount);
        }
        // Keys are the only change that can be refused: check them before anything is touched.
        let mut keys = None;
        for change in &batch.changes {
            if let Change::Keys { jwks } = change {
                keys = Some(read(jwks).map_err(FeedError::Key)?);
            }
        }
        if keys.as_ref().is_some_and(KeySet::is_empty) {
            return Err(FeedError::Incomplete);
        }
        if let Some(keys) = keys {
            self.keys = keys;
        }
        for change in batch.changes {
            self.exceptions.replace_unknown(&change);
            match change {
                Change::Keys { .. } => {}
                Change::Issuer { issuer } => self.issuer = issuer,
                Change::Policy { endpoints } => self.endpoints = endpoints,
                Change::RateLimits { limits } => self.limits = limits,
                of_a_subject => self.recall(of_a_subject),
            }
        }
        self.sequence = batch.to;
        self.issued_at_ms = batch.issued_at;
        self.prune();
        Ok(())
    }

    /// Whether the state may move to this place of the feed: never to another instance, a lower sequence, or an older time of
    /// signing.
    pub fn may_become(
        &self,
        instance: InstanceId,
        sequence: u64,
        issued_at_ms: u64,
    ) -> Result<(), FeedError> {
        if instance != self.instance {
            return Err(FeedError::OtherInstance);
        }
        if sequence < self.sequence {
            return Err(FeedError::LowerSequence { known: self.sequence, to: sequence });
        }
        if issued_at_ms < self.issued_at_ms {
            return Err(FeedError::Replayed);
        }
        Ok(())
    }

    /// Forgets everything that concerns only some subjects: of a process that decides nothing and only follows the feed.
    pub fn forget_subjects(&mut self) {
        self.exceptions = Exceptions::new(self.hasher);
        self.tiers = SeededMap::with_hasher(self.hasher);
        self.partners = SeededMap::with_hasher(self.hasher);
    }

    /// Adds what concerns one subject and was accepted before and kept elsewhere; anything else changes nothing.
    pub fn recall(&mut self, change: Change) {
        self.exceptions.replace_unknown(&change);
        match change {
            Change::Tier { organization_id, tier } => set_tier(&mut self.tiers, organization_id, tier),
            Change::Partner { organization_id, issuer, partner } => {
                set_partner(&mut self.partners, organization_id, issuer, partner);
            }
            exception => record_exception(&mut self.exceptions, exception),
        }
    }

    /// The organization's partner with this issuer.
    pub fn partner(&self, organization: OrganizationId, issuer: &str) -> Option<Arc<Partner>> {
        self.partners.get(&(organization, issuer.to_owned())).cloned()
    }

    /// What all clients of an organization together may ask.
    pub fn limit_of(&self, organization: OrganizationId) -> Option<RateLimit> {
        self.limits.of_organization(self.tiers.get(&organization).copied().unwrap_or_default())
    }

    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When the newest accepted batch was signed, Unix milliseconds.
    pub fn issued_at_ms(&self) -> u64 {
        self.issued_at_ms
    }

    /// The host's clock, never allowed to run behind what the feed has already shown. Unix milliseconds.
    pub fn trusted_now_ms(&self, host_now_ms: u64) -> u64 {
        host_now_ms.max(self.issued_at_ms)
    }

    /// How old this knowledge is, in milliseconds.
    pub fn age_ms(&self, host_now_ms: u64) -> u64 {
        self.trusted_now_ms(host_now_ms) - self.issued_at_ms
    }

    /// By the issuer's clock, below which [`trusted_now_ms`](Self::trusted_now_ms) never falls: had a host clock that runs ahead
    /// a say, an exception forgotten too early would be missed when the clock is set right.
    fn prune(&mut self) {
        let now = self.issued_at_ms / 1_000;
        if now >= self.pruned_at + PRUNE_INTERVAL_SECONDS {
            self.exceptions.prune(now, 2 * LEEWAY_SECONDS);
            self.pruned_at = now;
        }
    }
}

fn check_times(issued_at: u64, expires_at: u64, now_ms: u64) -> Result<(), FeedError> {
    if expires_at <= now_ms {
        return Err(FeedError::Expired);
    }
    if issued_at > now_ms.saturating_add(CLOCK_TOLERANCE_MS) {
        return Err(FeedError::FromTheFuture);
    }
    Ok(())
}

fn record_exception(exceptions: &mut Exceptions, change: Change) {
    match change {
        Change::TokenRevoked { jti, expires_at } => exceptions.revoke_token(jti, expires_at),
        Change::TokensRevoked { jtis, expires_at } => exceptions.revoke_tokens(&jtis.0, expires_at),
        Change::Agent { agent_id, exception } => exceptions.set_agent(agent_id, exception),
        Change::AgentLimited { agent_id, exception, limit } => {
            exceptions.limit_agent(agent_id, exception, limit);
        }
        Change::Organization { organization_id, exception } => {
            exceptions.set_organization(organization_id, exception);
        }
        Change::Unknown(envelope) => exceptions.note_unknown(&envelope),
        Change::Keys { .. }
        | Change::Issuer { .. }
        | Change::Policy { .. }
        | Change::RateLimits { .. }
        | Change::Tier { .. }
        | Change::Partner { .. } => {}
    }
}

fn set_tier(tiers: &mut SeededMap<OrganizationId, Tier>, organization: OrganizationId, tier: Tier) {
    if tier == Tier::default() {
        tiers.remove(&organization);
    } else {
        tiers.insert(organization, tier);
    }
}

fn set_partner(
    partners: &mut SeededMap<(OrganizationId, String), Arc<Partner>>,
    organization: OrganizationId,
    issuer: String,
    record: Option<PartnerRecord>,
) {
    match record {
        None => partners.remove(&(organization, issuer)),
        Some(record) => {
            partners.insert((organization, issuer.clone()), Arc::new(Partner::new(issuer, record)))
        }
    };
}
