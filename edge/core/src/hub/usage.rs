//! What the nodes of the region counted, kept until the control plane has it.
//!
//! A hand-over is added up in the step that notes its number, so that a repeated one is known; what is added up is put into a
//! batch in the step that takes it away. A batch stays, with its id, until the control plane has answered for it.

use agentidp_shared::usage::{Batch, MAX_TALLIES, Tally};
use serde::{Deserialize, Serialize};

use super::Hub;
use crate::feed_client::Asker;
use crate::host::{HubHost, Severity, StorageError};
use crate::usage::{HandOver, new_batch, send};

/// The batch on its way.
const BATCH: &str = "batch";
const TALLIES: &str = "tally/";
/// Of each node, the last hand-over.
const NODES: &str = "node/";
/// A node that was not heard of for so long is gone, in milliseconds. One that is not would count twice what it handed over so
/// long ago without getting an answer.
const NODE_GONE_AFTER_MS: u64 = 24 * 60 * 60 * 1_000;
const TIDIED_EVERY_MS: u64 = 60 * 60 * 1_000;
/// Most batches in a row.
const MAX_IN_A_ROW: usize = 64;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Heard {
    number: u64,
    /// Unix milliseconds.
    at: u64,
}

impl<H: HubHost> Hub<H> {
    /// Takes what a node counted: when this returns it is kept, and counts once however often it is handed over.
    pub fn take_usage(&self, hand_over: &HandOver) -> Result<(), StorageError> {
        let node = format!("{NODES}{}", hand_over.node);
        let names = hand_over.tallies.iter().map(name_of);
        let names: Vec<String> = std::iter::once(node.clone()).chain(names).collect();
        let mut noted = self.host.noted(&names)?.into_iter();
        let heard: Option<Heard> = noted.next().flatten().map(|text| read(&text)).transpose()?;
        if heard.is_some_and(|heard| heard.number >= hand_over.number) {
            return Ok(());
        }
        let heard = Heard { number: hand_over.number, at: self.host.now_ms() };
        let mut changes = vec![(node, Some(write(&heard)?))];
        for (tally, (name, before)) in hand_over.tallies.iter().zip(names.into_iter().skip(1).zip(noted)) {
            let before: Option<Tally> = before.map(|text| read(&text)).transpose()?;
            let count = before.map_or(0, |tally| tally.count).saturating_add(tally.count);
            changes.push((name, Some(write(&Tally { count, ..*tally })?)));
        }
        self.host.note(&changes)
    }

    /// Reports everything there is, batch by batch.
    pub(super) async fn report_usage(&self) {
        for _ in 0..MAX_IN_A_ROW {
            match self.report_batch().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return self.host.log(Severity::Error, &error.to_string()),
            }
        }
        if let Err(error) = self.forget_nodes() {
            self.host.log(Severity::Error, &error.to_string());
        }
    }

    /// Whether there was one, and it arrived.
    async fn report_batch(&self) -> Result<bool, StorageError> {
        let Some(batch) = self.next_batch()? else { return Ok(false) };
        let asker = Asker::new(&self.config, Some(&self.region));
        if !send(&*self.host, asker, &batch).await {
            return Ok(false);
        }
        // Unless somebody else was told so earlier, and there is a later one by now.
        if self.kept_batch()?.is_some_and(|kept| kept.id == batch.id) {
            self.host.note(&[(BATCH.to_owned(), None)])?;
        }
        Ok(true)
    }

    /// The batch that has not been answered for, or a new one.
    fn next_batch(&self) -> Result<Option<Batch>, StorageError> {
        if let Some(kept) = self.kept_batch()? {
            return Ok(Some(kept));
        }
        let notes = self.host.notes(TALLIES, MAX_TALLIES)?;
        if notes.is_empty() {
            return Ok(None);
        }
        let tallies = notes.iter().map(|(_, text)| read(text)).collect::<Result<_, _>>()?;
        let batch = new_batch(&*self.host, tallies);
        let taken = notes.into_iter().map(|(name, _)| (name, None));
        let changes: Vec<_> = taken.chain([(BATCH.to_owned(), Some(write(&batch)?))]).collect();
        self.host.note(&changes)?;
        Ok(Some(batch))
    }

    fn kept_batch(&self) -> Result<Option<Batch>, StorageError> {
        let kept = self.host.noted(&[BATCH.to_owned()])?.into_iter().next().flatten();
        kept.map(|text| read(&text)).transpose()
    }

    fn forget_nodes(&self) -> Result<(), StorageError> {
        let now_ms = self.host.now_ms();
        if now_ms.abs_diff(self.memory.borrow().tidied_at) < TIDIED_EVERY_MS {
            return Ok(());
        }
        self.memory.borrow_mut().tidied_at = now_ms;
        let mut gone = Vec::new();
        for (name, text) in self.host.notes(NODES, usize::MAX)? {
            let heard: Heard = read(&text)?;
            if now_ms.saturating_sub(heard.at) > NODE_GONE_AFTER_MS {
                gone.push((name, None));
            }
        }
        self.host.note(&gone)
    }
}

fn name_of(tally: &Tally) -> String {
    let Tally { organization_id, agent_id, decision, day, .. } = tally;
    format!("{TALLIES}{day}/{organization_id}/{agent_id}/{}", decision.as_str())
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StorageError> {
    serde_json::from_str(text).map_err(|error| StorageError(error.to_string()))
}

fn write<T: Serialize>(value: &T) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| StorageError(error.to_string()))
}
