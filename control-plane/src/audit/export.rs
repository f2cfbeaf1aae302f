//! `agentidp audit export`: the whole log as a folder of files that [`fsck`](super::fsck) checks with nothing else.

use std::path::Path;

use agentidp_shared::audit_chain::Hash;

use super::bundle::{ExportError, Folder};
use super::{checkpoint, seals};
use crate::app::App;

/// Seals read per query.
const PAGE: i64 = 2_000;

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    pub events: u64,
    /// Events that the newest signed head covers: so many there will be.
    pub of: u64,
}

/// Writes the log into `folder`, which is made if it is not there; tells `progress` now and then. Memory is bounded however long
/// the log is. Writes what is there, tampered with or not, unless an event is gone: finding out is the reader's part.
pub async fn export(
    app: &App,
    folder: &Path,
    mut progress: impl FnMut(Exported),
) -> Result<Exported, ExportError> {
    // Refused before anything is signed.
    let folder = Folder::create(folder)?;
    // If a server holds the lock, or the log contradicts its last head, that one will do.
    if let Err(error) = checkpoint::sign(app, 1).await {
        tracing::warn!(%error, "no head is signed for this export: it ends with the last one there is");
    }
    let mut tx = app.db.system().await?;
    tx.without_time_limit().await?;
    let newest = checkpoint::latest(&mut tx).await?.ok_or(ExportError::NothingSigned)?;
    let of = newest.head.tree_size;
    let mut bundle = folder.begin(app.feed.instance(), &checkpoint::verifier_key(app)?)?;

    let mut size = 0;
    while size < of {
        let page = checkpoint::notes_above(&mut tx, size, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for (tree_size, note) in page.into_iter().filter(|(tree_size, _)| *tree_size <= of) {
            bundle.put_head(&note)?;
            size = tree_size;
        }
    }

    let mut last = 0;
    while bundle.size() < of {
        let page = seals::after(&mut tx, last, PAGE).await?;
        if page.is_empty() {
            break;
        }
        let events = seals::events_of(&mut tx, &page).await?;
        for (seal, event) in page.iter().zip(&events) {
            if bundle.size() == of {
                break;
            }
            last = seal.sequence;
            let event = event.as_ref().and_then(|event| event.as_sealed(seal.sequence));
            let event = event.ok_or_else(|| ExportError::Gone(seal.sequence.unsigned_abs()))?;
            bundle.put_event(&event, hash_of(&seal.previous_hash)?, hash_of(&seal.hash)?)?;
        }
        progress(Exported { events: bundle.size(), of });
    }
    let events = bundle.size();
    bundle.finish(&newest.note)?;
    Ok(Exported { events, of })
}

fn hash_of(bytes: &[u8]) -> Result<Hash, sqlx::Error> {
    bytes.try_into().map_err(|_| sqlx::Error::Decode("a seal's hash has not 32 bytes".into()))
}
