//! One instance of the edge: its configuration and everything it remembers between requests.

use agentidp_shared::hashing::SeededHasher;

use crate::config::Config;
use crate::documents::Rendered;
use crate::knowledge::Knowledge;
use crate::usage::Usage;

/// Lives as long as the instance does and is shared by its requests.
#[derive(Debug)]
pub struct Node {
    pub(crate) config: Config,
    pub(crate) knowledge: Knowledge,
    pub(crate) documents: Rendered,
    pub(crate) usage: Usage,
}

impl Node {
    /// `seed` is 128 bits of the host's randomness: an attacker who could guess it could make the maps slow.
    pub fn new(config: Config, seed: [u8; 16]) -> Self {
        let knowledge = Knowledge::new(&config, SeededHasher::new(seed));
        Self { config, knowledge, documents: Rendered::default(), usage: Usage::default() }
    }
}
