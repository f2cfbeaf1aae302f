//! An issuer that keeps its whole log, so that what a node should know at any sequence can be worked out afresh.

use std::collections::BTreeMap;

use agentidp_shared::compact::compact;
use agentidp_shared::discovery::IssuerConfig;
use agentidp_shared::exceptions::Exceptions;
use agentidp_shared::feed::{self, BATCH_LIFETIME_MS, Batch, Change, Page};
use agentidp_shared::freshness::FreshnessLimits;
use agentidp_shared::ids::InstanceId;
use agentidp_shared::jwk::{Algorithm, JwkSet, KeySet};
use agentidp_shared::partner::PartnerRecord;
use agentidp_shared::rate_limit::RateLimits;
use agentidp_shared::tier::Tier;
use agentidp_shared::verify::LEEWAY_SECONDS;
use uuid::Uuid;

use crate::support::*;

pub const KID: &str = "feed-1";
pub const NOW_MS: u64 = NOW * 1_000;

pub fn feed_signer() -> Signer {
    Signer::eddsa(50)
}

pub fn pinned() -> KeySet {
    key_set([feed_signer().jwk(KID)])
}

pub fn sealed(batch: &Batch) -> String {
    let input = feed::signing_input(batch, KID).unwrap();
    feed::seal(&input, &feed_signer().sign(input.as_bytes()))
}

pub fn instance(number: u128) -> InstanceId {
    Uuid::from_u128(number).into()
}

/// Token keys number `number`; each set differs from the others.
pub fn keys(number: u8) -> Change {
    Change::Keys { jwks: JwkSet { keys: vec![Signer::eddsa(number).jwk(&format!("key-{number}"))] } }
}

pub fn issuer(ttl: u64) -> Change {
    Change::Issuer {
        issuer: IssuerConfig {
            issuer: ISSUER.into(),
            scopes_supported: vec![],
            signing_algorithms: vec![Algorithm::EdDSA],
            token_ttl_seconds: ttl,
            document_keys: JwkSet::default(),
            freshness: FreshnessLimits::default(),
        },
    }
}

/// The issuer's side: every change ever, in order. Change number `n` (from 1) is `log[n - 1]`.
#[derive(Debug, Clone)]
pub struct Log {
    pub instance: InstanceId,
    pub changes: Vec<Change>,
}

impl Log {
    pub fn new() -> Self {
        let limit = |text: &str| Some(text.parse().unwrap());
        let limits = RateLimits { free: limit("1/1"), pro: limit("2/1"), ..RateLimits::default() };
        let limits = Change::RateLimits { limits };
        Self { instance: instance(1), changes: vec![keys(1), issuer(3_600), limits] }
    }

    pub fn head(&self) -> u64 {
        u64::try_from(self.changes.len()).unwrap()
    }

    fn batch(&self, from: u64, issued_at: u64, changes: Vec<Change>) -> Batch {
        let expires_at = issued_at + BATCH_LIFETIME_MS;
        Batch { instance: self.instance, from, to: self.head(), issued_at, expires_at, changes }
    }

    /// Everything after `from`, as the control plane would answer at `issued_at`.
    pub fn changes_after(&self, from: u64, issued_at: u64) -> Batch {
        let changes = self.changes.iter().skip(usize::try_from(from).unwrap()).cloned().collect();
        self.batch(from, issued_at, changes)
    }

    /// The last change about each thing, without those that can no longer matter.
    pub fn snapshot(&self, issued_at: u64) -> Batch {
        let changes = last_of_each(&self.changes)
            .filter(|change| {
                change.expires_at().is_none_or(|at| at + 2 * LEEWAY_SECONDS >= issued_at / 1_000)
            })
            .cloned()
            .collect();
        self.batch(0, issued_at, changes)
    }

    /// The page after `after` of the snapshot that began at `begun`, or the first page of one that begins now; with up to `most`
    /// changes that do not concern all.
    pub fn page(&self, begun: Option<u64>, after: Option<&str>, most: usize, issued_at: u64) -> Page {
        let matters = self.snapshot(issued_at).changes;
        let (common, mut rest): (Vec<Change>, Vec<Change>) = matters
            .into_iter()
            .partition(|change| !matches!(change, Change::Unknown(_)) && change.concerns_all());
        rest.retain(|change| after.is_none_or(|after| *change.key() > *after));
        rest.sort_by_key(Change::key);
        let is_last = rest.len() <= most;
        rest.truncate(most);
        let until = rest.last().map(Change::key).filter(|_| !is_last);
        let changes = if after.is_none() { common.into_iter().chain(rest).collect() } else { rest };
        Page {
            instance: self.instance,
            begun: begun.unwrap_or(self.head()),
            to: self.head(),
            issued_at,
            expires_at: issued_at + BATCH_LIFETIME_MS,
            after: after.map(str::to_owned),
            until,
            changes: compact(changes),
        }
    }

    /// What is known at `sequence`, worked out from the beginning, with nothing ever forgotten.
    pub fn reference(&self, sequence: u64) -> Reference {
        let mut reference = Reference {
            keys: JwkSet::default(),
            token_ttl_seconds: 0,
            exceptions: Exceptions::new(hasher()),
            limits: RateLimits::default(),
            tiers: BTreeMap::new(),
            partners: BTreeMap::new(),
        };
        for change in last_of_each(&self.changes[..usize::try_from(sequence).unwrap()]) {
            match change.clone() {
                Change::Keys { jwks } => reference.keys = jwks,
                Change::Issuer { issuer } => reference.token_ttl_seconds = issuer.token_ttl_seconds,
                Change::Policy { .. } => {}
                Change::RateLimits { limits } => reference.limits = limits,
                Change::Tier { organization_id, tier } => {
                    reference.tiers.insert(organization_id.as_uuid(), tier);
                }
                Change::Partner { organization_id, issuer, partner } => {
                    let partner = partner.map(|partner| ((organization_id.as_uuid(), issuer), partner));
                    reference.partners.extend(partner);
                }
                Change::TokenRevoked { jti, expires_at } => {
                    reference.exceptions.revoke_token(jti, expires_at);
                }
                Change::TokensRevoked { jtis, expires_at } => {
                    reference.exceptions.revoke_tokens(&jtis.0, expires_at);
                }
                Change::Agent { agent_id, exception } => {
                    reference.exceptions.set_agent(agent_id, exception);
                }
                Change::AgentLimited { agent_id, exception, limit } => {
                    reference.exceptions.limit_agent(agent_id, exception, limit);
                }
                Change::Unknown(envelope) => reference.exceptions.note_unknown(&envelope),
                Change::Organization { organization_id, exception } => {
                    reference.exceptions.set_organization(organization_id, exception);
                }
            }
        }
        reference
    }
}

#[derive(Debug)]
pub struct Reference {
    pub keys: JwkSet,
    pub token_ttl_seconds: u64,
    pub exceptions: Exceptions,
    pub limits: RateLimits,
    pub tiers: BTreeMap<Uuid, Tier>,
    pub partners: BTreeMap<(Uuid, String), PartnerRecord>,
}

fn last_of_each(changes: &[Change]) -> impl Iterator<Item = &Change> {
    changes.iter().enumerate().filter_map(|(position, change)| {
        let later = &changes[position + 1..];
        later.iter().all(|other| other.key() != change.key()).then_some(change)
    })
}
