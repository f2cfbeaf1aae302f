//! Exceptions, spread over shards by what they are about.

use std::collections::BTreeMap;

use agentidp_shared::feed::{Change, Envelope};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

/// Exceptions in one shard when it is laid out: few enough to read for one request, many enough for the head to stay short.
const PER_SHARD: usize = 64;
const FEWEST: usize = 16;
pub const MOST: usize = 1_024;

/// Where each shard is in the store; an empty one is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shards(Vec<Option<String>>);

impl Shards {
    /// Empty shards for `count` exceptions.
    pub fn for_exceptions(count: usize) -> Self {
        Self(vec![None; (count / PER_SHARD).next_power_of_two().clamp(FEWEST, MOST)])
    }

    /// Which shard the exception with this key belongs to.
    pub fn place_of(&self, key: &str) -> usize {
        number_of(key) % self.len()
    }

    /// How many shards there are, empty ones included.
    pub fn len(&self) -> usize {
        self.0.len().max(1)
    }

    pub fn name(&self, place: usize) -> Option<&str> {
        self.0.get(place)?.as_deref()
    }

    /// The keys, in the store, of the shards that say something of `subjects`.
    pub fn names_of(&self, subjects: &[String]) -> Vec<String> {
        let mut places: Vec<usize> = subjects.iter().map(|subject| self.place_of(subject)).collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|place| self.name(place)).map(str::to_owned).collect()
    }

    /// Puts another shard in a place; returns the name of the one that was there.
    pub fn replace(&mut self, place: usize, name: Option<String>) -> Option<String> {
        self.0.get_mut(place).and_then(|held| std::mem::replace(held, name))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(String::as_str)
    }
}

/// A number for each key, of which the place is what is left over a number of shards.
pub fn number_of(key: &str) -> usize {
    let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    digest.iter().take(4).fold(0, |number: usize, byte| number << 8 | usize::from(*byte))
}

/// Exceptions by key: of several about the same thing only the last counts.
pub type Exceptions = BTreeMap<String, Change>;

/// Kinds of the first two versions of the feed are written as they are, which is short; any other in its envelope.
pub fn parse(bytes: &[u8]) -> Option<Vec<Change>> {
    let plain: Result<Vec<Change>, _> = serde_json::from_slice(bytes);
    plain.or_else(|_| serde_json::from_slice(bytes).map(|Mixed(changes)| changes)).ok()
}

pub fn write(exceptions: &Exceptions) -> Option<Vec<u8>> {
    let entries: Vec<Entry<'_>> = exceptions.values().map(Entry::of).collect();
    serde_json::to_vec(&entries).ok()
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Plain(&'a Change),
    Enveloped(&'a Envelope),
}

impl<'a> Entry<'a> {
    fn of(change: &'a Change) -> Self {
        match change {
            Change::Unknown(envelope) => Self::Enveloped(envelope),
            plain => Self::Plain(plain),
        }
    }
}

/// A shard with changes that another instance could read, and this one perhaps not.
struct Mixed(Vec<Change>);

impl<'de> Deserialize<'de> for Mixed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |value: serde_json::Value| {
            Change::deserialize(&value).or_else(|_| Envelope::deserialize(value).map(Envelope::open))
        };
        let values = Vec::<serde_json::Value>::deserialize(deserializer)?;
        let changes: Result<Vec<Change>, serde_json::Error> = values.into_iter().map(read).collect();
        changes.map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_shards_as_it_takes() {
        for (exceptions, shards) in
            [(0, 16), (1_000, 16), (5_000, 128), (65_536, 1_024), (1_000_000, 1_024), (usize::MAX / 2, 1_024)]
        {
            assert_eq!(Shards::for_exceptions(exceptions).0.len(), shards, "{exceptions}");
        }
    }

    #[test]
    fn every_key_has_one_place_and_the_places_are_used_evenly() {
        let shards = Shards::for_exceptions(0);
        let mut used = [0; 16];
        for number in 0..1_600 {
            let key = format!("token/{number}");
            assert_eq!(shards.place_of(&key), shards.place_of(&key));
            used[shards.place_of(&key)] += 1;
        }
        assert!(used.iter().all(|count| (50..200).contains(count)), "{used:?}");
    }
}
