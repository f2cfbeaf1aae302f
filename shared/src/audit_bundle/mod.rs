//! An audit log exported for who does not trust the service: its events, one per line, and its tree as C2SP's tlog-tiles lays it
//! out. Checking takes memory for one line and one tile of each level, however long the log is.

mod line;

use serde::{Deserialize, Serialize};

pub use self::line::{Attribution, Line};
use crate::audit_chain::{Hash, genesis, hash_with};
use crate::ids::InstanceId;
use crate::merkle::{Frontier, Node, leaf_hash};
use crate::signed_note::Head;

/// What the bundle of this version says it is.
pub const FORMAT: &str = "agentidp audit bundle v2";
/// A bundle of version 0.1.0, whose events say nothing of who did them beside their metadata. It is read as well.
pub const FIRST_FORMAT: &str = "agentidp audit bundle v1";
/// Levels of the tree in one level of tiles.
const TILE_LEVELS: u8 = 8;
/// Hashes in a full tile.
const TILE_HASHES: usize = 1 << TILE_LEVELS;

/// What a bundle says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Description {
    /// [`FORMAT`], or [`FIRST_FORMAT`].
    pub format: String,
    /// The first event follows its [`genesis`].
    pub instance: InstanceId,
    /// What verifies the signed heads, in signed-note's form. Compare it with one that was kept: who writes a bundle anew writes
    /// this too.
    pub verifier_key: String,
}

/// Why an event is not what was sealed.
#[derive(Debug, thiserror::Error)]
pub enum BadEvent {
    #[error("is not an event: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("is number {found} where {expected} must be")]
    OutOfOrder { expected: u64, found: u64 },
    #[error("does not follow the event before it")]
    NotLinked,
    #[error("was altered: its hash is another")]
    Altered,
}

/// An event's place in the chain, and whether its hash is its own: what its line tells without the lines before it.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    sequence: u64,
    previous_hash: Hash,
    hash: Hash,
    is_good: bool,
}

impl Link {
    /// Of a line; `memory` is what was used for another, or empty.
    pub fn read(line: &[u8], memory: &mut Vec<u8>) -> Result<Self, serde_json::Error> {
        let line = Line::read(line)?;
        let is_good = line.hash == hash_with(memory, &line.previous_hash, &line.event());
        let Line { sequence, previous_hash, hash, .. } = line;
        Ok(Self { sequence, previous_hash, hash, is_good })
    }
}

/// The log as far as it was read, and found good.
#[derive(Debug)]
pub struct Log {
    previous: Hash,
    tree: Frontier,
    tiles: Tiles,
}

impl Log {
    pub fn of(instance: InstanceId) -> Self {
        Self { previous: genesis(instance), tree: Frontier::default(), tiles: Tiles::default() }
    }

    pub fn head(&self) -> Head {
        Head { tree_size: self.tree.size(), root_hash: self.tree.root() }
    }

    /// The head, if one of `heads` is of as many events: hashing it costs more than an event.
    pub fn head_if(&self, heads: impl IntoIterator<Item = Head>) -> Option<Head> {
        heads.into_iter().any(|head| head.tree_size == self.tree.size()).then(|| self.head())
    }

    /// How many events there are.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Checks the next event against its seal and the one before; gives `full` each tile that it fills.
    pub fn push(&mut self, link: &Link, full: impl FnMut(&Tile<'_>)) -> Result<(), BadEvent> {
        let expected = self.tree.size() + 1;
        if link.sequence != expected {
            return Err(BadEvent::OutOfOrder { expected, found: link.sequence });
        }
        if link.previous_hash != self.previous {
            return Err(BadEvent::NotLinked);
        }
        if !link.is_good {
            return Err(BadEvent::Altered);
        }
        self.append(link.hash, full);
        Ok(())
    }

    /// Adds the hash of an event that is known to be good.
    pub fn append(&mut self, hash: Hash, mut full: impl FnMut(&Tile<'_>)) {
        let leaf = leaf_hash(&hash);
        let tiles = &mut self.tiles;
        tiles.add(Node { level: 0, index: self.tree.size() }, &leaf, &mut full);
        self.tree.push(leaf, |node, hash| tiles.add(node, &hash, &mut full));
        self.previous = hash;
    }

    /// The tiles at the right edge that are not full.
    pub fn partial_tiles(&self) -> impl Iterator<Item = Tile<'_>> {
        self.tiles
            .levels
            .iter()
            .zip(0..)
            .filter(|(level, _)| !level.hashes.is_empty())
            .map(|(level, number)| Tile { level: number, index: level.full, hashes: &level.hashes })
    }
}

/// Up to 256 hashes of one level of the tree, one after the other: 32 bytes each.
#[derive(Debug, Clone, Copy)]
pub struct Tile<'a> {
    /// Of tiles: eight levels of the tree each.
    pub level: u8,
    pub index: u64,
    pub hashes: &'a [u8],
}

impl Tile<'_> {
    /// Its place, as tlog-tiles says: `tile/LEVEL/INDEX`, and `.p/WIDTH` if it is not full.
    pub fn path(&self) -> String {
        let mut index = format!("{:03}", self.index % 1_000);
        let mut rest = self.index / 1_000;
        while rest > 0 {
            index = format!("x{:03}/{index}", rest % 1_000);
            rest /= 1_000;
        }
        let width = self.hashes.len() / size_of::<Hash>();
        let partial = if width < TILE_HASHES { format!(".p/{width}") } else { String::new() };
        format!("tile/{}/{index}{partial}", self.level)
    }
}

#[derive(Debug, Default)]
struct Tiles {
    levels: Vec<Level>,
}

#[derive(Debug, Default)]
struct Level {
    full: u64,
    hashes: Vec<u8>,
}

impl Tiles {
    fn add(&mut self, node: Node, hash: &Hash, full: &mut impl FnMut(&Tile<'_>)) {
        if !node.level.is_multiple_of(TILE_LEVELS) {
            return;
        }
        let number = node.level / TILE_LEVELS;
        while self.levels.len() <= usize::from(number) {
            self.levels.push(Level::default());
        }
        let Some(level) = self.levels.get_mut(usize::from(number)) else { return };
        level.hashes.extend_from_slice(hash);
        if level.hashes.len() == TILE_HASHES * size_of::<Hash>() {
            full(&Tile { level: number, index: level.full, hashes: &level.hashes });
            level.full += 1;
            level.hashes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_the_paths_of_the_specification() {
        let path = |index, width: usize| Tile { level: 0, index, hashes: &vec![0; width * 32] }.path();
        assert_eq!(path(1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(273, 112), "tile/0/273.p/112");
        assert_eq!(path(0, 256), "tile/0/000");
    }

    #[test]
    fn every_hash_of_every_eighth_level_is_in_a_tile() {
        let mut log = Log::of(uuid::Uuid::nil().into());
        let mut paths = vec![];
        for number in 0..70_000_u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            log.append(hash, |tile| paths.push(tile.path()));
        }
        // 70 000 = 273 · 256 + 112, and 273 = 256 + 17.
        assert_eq!(paths.iter().filter(|path| path.starts_with("tile/0/")).count(), 273);
        assert_eq!(paths.iter().filter(|path| !path.starts_with("tile/0/")).count(), 1);
        let partial: Vec<_> = log.partial_tiles().map(|tile| tile.path()).collect();
        assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    }
}
