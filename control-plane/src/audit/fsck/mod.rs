//! `agentidp audit fsck`: checks what [`export`](crate::audit::export) wrote, with nothing else: no database, no server, no keystore.
//!
//! A bundle names the key that verifies it, so whoever could write all of it anew could name another: give the key that was kept.
//! That it is the newest there is, no bundle can tell: give a head that was kept.

mod links;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::vec;

use agentidp_shared::audit_bundle::{BadEvent, Description, FIRST_FORMAT, FORMAT, Link, Log, Tile};
use agentidp_shared::signed_note::{Head, VerifierKey};

/// Longest line that is read. Requests are smaller, so what they leave in the log is.
const MAX_LINE_BYTES: u32 = 1024 * 1024;

/// A bundle that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What all events are under.
    pub head: Head,
    /// Signed heads that were compared with the events.
    pub heads: u64,
    pub verifier_key: VerifierKey,
}

/// The first thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    #[error("{}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{file}, line {line}: longer than a megabyte, or cut off")]
    Line { file: &'static str, line: u64 },
    #[error("{file}: {reason}")]
    Malformed { file: &'static str, reason: String },
    #[error("the bundle's key is {found}, not the one that was given")]
    OtherKey { found: VerifierKey },
    #[error("the event in line {line} {reason}")]
    Event { line: u64, reason: BadEvent },
    #[error("checkpoints.ndjson, line {line}: not signed by the bundle's key, or out of order")]
    Checkpoint { line: u64 },
    #[error("checkpoint: not signed by the bundle's key")]
    Newest,
    #[error("checkpoint is not the last of checkpoints.ndjson")]
    NotTheLast,
    #[error("a checkpoint that was kept is not signed by the bundle's key")]
    Kept,
    #[error(
        "a head of {kept} events was kept, and this bundle ends with {found}: it is an older one, or was cut"
    )]
    RolledBack { kept: u64, found: u64 },
    #[error("the first {tree_size} events are not those whose head was signed")]
    Contradicted { tree_size: u64 },
    #[error("a head of {tree_size} events was signed, and there are only {count}")]
    CutShort { tree_size: u64, count: u64 },
    #[error("there are events after the {tree_size} that the newest head covers")]
    Unsigned { tree_size: u64 },
    #[error("{path} is not what the events give")]
    Tile { path: String },
}

/// Checks the bundle in `folder`: `trusted` is the key its heads must be signed with, `kept` the notes of heads that must be in
/// it; tells `progress` now and then how many events there were, and how many there should be.
pub fn fsck(
    folder: &Path,
    trusted: Option<&VerifierKey>,
    kept: &[String],
    mut progress: impl FnMut(u64, u64),
) -> Result<Checked, Damage> {
    let description: Description = serde_json::from_str(&small(folder, "bundle.json")?)
        .map_err(|error| Damage::Malformed { file: "bundle.json", reason: error.to_string() })?;
    if ![FORMAT, FIRST_FORMAT].contains(&description.format.as_str()) {
        let reason = format!("of the format {:?}; this program reads {FORMAT:?}", description.format);
        return Err(Damage::Malformed { file: "bundle.json", reason });
    }
    let key = VerifierKey::parse(&description.verifier_key)
        .map_err(|error| Damage::Malformed { file: "bundle.json", reason: error.to_string() })?;
    if trusted.is_some_and(|trusted| *trusted != key) {
        return Err(Damage::OtherKey { found: key });
    }
    let newest = key.open(&small(folder, "checkpoint")?).map_err(|_| Damage::Newest)?;
    let kept: Result<Vec<Head>, _> = kept.iter().map(|note| key.open(note)).collect();
    let mut kept = kept.map_err(|_| Damage::Kept)?;
    kept.sort_by_key(|kept| kept.tree_size);
    if let Some(kept) = kept.last().filter(|kept| kept.tree_size > newest.tree_size) {
        return Err(Damage::RolledBack { kept: kept.tree_size, found: newest.tree_size });
    }
    let mut heads = Heads { lines: Lines::open(folder, "checkpoints.ndjson")?, key: &key, last: None };
    let (next, kept) = (heads.next()?, kept.into_iter().peekable());
    let mut check = Check { folder, log: Log::of(description.instance), heads, next, kept };
    check.compare_heads()?;
    links::for_each(folder, |read| {
        read.links.iter().try_for_each(|link| check.push(link))?;
        progress(check.log.size(), newest.tree_size);
        let line = check.log.size() + 1;
        read.malformed.map_or(Ok(()), |error| Err(Damage::Event { line, reason: error.into() }))
    })?;
    progress(check.log.size(), newest.tree_size);
    let Check { log, heads, next, mut kept, .. } = check;
    let head = log.head();
    if let Some(signed) =
        next.into_iter().chain(kept.next()).chain([newest]).find(|signed| signed.tree_size > head.tree_size)
    {
        return Err(Damage::CutShort { tree_size: signed.tree_size, count: head.tree_size });
    }
    if head.tree_size > newest.tree_size {
        return Err(Damage::Unsigned { tree_size: newest.tree_size });
    }
    if head != newest {
        return Err(Damage::Contradicted { tree_size: newest.tree_size });
    }
    if heads.last != Some(newest) {
        return Err(Damage::NotTheLast);
    }
    log.partial_tiles().try_for_each(|tile| same_tile(folder, &tile))?;
    Ok(Checked { head, heads: heads.lines.number, verifier_key: key })
}

/// As far as the events were read, and found good.
struct Check<'a> {
    folder: &'a Path,
    log: Log,
    heads: Heads<'a>,
    /// Of the bundle's heads the first that the log has not come to.
    next: Option<Head>,
    kept: Peekable<vec::IntoIter<Head>>,
}

impl Check<'_> {
    fn push(&mut self, link: &Link) -> Result<(), Damage> {
        let (folder, line) = (self.folder, self.log.size() + 1);
        let mut tiles = Ok(());
        self.log
            .push(link, |tile| {
                if tiles.is_ok() {
                    tiles = same_tile(folder, tile);
                }
            })
            .map_err(|reason| Damage::Event { line, reason })?;
        tiles?;
        self.compare_heads()
    }

    /// With the head of the log, those of its size.
    fn compare_heads(&mut self) -> Result<(), Damage> {
        let signed = self.next.into_iter().chain(self.kept.peek().copied());
        let Some(head) = self.log.head_if(signed) else { return Ok(()) };
        let of_this_size = |signed: &Head| signed.tree_size == head.tree_size;
        // The same head may have been kept twice, and another of its size beside it.
        let mut signed = self.next.filter(of_this_size);
        while let Some(found) = signed.or_else(|| self.kept.next_if(of_this_size)) {
            if found != head {
                return Err(Damage::Contradicted { tree_size: head.tree_size });
            }
            signed = None;
        }
        if self.next == Some(head) {
            self.next = self.heads.next()?;
        }
        Ok(())
    }
}

/// A file of a few lines.
fn small(folder: &Path, name: &'static str) -> Result<String, Damage> {
    let path = folder.join(name);
    let mut text = String::new();
    File::open(&path)
        .and_then(|file| file.take(MAX_LINE_BYTES.into()).read_to_string(&mut text))
        .map_err(|source| Damage::File { path, source })?;
    Ok(text)
}

fn same_tile(folder: &Path, tile: &Tile<'_>) -> Result<(), Damage> {
    let path = tile.path();
    let file = folder.join(&path);
    // One more than there may be, so that too many are not taken for enough.
    let most = tile.hashes.len() + 1;
    let mut found = Vec::with_capacity(most);
    File::open(&file)
        .and_then(|opened| opened.take(u64::try_from(most).unwrap_or(u64::MAX)).read_to_end(&mut found))
        .map_err(|source| Damage::File { path: file, source })?;
    if found == tile.hashes { Ok(()) } else { Err(Damage::Tile { path }) }
}

/// The lines of a file, one in memory at a time.
struct Lines {
    name: &'static str,
    path: PathBuf,
    file: BufReader<File>,
    /// Of the line that was read last, from 1.
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    fn open(folder: &Path, name: &'static str) -> Result<Self, Damage> {
        let path = folder.join(name);
        match File::open(&path) {
            Ok(file) => {
                let file = BufReader::new(file);
                Ok(Self { name, path, file, number: 0, line: Vec::new() })
            }
            Err(source) => Err(Damage::File { path, source }),
        }
    }

    fn next(&mut self) -> Result<Option<&[u8]>, Damage> {
        self.line.clear();
        let length = (&mut self.file)
            .take(MAX_LINE_BYTES.into())
            .read_until(b'\n', &mut self.line)
            .map_err(|source| Damage::File { path: self.path.clone(), source })?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.pop() != Some(b'\n') {
            return Err(Damage::Line { file: self.name, line: self.number });
        }
        Ok(Some(&self.line))
    }
}

/// The signed heads, each larger than the one before.
struct Heads<'a> {
    lines: Lines,
    key: &'a VerifierKey,
    last: Option<Head>,
}

impl Heads<'_> {
    fn next(&mut self) -> Result<Option<Head>, Damage> {
        let Some(line) = self.lines.next()? else { return Ok(None) };
        let head = serde_json::from_slice::<String>(line).ok().and_then(|note| self.key.open(&note).ok());
        let after = self.last.map_or(0, |last| last.tree_size);
        let head = head.filter(|head| head.tree_size > after);
        if head.is_none() {
            return Err(Damage::Checkpoint { line: self.lines.number });
        }
        self.last = head;
        Ok(head)
    }
}
