//! `cargo xtask bench`, `limits` and `audit-scale`: what is measured, and not tested.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::host::{Edge, Host};
use crate::{edge, run, spin, tools};

/// Run the benchmarks: verification, and what it takes an edge to begin, on each of its hosts.
#[derive(Debug, Args)]
pub struct Bench {
    /// Given to `cargo bench` as they are.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Bench {
    pub fn run(self) -> Result<()> {
        run::run(run::cargo().args(["bench", "--package", "agentidp-shared"]).args(self.arguments))?;
        let feed = run::cargo_release_example("agentidp-shared", "feed")?;
        run::run(&mut run::program(&feed))?;
        [Host::Cloudflare, Host::Spin].into_iter().try_for_each(|host| load("start", host, &feed))
    }
}

/// Measure how exactly rate limits hold under load from fifty nodes at once, and what counting costs.
#[derive(Debug, Args)]
pub struct Limits {
    /// Where the edge runs; both, one after the other, unless said.
    #[arg(long, value_enum)]
    edge: Option<Host>,
}

impl Limits {
    pub fn run(self) -> Result<()> {
        let feed = run::cargo_release_example("agentidp-shared", "feed")?;
        let hosts = self.edge.map_or(vec![Host::Cloudflare, Host::Spin], |host| vec![host]);
        hosts.into_iter().try_for_each(|host| load("limits", host, &feed))
    }
}

/// Measure checking an exported audit log: CPU time and memory of `agentidp audit fsck` over many events.
#[derive(Debug, Args)]
pub struct AuditScale {
    /// Events in the log, 1 or more; repeat for several sizes. Ten million take 8 GB of the folder for temporary files
    #[arg(long, default_values_t = [1_000_000, 10_000_000], value_parser = clap::value_parser!(u64).range(1..))]
    events: Vec<u64>,
}

impl AuditScale {
    pub fn run(self) -> Result<()> {
        let program = run::cargo_release_example("agentidp", "audit_scale")?;
        let agentidp = run::cargo_release_binary("agentidp", "agentidp")?;
        self.events
            .into_iter()
            .try_for_each(|events| run::run(run::program(&program).arg(events.to_string()).arg(&agentidp)))
    }
}

/// Runs one of tests/load against the edge that ships, with the program that makes it a feed.
fn load(name: &str, host: Host, feed: &Path) -> Result<()> {
    let edge = Edge::prepare(host, edge::Profile::Release)?;
    let mut measure = run::program(tools::node()?);
    measure.arg(format!("tests/load/{name}.mjs")).arg("--feed").arg(feed);
    measure.args(["--edge", &host.to_string()]);
    if let Edge::Spin { host, component } = &edge {
        measure.arg("--spin-host").arg(host).arg("--component").arg(component);
        measure.arg("--cache").arg(spin::cache());
    }
    run::run(&mut measure)
}
