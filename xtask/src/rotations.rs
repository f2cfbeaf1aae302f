//! `cargo xtask rotations`: the signing key is rotated under load, and no request fails.

use anyhow::Result;
use clap::Args;

use crate::database::Database;
use crate::host::{Edge, Host};
use crate::{edge, native, paths, run, spin, tools};

/// Rotate the signing key again and again while tokens are issued and verified at the edge; fails if one request does.
///
/// Tokens live for a minute, and keys that were replaced for six. As an edge takes 32 keys at once, a hundred rotations take about
/// twenty minutes: the first thirty seven seconds each, the others as keys go.
#[derive(Debug, Args)]
pub struct Rotations {
    /// How many.
    #[arg(long = "rotations", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    times: u32,
    /// Where the edge runs.
    #[arg(long, value_enum, default_value_t = Host::Cloudflare)]
    edge: Host,
    /// Print the result as JSON on standard output.
    #[arg(long)]
    json: bool,
}

impl Rotations {
    pub fn run(self) -> Result<()> {
        let agentidp = native::build()?;
        run::run(run::cargo().args(["build", "--package", "agentidp-tests", "--bin", "agentidp-rotations"]))?;
        let edge = Edge::prepare(self.edge, edge::Profile::Release)?;
        let database = Database::start(&agentidp, tools::postgres()?.as_deref())?;
        let mut program = run::program(paths::target().join("debug/agentidp-rotations"));
        program.arg(self.times.to_string());
        program.env("TEST_DATABASE_URL", database.url());
        program.env("AGENTIDP_ROOT", paths::root()).env("AGENTIDP_BIN", &agentidp);
        program.env("AGENTIDP_EDGE_HOST", self.edge.to_string()).env("AGENTIDP_NODE", tools::node()?);
        if let Edge::Spin { host, component } = &edge {
            program.env("AGENTIDP_SPIN_HOST", host).env("AGENTIDP_SPIN_COMPONENT", component);
            program.env("AGENTIDP_SPIN_CACHE", spin::cache());
        }
        if self.json {
            run::run_with_output(program.arg("--json"))?;
        } else {
            run::run(&mut program)?;
        }
        database.stop()
    }
}
