//! `cargo xtask chaos`: proof that nothing acknowledged is lost.

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{native, paths, run, tools};

/// Kill the control plane and its PostgreSQL again and again under load, then look for everything that was acknowledged.
///
/// Both are real, PostgreSQL with fsync, and die by SIGKILL at moments that the seed decides. Afterwards every answer is compared
/// with the audit log, the tables, the feed and what an edge makes of it; and damage done on purpose must be found by the checks.
/// Fails on any violation. Takes about twelve minutes on two idle cores; Linux only.
#[derive(Debug, Args)]
pub struct Chaos {
    /// 500 and 200 kills instead of 100 and 40.
    #[arg(long)]
    long: bool,
    /// How often the control plane is killed.
    #[arg(long, value_parser = clap::value_parser!(u32).range(..=10_000))]
    kills: Option<u32>,
    /// How often PostgreSQL is killed.
    #[arg(long, value_parser = clap::value_parser!(u32).range(..=10_000))]
    database_kills: Option<u32>,
    /// Decides what is killed when, and what is asked; drawn anew if absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Print the result as JSON on standard output.
    #[arg(long)]
    json: bool,
}

impl Chaos {
    /// Kills of the control plane, and of PostgreSQL.
    fn kills(&self) -> (u32, u32) {
        let usual = if self.long { (500, 200) } else { (100, 40) };
        (self.kills.unwrap_or(usual.0), self.database_kills.unwrap_or(usual.1))
    }

    pub fn run(self) -> Result<()> {
        let (kills, database_kills) = self.kills();
        let seed = self.seed.map_or_else(new_seed, Ok)?;
        let agentidp = native::build()?;
        run::run(run::cargo().args(["build", "--package", "agentidp-tests", "--bin", "agentidp-chaos"]))?;
        let mut program = run::program(paths::target().join("debug/agentidp-chaos"));
        program.args(["--kills", &kills.to_string(), "--database-kills", &database_kills.to_string()]);
        program.args(["--seed", &seed.to_string()]);
        program.env("AGENTIDP_ROOT", paths::root()).env("AGENTIDP_BIN", &agentidp);
        // It kills its PostgreSQL, so never one that is somebody's.
        program.env_remove("DATABASE_URL");
        if let Some(postgres) = tools::postgres()? {
            program.env("AGENTIDP_POSTGRES_BIN", postgres);
        }
        if self.json {
            program.arg("--json");
            return run::run_with_output(&mut program);
        }
        run::run(&mut program)
    }
}

/// From the clock: it is printed, and may be given again.
#[expect(clippy::disallowed_methods, reason = "any number will do")]
fn new_seed() -> Result<u64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Ok(since.context("the clock is before 1970")?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_goes_before_what_is_usual() {
        let chaos = |long, kills| Chaos { long, kills, database_kills: None, seed: None, json: false };
        assert_eq!(chaos(false, None).kills(), (100, 40));
        assert_eq!(chaos(true, None).kills(), (500, 200));
        assert_eq!(chaos(true, Some(6)).kills(), (6, 200));
    }
}
