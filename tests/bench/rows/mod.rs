//! The benchmarks, by what they measure.

pub mod audit;
pub mod cold;
pub mod control_plane;
pub mod edge;
pub mod native;
pub mod revocation;
pub mod scale;

use std::path::PathBuf;

use agentidp_tests::process::Folder;

use crate::load::{Request, prepare};
use crate::report::Report;

/// How thoroughly.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// Of requests that are sent once, in each round.
    pub requests: usize,
    /// Of requests that are sent over and over, in each round.
    pub seconds: f64,
    pub is_quick: bool,
}

impl Effort {
    // What happens to the machine lasts for seconds: the median of many short rounds is hardly moved by it.
    pub const FULL: Self = Self { rounds: 9, requests: 8_000, seconds: 0.7, is_quick: false };
    pub const QUICK: Self = Self { rounds: 3, requests: 4_000, seconds: 0.5, is_quick: true };

    /// For a shape that nothing is asked of.
    pub const fn by_the_way(mut self) -> Self {
        self.rounds = self.rounds.div_ceil(2);
        self
    }

    /// The same effort in fewer and longer rounds, when beginning one takes a while.
    pub fn in_long_rounds(mut self) -> Self {
        self.rounds = self.rounds.div_ceil(3);
        self.requests *= 3;
        self.seconds *= 3.0;
        self
    }
}

/// What a benchmark is given.
#[derive(Debug)]
pub struct Bench {
    pub effort: Effort,
    pub report: Report,
    folder: Folder,
}

impl Bench {
    pub fn new(effort: Effort) -> Self {
        Self { effort, report: Report::default(), folder: Folder::new() }
    }

    /// A file of requests for the load process.
    pub fn prepare(&self, requests: impl IntoIterator<Item = Request>) -> PathBuf {
        prepare(self.folder.path().join(agentidp_tests::unique()), requests)
    }
}
