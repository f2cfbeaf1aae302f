//! `cargo xtask timing`: whether the time of a refused login tells why it was refused.

use anyhow::Result;
use clap::Args;

use crate::database::Database;
use crate::{paths, run, tools};

/// Compare how long refused logins take: unknown agents and known ones, wrong and revoked secrets and keys.
#[derive(Debug, Args)]
pub struct Timing {
    /// How many requests of each kind, of each pair that is compared.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    samples: u32,
}

impl Timing {
    pub fn run(self) -> Result<()> {
        // As it ships: unoptimised, everything takes so long that little differences drown.
        let agentidp = run::cargo_release_binary("agentidp", "agentidp")?;
        run::run(run::cargo().args(["build", "--package", "agentidp-tests", "--bin", "agentidp-timing"]))?;
        let database = Database::start(&agentidp, tools::postgres()?.as_deref())?;
        let mut program = run::program(paths::target().join("debug/agentidp-timing"));
        program.arg(self.samples.to_string()).env("TEST_DATABASE_URL", database.url());
        program.env("AGENTIDP_ROOT", paths::root()).env("AGENTIDP_BIN", &agentidp);
        let measured = run::run(&mut program);
        database.stop()?;
        measured
    }
}
