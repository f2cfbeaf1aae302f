//! `cargo xtask demo`: the main job, end to end, over HTTP as any client would do it.

pub mod http;
mod origin;
mod report;
mod story;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use self::origin::Origin;
use self::report::Report;
use self::story::Story;
use crate::host::Host;
use crate::ui;

/// What revocation may take, from asking for it to the edge refusing.
const MEDIAN_AT_MOST: Duration = Duration::from_secs(1);
const MAX_AT_MOST: Duration = Duration::from_secs(3);

/// Register an agent, issue it a token, verify it at the edge, revoke it and watch it refused.
#[derive(Debug, Args)]
pub struct Demo {
    /// Print one JSON document instead of prose.
    #[arg(long)]
    json: bool,
    /// Where the edge runs; a stack of its own is started for it, whatever else runs.
    #[arg(long, value_enum)]
    edge: Option<Host>,
    /// How many tokens are revoked to measure how fast the edge refuses them.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    trials: u16,
}

impl Demo {
    pub fn run(self) -> Result<()> {
        let mut origin = Origin::find_or_start(self.edge)?;
        let (edge_url, admin) = (origin.edge_url(), origin.admin_credential()?);
        let started = Instant::now();
        let mut report = Report::new(self.json);
        let told = Story::new(&edge_url, admin, &mut origin, &mut report).tell(usize::from(self.trials));
        let took = started.elapsed();
        origin.finish()?;
        finish(self.json, &report, took);
        told?;
        if !report.held() {
            bail!("not every step held");
        }
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "the demo's result")]
fn finish(json: bool, report: &Report, took: Duration) {
    if json {
        println!("{:#}", report.to_json(took));
    } else {
        let verdict = if report.held() { "every step held" } else { "a step did not hold" };
        println!("\n{verdict}; the demo took {}", ui::human(took));
    }
}
