//! A snapshot on its way into the store: gathered page by page, and compactly, since each shard is written once.

use std::collections::BTreeMap;

use agentidp_shared::feed::{Change, Page, key_of_token};
use agentidp_shared::ids::{InstanceId, TokenId};
use agentidp_shared::state::Arriving;

use super::super::{Knowledge, Unacceptable};
use super::accept::{is_alive, last_of_each};
use super::head::Head;
use super::shards::{Exceptions, MOST, Shards, number_of};
use super::unread::Unread;

/// A snapshot of which some pages are there, or all.
#[derive(Debug)]
pub struct Gathered {
    instance: InstanceId,
    sequence: u64,
    issued_at: u64,
    /// By the rules that every edge has, without exceptions: none of the rules is about them.
    arriving: Arriving,
    common: Vec<Change>,
    unread: Unread,
    /// By place, were there as many shards as there can be.
    places: Vec<Place>,
}

#[derive(Debug, Clone, Default)]
struct Place {
    /// Each with its expiry in Unix seconds; a time that does not fit is as good as never.
    tokens: Vec<(TokenId, u32)>,
    others: Vec<Change>,
}

impl Gathered {
    /// Whether the last page is there.
    pub fn is_whole(&self) -> bool {
        self.arriving.is_whole()
    }

    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// How many exceptions there are.
    pub fn count(&self) -> usize {
        self.places.iter().map(|place| place.tokens.len() + place.others.len()).sum()
    }

    fn add(&mut self, change: Change) {
        let Some(change) = self.unread.pass(change) else { return };
        match change {
            Change::TokenRevoked { jti, expires_at } => self.add_token(jti, expires_at),
            Change::TokensRevoked { jtis, expires_at } => {
                for jti in jtis.0 {
                    self.add_token(jti, expires_at);
                }
            }
            Change::Policy { .. } => {}
            common if common.concerns_all() => self.common.push(common),
            other => {
                if let Some(place) = self.places.get_mut(number_of(&other.key()) % MOST) {
                    place.others.push(other);
                }
            }
        }
    }

    fn add_token(&mut self, jti: TokenId, expires_at: u64) {
        let Some(place) = self.places.get_mut(number_of(&key_of_token(jti)) % MOST) else { return };
        let tokens = &mut place.tokens;
        if tokens.len() == tokens.capacity() {
            // Never twice in memory, as with doubling.
            tokens.reserve_exact((tokens.len() / 8).max(4));
        }
        tokens.push((jti, u32::try_from(expires_at).unwrap_or(u32::MAX)));
    }

    /// What belongs into the shard at `place` of so many, a power of two.
    pub fn shard(&self, place: usize, shards: usize) -> Exceptions {
        let mut shard = BTreeMap::new();
        for held in self.places.iter().skip(place).step_by(shards) {
            let tokens = held.tokens.iter().map(|(jti, expires_at)| Change::TokenRevoked {
                jti: *jti,
                expires_at: (*expires_at).into(),
            });
            let alive = tokens
                .chain(held.others.iter().cloned())
                .filter(|change| is_alive(change, self.issued_at / 1_000));
            shard.extend(alive.map(|change| (change.key(), change)));
        }
        shard
    }

    /// The head, with these shards.
    pub fn head(&self, version: u8, shards: Shards, discarded: Vec<(String, u64)>) -> Head {
        Head {
            instance: self.instance,
            sequence: self.sequence,
            issued_at: self.issued_at,
            version,
            common: last_of_each(self.common.iter().cloned()),
            unknown: self.unread.clone().alive(self.issued_at / 1_000),
            shards,
            discarded,
            bytes: None,
        }
    }
}

impl Knowledge {
    /// Adds a page from outside to those that were gathered before it. The first page begins anew.
    pub(super) fn gather_beside(
        &self,
        mut page: Page,
        now_ms: u64,
        before: Option<Gathered>,
    ) -> Result<Gathered, Unacceptable> {
        let changes = std::mem::take(&mut page.changes);
        page.changes = changes.iter().filter(|change| change.concerns_all()).cloned().collect();
        let mut gathered = match before {
            Some(mut before) if page.after.is_some() => {
                before.arriving.take(page, now_ms)?;
                before
            }
            _ => self.begin_to_gather(page, now_ms)?,
        };
        for change in changes {
            gathered.add(change);
        }
        Ok(gathered)
    }

    fn begin_to_gather(&self, first: Page, now_ms: u64) -> Result<Gathered, Unacceptable> {
        let Page { instance, begun, issued_at, .. } = first;
        let now_ms = self.with(|state| state.trusted_now_ms(now_ms)).unwrap_or(now_ms);
        self.with(|state| state.may_become(instance, begun, issued_at)).unwrap_or(Ok(()))?;
        let is_of_other =
            |change: &Change| matches!(change, Change::Issuer { issuer } if issuer.issuer != self.issuer);
        if first.changes.iter().any(is_of_other) {
            self.forget();
            return Err(Unacceptable::OtherIssuer);
        }
        Ok(Gathered {
            instance,
            sequence: begun,
            issued_at,
            arriving: Arriving::begin(first, now_ms, self.hasher)?,
            common: Vec::new(),
            unread: Unread::default(),
            places: vec![Place::default(); MOST],
        })
    }

    /// Whether what was gathered may take the place of the state, which may have moved on meanwhile.
    pub(super) fn may_become(&self, gathered: &Gathered) -> Result<(), Unacceptable> {
        let Gathered { instance, sequence, issued_at, .. } = *gathered;
        Ok(self.with(|state| state.may_become(instance, sequence, issued_at)).unwrap_or(Ok(()))?)
    }
}
