//! The folder of files that an exported log is.
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

use agentidp_shared::audit_bundle::{Attribution, Description, FORMAT, Line, Log, Tile};
use agentidp_shared::audit_chain::{CanonicalJson, Hash, SealedEvent};
use agentidp_shared::ids::InstanceId;
use agentidp_shared::signed_note::{Head, VerifierKey};
use serde_json::value::RawValue;

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
    #[error("what is to be written is no JSON")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// An empty folder, before anything is written.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes it, if it is not there.
    pub fn create(path: &Path) -> Result<Self, ExportError> {
        let failed = |source| ExportError::File { path: path.to_owned(), source };
        // The events say who did what from where.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        if fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(ExportError::NotEmpty(path.to_owned()));
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Begins the log of an instance whose heads this key verifies.
    pub fn begin(self, instance: InstanceId, key: &VerifierKey) -> Result<Bundle, ExportError> {
        let description = Description { format: FORMAT.to_owned(), instance, verifier_key: key.to_string() };
        self.put("bundle.json", json_line(&description)?.as_bytes())?;
        let (heads, events) = (self.writer("checkpoints.ndjson")?, self.writer("events.ndjson")?);
        Ok(Bundle { folder: self, heads, events, log: Log::of(instance), metadata: Vec::new() })
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.path.join(name);
        fs::write(&path, bytes).map_err(|source| ExportError::File { path, source })
    }

    fn put_tile(&self, tile: &Tile<'_>) -> Result<(), ExportError> {
        let path = self.path.join(tile.path());
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&path, tile.hashes)).map_err(|source| ExportError::File { path, source })
    }

    fn writer(&self, name: &str) -> Result<Output, ExportError> {
        let path = self.path.join(name);
        match File::create_new(&path) {
            Ok(file) => Ok(Output { path, file: BufWriter::new(file) }),
            Err(source) => Err(ExportError::File { path, source }),
        }
    }
}

/// A bundle that is being written. Heads and events may come in any order among each other.
#[derive(Debug)]
pub struct Bundle {
    folder: Folder,
    heads: Output,
    events: Output,
    log: Log,
    metadata: Vec<u8>,
}

impl Bundle {
    /// Events written.
    pub fn size(&self) -> u64 {
        self.log.size()
    }

    /// What is under the events written so far.
    pub fn head(&self) -> Head {
        self.log.head()
    }

    /// Writes a signed head, larger than the one before.
    pub fn put_head(&mut self, note: &str) -> Result<(), ExportError> {
        self.heads.write(json_line(&note)?.as_bytes())
    }

    /// Writes the next event with the hashes of its seal, right or wrong.
    pub fn put_event(
        &mut self,
        event: &SealedEvent<'_, impl CanonicalJson>,
        previous_hash: Hash,
        hash: Hash,
    ) -> Result<(), ExportError> {
        self.metadata.clear();
        event.metadata.write(&mut self.metadata);
        let metadata: &RawValue = serde_json::from_slice(&self.metadata)?;
        let line = Line {
            sequence: event.sequence,
            event_id: event.event_id,
            timestamp_us: event.timestamp_us,
            organization_id: event.organization_id,
            agent_id: event.agent_id,
            action: event.action.into(),
            outcome: event.outcome.into(),
            ip_address: event.ip_address.map(Into::into),
            user_agent: event.user_agent.map(Into::into),
            attribution: event.attribution.as_ref().map(Attribution::of),
            metadata,
            previous_hash,
            hash,
        };
        self.events.write(json_line(&line)?.as_bytes())?;
        let (mut written, folder) = (Ok(()), &self.folder);
        self.log.append(hash, |tile| {
            if written.is_ok() {
                written = folder.put_tile(tile);
            }
        });
        written
    }

    /// Writes what is left, and the newest head's note as the last.
    pub fn finish(self, newest: &str) -> Result<(), ExportError> {
        self.heads.finish()?;
        self.events.finish()?;
        self.log.partial_tiles().try_for_each(|tile| self.folder.put_tile(&tile))?;
        self.folder.put("checkpoint", newest.as_bytes())
    }
}

fn json_line(value: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(value)? + "\n")
}

#[derive(Debug)]
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
