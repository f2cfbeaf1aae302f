//! One instance of the edge: its configuration and everything it remembers between requests.

use std::cell::RefCell;
use std::rc::Rc;

use agentidp_shared::hashing::SeededHasher;

use crate::config::Config;
use crate::documents::Rendered;
use crate::knowledge::Knowledge;
use crate::limits::Leases;
use crate::usage::Usage;

/// Lives as long as the instance does and is shared by its requests.
#[derive(Debug)]
pub struct Node {
    pub(crate) config: Config,
    pub(crate) knowledge: Knowledge,
    pub(crate) documents: Rendered,
    /// Kept by background work that outlives its request.
    pub(crate) leases: Rc<RefCell<Leases>>,
    pub(crate) usage: Usage,
}

impl Node {
    /// `seed` is 128 bits of the host's randomness: an attacker who could guess it could make the maps slow.
    pub fn new(config: Config, seed: [u8; 16]) -> Self {
        let hasher = SeededHasher::new(seed);
        let knowledge = Knowledge::new(&config, hasher);
        Self {
            config,
            knowledge,
            documents: Rendered::default(),
            leases: Leases::new(hasher),
            usage: Usage::default(),
        }
    }
}
