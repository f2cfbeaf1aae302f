//! Of instances that live for one request: counts are added to slots in the store, each changed only by comparing and swapping.
//!
//! A slot is created under a name nobody else has, because two that create the same key do not learn of each other. A directory
//! names the slots, but only to save the search: a slot it lost is found again by listing the store. A slot is given up by first
//! closing it, so that nobody who still holds an earlier value of it can add to it.

use std::rc::Rc;

use agentidp_shared::usage::{Batch, MAX_TALLIES};
use serde::{Deserialize, Serialize};

use super::Reporting;
use super::report::{REPORT_EVERY_MS, new_batch, random_id, send};
use super::tallies::Tallies;
use crate::feed_client::Asker;
use crate::host::{Severity, Store as _, StoreError, StoreHost};
use crate::node::Node;

const DIRECTORY: &str = "usage";
const SLOT_PREFIX: &str = "usage/";
/// Slots that are added to: so many that writers seldom meet, so few that they are soon read.
const SLOTS: usize = 4;
/// A slot with so many kinds of calls is not added to; another is made. Some stores take no value of more than a megabyte.
const FULL: usize = 8 * MAX_TALLIES;
/// How often to begin again because somebody else was faster.
const MAX_TRIES: usize = 8;
/// How often slots the directory does not name are looked for, in milliseconds.
const LISTED_EVERY_MS: u64 = 60_000;
/// Most batches of one slot in a row.
const MAX_IN_A_ROW: usize = 16;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Directory {
    slots: Vec<String>,
    /// Unix milliseconds.
    listed_at: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Slot {
    tallies: Tallies,
    /// On its way to the control plane, and perhaps there already.
    sealed: Option<Batch>,
    /// When somebody last began to report, Unix milliseconds.
    reported_at: u64,
    /// Never to be added to again.
    is_closed: bool,
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.sealed.is_none() && self.tallies.is_empty()
    }
}

/// Adds to the store.
#[derive(Debug)]
pub struct AddingToStore;

impl<H: StoreHost> Reporting<H> for AddingToStore {
    const NODES_LIVE_ON: bool = false;

    fn report(node: &Rc<Node>, host: &Rc<H>) {
        let counted = node.usage.counted.take();
        if counted.is_empty() {
            return;
        }
        let in_background = Rc::clone(host);
        host.run_in_background(async move {
            if let Err(error) = add(&*in_background, counted).await {
                in_background.log(Severity::Error, &format!("a call is not counted: {error}"));
            }
        });
    }
}

/// Adds to a slot that has room, or makes another.
async fn add<H: StoreHost>(host: &H, counted: Tallies) -> Result<(), StoreError> {
    let (directory, _) = read::<Directory, _>(host, DIRECTORY).await?;
    let slots = directory.unwrap_or_default().slots;
    if slots.len() >= SLOTS {
        for attempt in 0..MAX_TRIES {
            // The newest if the usual ones are full or in demand.
            let place =
                if attempt < SLOTS { usize::from(random_byte(host)) % SLOTS } else { slots.len() - 1 };
            let Some(name) = slots.get(place) else { break };
            let (Some(mut slot), before) = read::<Slot, _>(host, name).await? else { continue };
            if slot.is_closed || slot.tallies.len() >= FULL {
                continue;
            }
            slot.tallies.extend(counted.iter());
            if swap(host, name, before, &slot).await? {
                return Ok(());
            }
        }
    }
    let name = format!("{SLOT_PREFIX}{}", random_id(host).simple());
    let slot = Slot { tallies: counted, reported_at: host.now_ms(), ..Slot::default() };
    host.store().set(vec![(name.clone(), write(&slot)?)]).await?;
    change_directory(host, |directory| directory.slots.push(name.clone())).await
}

/// Reports what has been in the store for long enough. Safe for many instances at once; one every other second is enough.
pub async fn report_due<H: StoreHost>(node: &Node, host: &H) {
    if let Err(error) = try_to_report(node, host).await {
        host.log(Severity::Warning, &format!("what was counted could not be reported: {error}"));
    }
}

async fn try_to_report<H: StoreHost>(node: &Node, host: &H) -> Result<(), StoreError> {
    let (directory, _) = read::<Directory, _>(host, DIRECTORY).await?;
    let Some(mut directory) = directory else { return look_for_slots(host).await };
    if host.now_ms().abs_diff(directory.listed_at) >= LISTED_EVERY_MS {
        look_for_slots(host).await?;
        directory = read::<Directory, _>(host, DIRECTORY).await?.0.unwrap_or_default();
    }
    for (place, name) in directory.slots.iter().enumerate() {
        let is_of_use = report_slot(node, host, name).await?;
        if place >= SLOTS || !is_of_use {
            give_up(host, name).await?;
        }
    }
    Ok(())
}

/// Names in the directory every slot there is.
async fn look_for_slots<H: StoreHost>(host: &H) -> Result<(), StoreError> {
    let keys = host.store().keys().await?;
    let found: Vec<String> = keys.into_iter().filter(|key| key.starts_with(SLOT_PREFIX)).collect();
    let now_ms = host.now_ms();
    change_directory(host, |directory| {
        directory.listed_at = now_ms;
        for name in &found {
            if !directory.slots.contains(name) {
                directory.slots.push(name.clone());
            }
        }
    })
    .await
}

/// False if the slot is not there or closed.
async fn report_slot<H: StoreHost>(node: &Node, host: &H, name: &str) -> Result<bool, StoreError> {
    for _ in 0..MAX_IN_A_ROW {
        let (Some(mut slot), before) = read::<Slot, _>(host, name).await? else { return Ok(false) };
        let is_due = host.now_ms().abs_diff(slot.reported_at) >= REPORT_EVERY_MS;
        let is_much = slot.sealed.is_none() && slot.tallies.len() >= MAX_TALLIES;
        if slot.is_empty() || !(is_due || is_much) {
            return Ok(!slot.is_closed);
        }
        let batch = slot.sealed.take().unwrap_or_else(|| new_batch(host, slot.tallies.take(MAX_TALLIES)));
        slot.sealed = Some(batch.clone());
        slot.reported_at = host.now_ms();
        // Sealed before it is sent, and sent by whoever sealed it.
        if !swap(host, name, before, &slot).await? {
            continue;
        }
        if !send(host, Asker::new(&node.config, None), &batch).await {
            break;
        }
        forget_sealed(host, name, &batch).await?;
    }
    Ok(true)
}

/// The control plane has it. If that cannot be noted it is sent again, and counts once.
async fn forget_sealed<H: StoreHost>(host: &H, name: &str, batch: &Batch) -> Result<(), StoreError> {
    for _ in 0..MAX_TRIES {
        let (Some(mut slot), before) = read::<Slot, _>(host, name).await? else { return Ok(()) };
        if slot.sealed.take_if(|sealed| sealed.id == batch.id).is_none() {
            return Ok(());
        }
        if swap(host, name, before, &slot).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Gives a slot up if nothing is left in it.
async fn give_up<H: StoreHost>(host: &H, name: &str) -> Result<(), StoreError> {
    let (slot, before) = read::<Slot, _>(host, name).await?;
    if let Some(mut slot) = slot {
        if !slot.is_empty() {
            return Ok(());
        }
        if !slot.is_closed {
            slot.is_closed = true;
            if !swap(host, name, before, &slot).await? {
                return Ok(());
            }
        }
        host.store().delete(vec![name.to_owned()]).await?;
    }
    change_directory(host, |directory| directory.slots.retain(|slot| slot != name)).await
}

/// As far as it succeeds: what the directory does not name is found by listing.
async fn change_directory<H: StoreHost>(host: &H, change: impl Fn(&mut Directory)) -> Result<(), StoreError> {
    for _ in 0..MAX_TRIES {
        let (directory, before) = read::<Directory, _>(host, DIRECTORY).await?;
        let mut directory = directory.unwrap_or_default();
        change(&mut directory);
        if swap(host, DIRECTORY, before, &directory).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// A value and the bytes it was read from. What is not what an edge of this version writes is as good as not there, and stays.
async fn read<T: serde::de::DeserializeOwned, H: StoreHost>(
    host: &H,
    key: &str,
) -> Result<(Option<T>, Option<Vec<u8>>), StoreError> {
    let bytes = host.store().get(vec![key.to_owned()]).await?.into_iter().next().flatten();
    Ok((bytes.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok()), bytes))
}

async fn swap<T: Serialize, H: StoreHost>(
    host: &H,
    key: &str,
    before: Option<Vec<u8>>,
    after: &T,
) -> Result<bool, StoreError> {
    host.store().swap(key.to_owned(), before, write(after)?).await
}

fn write<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError(error.to_string()))
}

fn random_byte<H: StoreHost>(host: &H) -> u8 {
    let mut byte = [0];
    host.fill_random(&mut byte);
    let [byte] = byte;
    byte
}
