//! Putting a batch into the store.

use std::collections::{BTreeMap, BTreeSet};

use agentidp_shared::compact::expand;
use agentidp_shared::feed::{Batch, Change};
use agentidp_shared::verify::LEEWAY_SECONDS;

use super::head::Head;
use super::shards::{self, Exceptions, Shards};
use super::{HEAD_KEY, read};
use crate::feed_client::PullError;
use crate::host::{Store as _, StoreError, StoreHost};
use crate::node::Node;

const SHARD_PREFIX: &str = "shard/";
/// How long a shard that is no longer in use stays: longer than any request reads.
const DISCARDED_FOR_MS: u64 = 60_000;
/// How often to begin again because somebody else was faster.
const MAX_TRIES: usize = 8;
/// Values written at once.
const WRITTEN_AT_ONCE: usize = 64;

/// Takes a batch from outside, wholly or not at all.
pub async fn accept<H: StoreHost>(node: &Node, host: &H, batch: Batch) -> Result<(), PullError> {
    for _ in 0..MAX_TRIES {
        let before = node.knowledge.head.borrow().clone();
        // By the rules every edge has, on a state without exceptions: none of the rules is about them.
        node.knowledge.apply(batch.clone(), host.now_ms())?;
        let mut writing = Writing { host, written: Vec::new() };
        let after = writing.follow(before.as_ref(), &batch).await;
        let swapped = match after {
            Ok(after) => writing.commit(before, after).await,
            Err(error) => Err(error),
        };
        match swapped {
            Ok(Some(head)) => {
                let was_snapshot = batch.is_snapshot();
                node.knowledge.take_head(Some(head))?;
                if was_snapshot {
                    writing.sweep(node).await?;
                }
                return Ok(());
            }
            Ok(None) => {
                writing.undo().await?;
                read(node, host).await?;
            }
            Err(error) => {
                // What this instance believes now is not what the store holds.
                read(node, host).await?;
                return Err(error.into());
            }
        }
    }
    Err(StoreError("too many instances bring news at once".to_owned()).into())
}

struct Writing<'a, H> {
    host: &'a H,
    /// Shards written so far.
    written: Vec<String>,
}

impl<H: StoreHost> Writing<'_, H> {
    /// The head that follows by `batch`, its shards written.
    async fn follow(&mut self, before: Option<&Head>, batch: &Batch) -> Result<Head, StoreError> {
        let (common, exceptions): (Vec<Change>, Vec<Change>) =
            expand(batch.changes.clone()).partition(Change::concerns_all);
        let now_ms = self.host.now_ms();
        let (mut shards, mut discarded) = match before {
            Some(head) if !batch.is_snapshot() => (head.shards.clone(), head.discarded.clone()),
            Some(head) => {
                let gone = head.shards.names().map(|name| (name.to_owned(), now_ms));
                let discarded = head.discarded.iter().cloned().chain(gone).collect();
                (Shards::for_exceptions(exceptions.len()), discarded)
            }
            None => (Shards::for_exceptions(exceptions.len()), Vec::new()),
        };
        let known_common = before.filter(|_| !batch.is_snapshot()).map(|head| head.common.as_slice());
        let common = last_of_each(known_common.unwrap_or_default().iter().cloned().chain(common));

        let mut news: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
        for change in exceptions {
            news.entry(shards.place_of(&change.key())).or_default().push(change);
        }
        let held = self.held(&shards, news.keys().copied()).await?;
        let mut entries = Vec::new();
        for ((place, changes), mut shard) in news.into_iter().zip(held) {
            shard.extend(changes.into_iter().map(|change| (change.key(), change)));
            let alive = |at: u64| at.saturating_add(2 * LEEWAY_SECONDS) >= batch.issued_at / 1_000;
            shard.retain(|_, change| change.expires_at().is_none_or(alive));
            let name = if shard.is_empty() { None } else { Some(self.new_name(batch, place)) };
            if let Some(name) = &name {
                let bytes = shards::write(&shard)
                    .ok_or_else(|| StoreError("a shard cannot be written".to_owned()))?;
                self.written.push(name.clone());
                entries.push((name.clone(), bytes));
            }
            discarded.extend(shards.replace(place, name).map(|name| (name, now_ms)));
        }
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(WRITTEN_AT_ONCE));
            self.host.store().set(std::mem::replace(&mut entries, rest)).await?;
        }
        let (instance, sequence, issued_at) = (batch.instance, batch.to, batch.issued_at);
        let common = common.into_iter().filter(|change| !matches!(change, Change::Policy { .. })).collect();
        Ok(Head { instance, sequence, issued_at, common, shards, discarded, bytes: None })
    }

    /// What the shards in these places hold now.
    async fn held(
        &self,
        shards: &Shards,
        places: impl Iterator<Item = usize>,
    ) -> Result<Vec<Exceptions>, StoreError> {
        let names: Vec<Option<&str>> = places.map(|place| shards.name(place)).collect();
        let keys = names.iter().flatten().map(|name| (*name).to_owned()).collect();
        let mut values = self.host.store().get(keys).await?.into_iter();
        let mut held = Vec::with_capacity(names.len());
        for name in names {
            let Some(_) = name else {
                held.push(Exceptions::new());
                continue;
            };
            let Some(shard) = values.next().flatten().as_deref().and_then(shards::parse) else {
                // Without it nothing more can be added: the next news must be everything.
                self.host.store().delete(vec![HEAD_KEY.to_owned()]).await?;
                return Err(StoreError("part of what this edge knew is lost; beginning anew".to_owned()));
            };
            held.push(shard.into_iter().map(|change| (change.key(), change)).collect());
        }
        Ok(held)
    }

    /// No two instances ever give the same name.
    fn new_name(&self, batch: &Batch, place: usize) -> String {
        let mut random = [0; 8];
        self.host.fill_random(&mut random);
        format!("{SHARD_PREFIX}{}/{place}/{:016x}", batch.to, u64::from_be_bytes(random))
    }

    /// Makes `after` the head if `before` still is. Clears away what has long been out of use.
    async fn commit(&self, before: Option<Head>, mut after: Head) -> Result<Option<Head>, StoreError> {
        let now_ms = self.host.now_ms();
        let (old, recent) = after
            .discarded
            .into_iter()
            .partition(|(_, since)| now_ms.saturating_sub(*since) > DISCARDED_FOR_MS);
        after.discarded = recent;
        let old: Vec<(String, u64)> = old;
        let bytes = serde_json::to_vec(&after).map_err(|error| StoreError(error.to_string()))?;
        let before = before.and_then(|head| head.bytes);
        if !self.host.store().swap(HEAD_KEY.to_owned(), before, bytes.clone()).await? {
            return Ok(None);
        }
        if !old.is_empty() {
            self.host.store().delete(old.into_iter().map(|(name, _)| name).collect()).await?;
        }
        Ok(Some(Head { bytes: Some(bytes), ..after }))
    }

    async fn undo(&mut self) -> Result<(), StoreError> {
        let written = std::mem::take(&mut self.written);
        if written.is_empty() { Ok(()) } else { self.host.store().delete(written).await }
    }

    /// Deletes shards nobody speaks of any more: those of instances that died between shard and head. Not those of a sequence
    /// beyond the head's: their head may be on its way.
    async fn sweep(&self, node: &Node) -> Result<(), StoreError> {
        let (named, sequence): (BTreeSet<String>, u64) = match &*node.knowledge.head.borrow() {
            None => return Ok(()),
            Some(head) => {
                let discarded = head.discarded.iter().map(|(name, _)| name.as_str());
                (head.shards.names().chain(discarded).map(str::to_owned).collect(), head.sequence)
            }
        };
        let is_orphan = |key: &String| {
            let of =
                key.strip_prefix(SHARD_PREFIX).and_then(|rest| rest.split('/').next()?.parse::<u64>().ok());
            of.is_some_and(|of| of < sequence) && !named.contains(key)
        };
        let orphans: Vec<String> = self.host.store().keys().await?.into_iter().filter(is_orphan).collect();
        if orphans.is_empty() { Ok(()) } else { self.host.store().delete(orphans).await }
    }
}

fn last_of_each(changes: impl Iterator<Item = Change>) -> Vec<Change> {
    changes.map(|change| (change.key(), change)).collect::<BTreeMap<_, _>>().into_values().collect()
}
