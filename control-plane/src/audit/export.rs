//! `agentidp audit export`: the whole log as a folder of files that [`fsck`](super::fsck) checks with nothing else.
//!
//! - `bundle.json`: whose log it is, and the key that verifies its heads;
//! - `events.ndjson`: every event and its seal, one per line, up to the newest signed head;
//! - `tile/`: the Merkle tree, as C2SP's tlog-tiles lays it out;
//! - `checkpoints.ndjson`: every signed head, a JSON string per line;
//! - `checkpoint`: the newest. Written last, so a folder without it is not whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use agentidp_shared::audit_bundle::{Description, FORMAT, Line, Log, Tile};
use agentidp_shared::audit_chain::CanonicalJson as _;
use serde_json::value::RawValue;

use super::store::Seal;
use super::verify::Range;
use super::{checkpoint, store};
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

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is not empty: name a folder that is, or that does not exist yet", .0.display())]
    NotEmpty(PathBuf),
    #[error("there is no signed head yet: the first is signed once a server has sealed events")]
    NothingSigned,
    #[error("the event of seal {0} is gone: the audit log was tampered with; see `agentidp audit verify`")]
    Gone(u64),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Writes the log into `folder`, which is made if it is not there; tells `progress` now and then. Memory is bounded however long
/// the log is. Writes what is there, tampered with or not, unless an event is gone: finding out is the reader's part.
pub async fn export(
    app: &App,
    folder: &Path,
    mut progress: impl FnMut(Exported),
) -> Result<Exported, ExportError> {
    let files = Files::create(folder)?;
    // If a server holds the lock, or the log contradicts its last head, that one will do.
    if let Err(error) = checkpoint::sign(app, 1).await {
        tracing::warn!(%error, "no head is signed for this export: it ends with the last one there is");
    }
    let mut tx = app.db.system().await?;
    tx.without_time_limit().await?;
    let newest = checkpoint::latest(&mut tx).await?.ok_or(ExportError::NothingSigned)?;
    let of = newest.head.tree_size;

    let description = Description {
        format: FORMAT.to_owned(),
        instance: app.feed.instance(),
        verifier_key: checkpoint::verifier_key(app)?.to_string(),
    };
    files.put("bundle.json", json_line(&description)?.as_bytes())?;

    let mut heads = files.writer("checkpoints.ndjson")?;
    let mut size = 0;
    while size < of {
        let page = checkpoint::notes_above(&mut tx, size, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for (tree_size, note) in page.into_iter().filter(|(tree_size, _)| *tree_size <= of) {
            heads.write(json_line(&note)?.as_bytes())?;
            size = tree_size;
        }
    }
    heads.finish()?;

    let mut events = files.writer("events.ndjson")?;
    let mut log = Log::of(app.feed.instance());
    let mut last = 0;
    while log.size() < of {
        let seals = store::seals_after(&mut tx, last, Range::default(), PAGE).await?;
        if seals.is_empty() {
            break;
        }
        for seal in seals {
            if log.size() == of {
                break;
            }
            last = seal.sequence;
            let (line, hash) = line(&seal)?;
            events.write(line.as_bytes())?;
            let mut written = Ok(());
            log.append(hash, |tile| {
                if written.is_ok() {
                    written = files.put_tile(tile);
                }
            });
            written?;
        }
        progress(Exported { events: log.size(), of });
    }
    events.finish()?;
    for tile in log.partial_tiles() {
        files.put_tile(&tile)?;
    }
    files.put("checkpoint", newest.note.as_bytes())?;
    Ok(Exported { events: log.size(), of })
}

fn json_line(value: &impl serde::Serialize) -> Result<String, sqlx::Error> {
    let json = serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(json + "\n")
}

fn line(seal: &Seal) -> Result<(String, [u8; 32]), ExportError> {
    let gone = || ExportError::Gone(seal.sequence.unsigned_abs());
    let event = seal.event().ok_or_else(gone)?;
    let hash = |bytes: &[u8]| {
        bytes.try_into().map_err(|_| sqlx::Error::Decode("a seal's hash has not 32 bytes".into()))
    };
    let mut metadata = Vec::new();
    event.metadata.write(&mut metadata);
    let metadata = String::from_utf8(metadata)
        .map_err(|error| sqlx::Error::Decode(error.into()))
        .and_then(|text| RawValue::from_string(text).map_err(|error| sqlx::Error::Decode(error.into())))?;
    let hash_of_event = hash(&seal.hash)?;
    let line = Line {
        sequence: event.sequence,
        event_id: event.event_id,
        timestamp_us: event.timestamp_us,
        organization_id: event.organization_id,
        agent_id: event.agent_id,
        action: event.action.into(),
        outcome: event.outcome.into(),
        ip_address: event.ip_address.map(str::to_owned),
        user_agent: event.user_agent.map(str::to_owned),
        metadata: &metadata,
        previous_hash: hash(&seal.previous_hash)?,
        hash: hash_of_event,
    };
    Ok((json_line(&line)?, hash_of_event))
}

/// The folder that is written.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn create(folder: &Path) -> Result<Self, ExportError> {
        let failed = |source| ExportError::File { path: folder.to_owned(), source };
        // The events say who did what from where.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        if fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(ExportError::NotEmpty(folder.to_owned()));
        }
        Ok(Self { folder: folder.to_owned() })
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.folder.join(name);
        fs::write(&path, bytes).map_err(|source| ExportError::File { path, source })
    }

    fn put_tile(&self, tile: &Tile<'_>) -> Result<(), ExportError> {
        let path = self.folder.join(tile.path());
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&path, tile.hashes)).map_err(|source| ExportError::File { path, source })
    }

    fn writer(&self, name: &str) -> Result<Output, ExportError> {
        let path = self.folder.join(name);
        match File::create_new(&path) {
            Ok(file) => Ok(Output { path, file: BufWriter::new(file) }),
            Err(source) => Err(ExportError::File { path, source }),
        }
    }
}

struct Output {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Output {
    fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.file.write_all(bytes).map_err(|source| ExportError::File { path: self.path.clone(), source })
    }

    /// What the disk has no room for is known here at last.
    fn finish(mut self) -> Result<(), ExportError> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(|source| ExportError::File { path: self.path, source })
    }
}
