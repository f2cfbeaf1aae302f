//! `cargo xtask fault`: the failure table of the edge's contract, with real faults.

use anyhow::{Result, bail};
use clap::Args;

use crate::database::Database;
use crate::host::{Edge, Host};
use crate::{edge, native, paths, run, spin, tools};

/// Inject faults between edge and control plane and into the edge's platform, and print what the edge says meanwhile.
#[derive(Debug, Args)]
pub struct Fault {
    /// Where the edge runs; both, one after the other, unless said.
    #[arg(long, value_enum)]
    edge: Option<Host>,
    /// How many revocations are timed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    trials: u32,
}

impl Fault {
    pub fn run(self) -> Result<()> {
        let agentidp = native::build()?;
        run::run(run::cargo().args(["build", "--package", "agentidp-tests", "--bin", "agentidp-fault"]))?;
        let database = Database::start(&agentidp, tools::postgres()?.as_deref())?;
        let mut wrong = Vec::new();
        for host in self.edge.map_or(vec![Host::Cloudflare, Host::Spin], |host| vec![host]) {
            let edge = Edge::prepare(host, edge::Profile::Release)?;
            let mut program = run::program(paths::target().join("debug/agentidp-fault"));
            program.arg(self.trials.to_string());
            program.env("TEST_DATABASE_URL", database.url());
            program.env("AGENTIDP_ROOT", paths::root()).env("AGENTIDP_BIN", &agentidp);
            program.env("AGENTIDP_EDGE_HOST", host.to_string()).env("AGENTIDP_NODE", tools::node()?);
            if let Edge::Spin { host, component } = &edge {
                program.env("AGENTIDP_SPIN_HOST", host).env("AGENTIDP_SPIN_COMPONENT", component);
                program.env("AGENTIDP_SPIN_CACHE", spin::cache());
            }
            if run::run(&mut program).is_err() {
                wrong.push(host.to_string());
            }
        }
        database.stop()?;
        if wrong.is_empty() { Ok(()) } else { bail!("wrong verdicts on {}", wrong.join(" and ")) }
    }
}
