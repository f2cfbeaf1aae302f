//! The benchmarks, by what they measure.

pub mod audit;
pub mod cold;
pub mod control_plane;
pub mod edge;
pub mod fill;
pub mod memory;
pub mod native;
pub mod neighbour;
pub mod revocation;
pub mod scale;

use std::path::PathBuf;

use agentidp_tests::process::Folder;

use crate::load::{Request, prepare};
use crate::report::Report;

/// How thoroughly.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds before those that count: servers compile what they run often only after a while.
    pub warm_up: usize,
    pub rounds: usize,
    /// Of requests that are sent once, in each round.
    pub requests: usize,
    /// Of requests that are sent over and over, in each round.
    pub seconds: f64,
    pub is_quick: bool,
}

impl Effort {
    // What happens to a machine mostly lasts longer than a tenth of a second. So it happens to both of a round, or to few of many.
    pub const FULL: Self = Self { warm_up: 10, rounds: 120, requests: 500, seconds: 0.05, is_quick: false };
    pub const QUICK: Self = Self { warm_up: 6, rounds: 15, requests: 500, seconds: 0.05, is_quick: true };

    pub const fn all_rounds(self) -> usize {
        self.warm_up + self.rounds
    }

    /// For a shape that nothing is asked of.
    pub const fn by_the_way(mut self) -> Self {
        self.rounds = self.rounds.div_ceil(2);
        self
    }

    /// So many times as many rounds: for what few answers decide, or what slows ours and the peer differently.
    pub const fn more_often(mut self, times: usize) -> Self {
        self.rounds *= times;
        self
    }

    /// Rounds that are so many times as long, those that count in twice the time altogether: for what takes a while to begin, or needs
    /// more answers.
    pub fn in_longer_rounds(mut self, times: u16) -> Self {
        self.rounds = (self.rounds * 2).div_ceil(usize::from(times));
        self.requests *= usize::from(times);
        self.seconds *= f64::from(times);
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
