//! Moving every secret in the database to the keystore key that seals now, so that older keys can go. Servers keep running: a
//! secret is moved in a short transaction, and opens under either key.

use std::time::Duration;

use serde_json::json;

use super::{ChangedBy, system_event};
use crate::app::App;
use crate::audit::{self, Action};
use crate::infra::keystore::store::{self, SealedRow};
use crate::infra::keystore::{KeyId, Sealed, SealedColumn};

/// Secrets moved in one transaction.
const BATCH: u32 = 500;
/// Secrets that do not open before it is given up: then it is not a few rows that are wrong.
const MOST_FAILURES: usize = 100;
/// The pause when every row that is left is locked by somebody, and how often that may be in a row.
const PAUSE: Duration = Duration::from_millis(200);
const MOST_PAUSES: u32 = 100;

#[derive(Debug, thiserror::Error)]
pub enum ReencryptError {
    #[error("{0} secrets do not open under the key they name: the first is {1}")]
    TooManyFailures(usize, String),
    #[error("rows of {0} stay locked by others; run it again later")]
    Busy(&'static str),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

/// How far it is, in secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    /// As many as there were at the beginning.
    pub total: u64,
}

#[derive(Debug)]
pub struct Reencrypted {
    /// The key that every secret is under now.
    pub key_id: KeyId,
    /// Of each column, how many secrets were moved.
    pub moved: Vec<(&'static SealedColumn, u64)>,
    /// The places of secrets that do not open and were left as they are.
    pub failed: Vec<String>,
}

/// Moves everything. It may end at any time and be run again: what was moved stays moved, and is not moved twice. Each batch is
/// one transaction with its audit event, if there is a system organization to have a log.
pub async fn reencrypt(
    app: &App,
    progress: impl FnMut(Progress) + Send,
) -> Result<Reencrypted, ReencryptError> {
    reencrypt_by(app, BATCH, progress).await
}

/// The same with batches of another size.
pub async fn reencrypt_by(
    app: &App,
    batch: u32,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Reencrypted, ReencryptError> {
    let to = app.keystore.current_key_id();
    let uses = store::count_by_key(&mut *app.db.system().await?).await?;
    let old = || uses.iter().filter(|usage| usage.key_id != to.as_str());
    let mut at = Progress { done: 0, total: old().map(|usage| usage.rows).sum() };
    progress(at);
    let mut outcome = Reencrypted { key_id: to, moved: Vec::new(), failed: Vec::new() };
    for usage in old() {
        let mut failed = Vec::new();
        let (mut moved, mut pauses) = (0, 0);
        loop {
            let count = move_batch(app, usage.column, &usage.key_id, &mut failed, batch).await?;
            moved += count.moved;
            at.done += count.moved;
            progress(at);
            if let Some(first) = failed.first().filter(|_| failed.len() >= MOST_FAILURES) {
                let place = usage.column.place(first).to_string();
                return Err(ReencryptError::TooManyFailures(failed.len(), place));
            }
            if count.seen > 0 {
                pauses = 0;
                continue;
            }
            let mut tx = app.db.system().await?;
            if !store::is_left(&mut tx, usage.column, &usage.key_id, &failed).await? {
                break;
            }
            drop(tx);
            pauses += 1;
            if pauses > MOST_PAUSES {
                return Err(ReencryptError::Busy(usage.column.table));
            }
            tokio::time::sleep(PAUSE).await;
        }
        outcome.failed.extend(failed.iter().map(|row| usage.column.place(row).to_string()));
        match outcome.moved.iter_mut().find(|(column, _)| *column == usage.column) {
            Some((_, sum)) => *sum += moved,
            None => outcome.moved.push((usage.column, moved)),
        }
    }
    Ok(outcome)
}

struct Count {
    seen: usize,
    moved: u64,
}

async fn move_batch(
    app: &App,
    column: &'static SealedColumn,
    from: &str,
    failed: &mut Vec<String>,
    batch: u32,
) -> Result<Count, ReencryptError> {
    let mut tx = app.db.system().await?;
    let rows = store::take_sealed(&mut tx, column, from, failed, batch.into()).await?;
    let seen = rows.len();
    let mut replaced: Vec<(SealedRow, Sealed)> = Vec::with_capacity(seen);
    for row in rows {
        let place = column.place(&row.row);
        match app.keystore.open(&row.ciphertext, from, &place) {
            Ok(plaintext) => {
                let sealed = app.keystore.seal(&plaintext, &place, &*app.rng);
                replaced.push((row, sealed));
            }
            Err(_) => failed.push(row.row),
        }
    }
    let moved = u64::try_from(replaced.len()).unwrap_or(u64::MAX);
    if moved > 0 {
        store::replace_sealed(&mut tx, column, &replaced).await?;
        let metadata = json!({
            "table": column.table, "column": column.column, "secrets": moved,
            "from": from, "to": app.keystore.current_key_id().as_str(),
        });
        let event =
            system_event(&mut tx, Action::KeystoreReencrypted, metadata, ChangedBy::CommandLine).await?;
        if let Some(event) = event {
            audit::record(&mut tx, app, event).await?;
        }
        tx.commit().await?;
    }
    Ok(Count { seen, moved })
}
