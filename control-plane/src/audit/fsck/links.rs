//! Reads the events of a bundle on all cores: what a line tells alone needs none of the lines before it.

use std::fs::File;
use std::io::{self, Read as _};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Scope};

use agentidp_shared::audit_bundle::Link;
use memchr::{memchr_iter, memrchr};

use super::{Damage, MAX_LINE_BYTES};

const NAME: &str = "events.ndjson";
/// What is read at once: enough for a thread to be worth asking.
const BLOCK_BYTES: usize = 256 * 1024;
/// Blocks that are read ahead for each thread: one that it works on, and one that waits.
const AHEAD: usize = 2;

/// Some lines of the file, one after the other.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub links: Vec<Link>,
    /// What is wrong with the line after them.
    pub malformed: Option<serde_json::Error>,
}

impl Links {
    fn read(block: &[u8], memory: &mut Vec<u8>) -> Self {
        let mut read = Self::default();
        let mut begin = 0;
        for end in memchr_iter(b'\n', block) {
            match Link::read(block.get(begin..end).unwrap_or_default(), memory) {
                Ok(link) => read.links.push(link),
                Err(error) => return Self { malformed: Some(error), ..read },
            }
            begin = end + 1;
        }
        read
    }
}

/// Gives all lines of the bundle in `folder` to `take`, in their order, until it refuses some. What cannot be read is an error once
/// all before it were taken.
pub(super) fn for_each(
    folder: &Path,
    mut take: impl FnMut(Links) -> Result<(), Damage>,
) -> Result<(), Damage> {
    let mut blocks = Blocks::open(folder.join(NAME))?;
    let count = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let threads: Vec<Reader> = (0..count).map(|_| Reader::start(scope)).collect();
        // Each has its turn, and so the answers are in the order of the blocks.
        let (mut asked, mut answering) = (threads.iter().cycle(), threads.iter().cycle());
        let (mut open, mut end) = (0, None);
        loop {
            while open < count * AHEAD && end.is_none() {
                match blocks.next() {
                    Ok(Some(block)) => {
                        asked.next().and_then(|reader| reader.blocks.send(block).ok()).ok_or_else(gone)?;
                        open += 1;
                    }
                    Ok(None) => end = Some(Ok(())),
                    Err(damage) => end = Some(Err(damage)),
                }
            }
            if open == 0 {
                return end.unwrap_or(Ok(()));
            }
            let answer = answering.next().and_then(|reader| reader.answers.recv().ok());
            let (links, block) = answer.ok_or_else(gone)?;
            blocks.spare.push(block);
            open -= 1;
            take(links)?;
        }
    })
}

/// Only if a thread panicked, which ends the scope in the same way.
fn gone() -> Damage {
    Damage::File { path: NAME.into(), source: io::Error::other("a thread that read it has ended") }
}

/// A thread that reads blocks, until no more come, and gives them back.
struct Reader {
    blocks: Sender<Block>,
    answers: Receiver<(Links, Block)>,
}

impl Reader {
    fn start<'scope>(scope: &'scope Scope<'scope, '_>) -> Self {
        let (blocks, given) = channel::<Block>();
        let (answer, answers) = channel();
        scope.spawn(move || {
            let mut memory = Vec::new();
            for block in given {
                if answer.send((Links::read(block.lines(), &mut memory), block)).is_err() {
                    break;
                }
            }
        });
        Self { blocks, answers }
    }
}

/// Room for the longest line, and what of it is in use.
struct Block {
    bytes: Vec<u8>,
    used: usize,
}

impl Block {
    fn new() -> Self {
        Self { bytes: vec![0; usize::try_from(MAX_LINE_BYTES).unwrap_or(usize::MAX)], used: 0 }
    }

    fn lines(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

/// A file, some whole lines at a time.
struct Blocks {
    path: PathBuf,
    file: File,
    /// Given out so far.
    lines: u64,
    /// The beginning of a line that is not whole yet.
    begun: Vec<u8>,
    /// To be used again.
    spare: Vec<Block>,
}

impl Blocks {
    fn open(path: PathBuf) -> Result<Self, Damage> {
        match File::open(&path) {
            Ok(file) => Ok(Self { path, file, lines: 0, begun: Vec::new(), spare: Vec::new() }),
            Err(source) => Err(Damage::File { path, source }),
        }
    }

    fn next(&mut self) -> Result<Option<Block>, Damage> {
        let mut block = self.spare.pop().unwrap_or_else(Block::new);
        let mut used = self.begun.len();
        if let Some(beginning) = block.bytes.get_mut(..used) {
            beginning.copy_from_slice(&self.begun);
        }
        self.begun.clear();
        loop {
            let room = block.bytes.get_mut(used..).unwrap_or_default();
            let most = room.len().min(BLOCK_BYTES);
            let count = match self.file.read(room.get_mut(..most).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|source| Damage::File { path: self.path.clone(), source })?,
            };
            block.used = used + count;
            if let Some(end) = memrchr(b'\n', block.lines()) {
                self.begun.extend(block.lines().get(end + 1..).unwrap_or_default());
                block.used = end + 1;
                self.lines += u64::try_from(memchr_iter(b'\n', block.lines()).count()).unwrap_or(u64::MAX);
                return Ok(Some(block));
            }
            if block.used == 0 {
                return Ok(None);
            }
            // It ends in the middle of a line, or the line has no end.
            if count == 0 {
                return Err(Damage::Line { file: NAME, line: self.lines + 1 });
            }
            used = block.used;
        }
    }
}
