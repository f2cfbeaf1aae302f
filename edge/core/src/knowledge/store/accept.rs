//! Putting a batch into the store.

use std::cell::RefCell;
use std::collections::BTreeMap;

use agentidp_shared::compact::expand;
use agentidp_shared::feed::{Batch, Change, News, Page};
use agentidp_shared::verify::LEEWAY_SECONDS;

use super::super::version_after;
use super::gathered::Gathered;
use super::head::Head;
use super::shards::{self, Exceptions, Shards};
use super::sweep::sweep;
use super::unread::Unread;
use super::{HEAD_KEY, read};
use crate::feed_client::PullError;
use crate::host::{Store as _, StoreError, StoreHost};
use crate::node::Node;

pub const SHARD_PREFIX: &str = "shard-2/";
/// How long a shard that is no longer in use stays: longer than any request reads.
const DISCARDED_FOR_MS: u64 = 60_000;
/// How often to begin again because somebody else was faster.
const MAX_TRIES: usize = 8;
/// Values written at once.
const WRITTEN_AT_ONCE: usize = 64;

/// Takes a batch from outside, or a page of a snapshot, wholly or not at all. Pages wait in `arriving` for the last of them.
pub async fn accept<H: StoreHost>(
    node: &Node,
    host: &H,
    news: News,
    version: u8,
    arriving: &RefCell<Option<Gathered>>,
) -> Result<(), PullError> {
    match news {
        News::Batch(batch) if !batch.is_snapshot() => write(node, host, &Told::Batch(batch), version).await,
        // In version 1 a snapshot is one batch.
        News::Batch(batch) => {
            let Batch { instance, to, issued_at, expires_at, changes, .. } = batch;
            let page =
                Page { instance, begun: to, to, issued_at, expires_at, after: None, until: None, changes };
            gather(node, host, page, version, arriving).await
        }
        News::Page(page) => gather(node, host, page, version, arriving).await,
    }
}

async fn gather<H: StoreHost>(
    node: &Node,
    host: &H,
    page: Page,
    version: u8,
    arriving: &RefCell<Option<Gathered>>,
) -> Result<(), PullError> {
    let gathered = node.knowledge.gather_beside(page, host.now_ms(), arriving.take())?;
    if gathered.is_whole() {
        write(node, host, &Told::Everything(Box::new(gathered)), version).await
    } else {
        arriving.replace(Some(gathered));
        Ok(())
    }
}

/// What is put into the store at once.
enum Told {
    /// What follows on the head.
    Batch(Batch),
    /// What takes its place.
    Everything(Box<Gathered>),
}

async fn write<H: StoreHost>(node: &Node, host: &H, told: &Told, version: u8) -> Result<(), PullError> {
    for _ in 0..MAX_TRIES {
        let before = node.knowledge.head.borrow().clone();
        let mut writing = Writing { host, written: Vec::new() };
        let after = match told {
            Told::Batch(batch) => {
                let version = match &before {
                    Some(head) => version_after(head.version, batch, version)?,
                    None => version,
                };
                // By the rules every edge has, on a state without exceptions: none of the rules is about them.
                node.knowledge.apply(News::Batch(batch.clone()), host.now_ms())?;
                writing.follow(before.as_ref(), batch, version).await
            }
            Told::Everything(gathered) => {
                node.knowledge.may_become(gathered)?;
                writing.replace(before.as_ref(), gathered, version).await
            }
        };
        let swapped = match after {
            Ok(after) => writing.commit(before, after).await,
            Err(error) => Err(error),
        };
        match swapped {
            Ok(Some(head)) => {
                node.knowledge.take_head(Some(head))?;
                if matches!(told, Told::Everything(_)) {
                    sweep(node, host).await?;
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
    /// The head of everything, its shards written one after the other: no two of them are in memory at once.
    async fn replace(
        &mut self,
        before: Option<&Head>,
        gathered: &Gathered,
        version: u8,
    ) -> Result<Head, StoreError> {
        let now_ms = self.host.now_ms();
        let mut shards = Shards::for_exceptions(gathered.count());
        for place in 0..shards.len() {
            let shard = gathered.shard(place, shards.len());
            if shard.is_empty() {
                continue;
            }
            let (name, bytes) = self.encode(gathered.sequence(), place, &shard)?;
            drop(shard);
            self.host.store().set(vec![(name.clone(), bytes)]).await?;
            shards.replace(place, Some(name));
        }
        let mut discarded = before.map(|head| head.discarded.clone()).unwrap_or_default();
        let gone = before.iter().flat_map(|head| head.shards.names());
        discarded.extend(gone.map(|name| (name.to_owned(), now_ms)));
        Ok(gathered.head(version, shards, discarded))
    }

    /// The head that follows by `batch`, its shards written.
    async fn follow(
        &mut self,
        before: Option<&Head>,
        batch: &Batch,
        version: u8,
    ) -> Result<Head, StoreError> {
        let mut unread = Unread::new(before.map(|head| head.unknown.as_slice()).unwrap_or_default());
        let known: Vec<Change> =
            expand(batch.changes.clone()).filter_map(|change| unread.pass(change)).collect();
        let unknown = unread.alive(batch.issued_at / 1_000);
        let (common, exceptions): (Vec<Change>, Vec<Change>) =
            known.into_iter().partition(Change::concerns_all);
        let now_ms = self.host.now_ms();
        let (mut shards, mut discarded) = match before {
            Some(head) => (head.shards.clone(), head.discarded.clone()),
            None => (Shards::for_exceptions(exceptions.len()), Vec::new()),
        };
        let known_common = before.map(|head| head.common.as_slice());
        let common = last_of_each(known_common.unwrap_or_default().iter().cloned().chain(common));

        let mut news: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
        for change in exceptions {
            news.entry(shards.place_of(&change.key())).or_default().push(change);
        }
        let held = self.held(&shards, news.keys().copied()).await?;
        let mut entries = Vec::new();
        for ((place, changes), mut shard) in news.into_iter().zip(held) {
            shard.extend(changes.into_iter().map(|change| (change.key(), change)));
            shard.retain(|_, change| is_alive(change, batch.issued_at / 1_000));
            let mut name = None;
            if !shard.is_empty() {
                let entry = self.encode(batch.to, place, &shard)?;
                name = Some(entry.0.clone());
                entries.push(entry);
            }
            discarded.extend(shards.replace(place, name).map(|name| (name, now_ms)));
        }
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(WRITTEN_AT_ONCE));
            self.host.store().set(std::mem::replace(&mut entries, rest)).await?;
        }
        let (instance, sequence, issued_at) = (batch.instance, batch.to, batch.issued_at);
        let common = common.into_iter().filter(|change| !matches!(change, Change::Policy { .. })).collect();
        Ok(Head { instance, sequence, issued_at, version, common, unknown, shards, discarded, bytes: None })
    }

    /// A shard under a new name, which is noted as written.
    fn encode(
        &mut self,
        sequence: u64,
        place: usize,
        shard: &Exceptions,
    ) -> Result<(String, Vec<u8>), StoreError> {
        let name = self.new_name(sequence, place);
        let bytes = shards::write(shard).ok_or_else(|| StoreError("a shard cannot be written".to_owned()))?;
        self.written.push(name.clone());
        Ok((name, bytes))
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
    fn new_name(&self, sequence: u64, place: usize) -> String {
        let mut random = [0; 8];
        self.host.fill_random(&mut random);
        format!("{SHARD_PREFIX}{sequence}/{place}/{:016x}", u64::from_be_bytes(random))
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
}

pub fn is_alive(change: &Change, now: u64) -> bool {
    change.expires_at().is_none_or(|at| at.saturating_add(2 * LEEWAY_SECONDS) >= now)
}

pub fn last_of_each(changes: impl Iterator<Item = Change>) -> Vec<Change> {
    changes.map(|change| (change.key(), change)).collect::<BTreeMap<_, _>>().into_values().collect()
}
