//! `cargo xtask authority`: who may do what to whom, printed whole.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::database::Database;
use crate::{native, test, tools, ui};

/// The fewest cells of all doors together.
const MIN_CELLS: usize = 1_500;

/// Try every act that a rank guards, by every rank, on every rank, through every door, and print what was expected and observed.
///
/// A cell is two signs: what is right, and what came of it (`+` allowed, `-` refused, `!` neither).
#[derive(Debug, Args)]
pub struct Authority {
    /// Build with one rule switched off, to see that the table can fail: prints what breaks, and fails if nothing does.
    #[arg(long, value_enum, value_name = "RULE")]
    without: Option<Rule>,
}

/// A rule that a scratch build can do without (`control-plane/src/access/rules.rs`).
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rule {
    /// A rank above one's own protects.
    Rank,
    /// An act asks for a least rank.
    Least,
    /// A token carries no more of a role than its scopes do.
    Narrowed,
    /// Nobody lends more than the right in use holds.
    Lend,
    /// A borrowed token makes nobody hold more.
    Borrowed,
    /// A delegated token carries no rank.
    Delegated,
    /// A bootstrap token registers, and nothing else.
    Bootstrap,
}

impl Authority {
    pub fn run(self) -> Result<()> {
        let agentidp = native::build()?;
        let postgres = tools::postgres()?;
        let database = Database::start(&agentidp, postgres.as_deref())?;
        let mut variables: Vec<(&str, PathBuf)> = vec![("TEST_DATABASE_URL", database.url().into())];
        if let Some(postgres) = postgres {
            variables.push(("AGENTIDP_POSTGRES_BIN", postgres));
        }
        let without = self.without.and_then(|rule| rule.to_possible_value());
        if let Some(rule) = &without {
            variables.push(("AGENTIDP_SCRATCH_WITHOUT_RULE", rule.get_name().into()));
        }
        let summary = env::temp_dir().join(format!("agentidp-authority-{}", std::process::id()));
        variables.push(("AGENTIDP_AUTHORITY_SUMMARY", summary.clone()));
        let tested = test::authority(&variables);
        database.stop()?;
        let (cells, differences) = totals(&fs::read_to_string(&summary).unwrap_or_default());
        let _ = fs::remove_file(&summary);
        ui::say(format_args!("{cells} cells, {differences} differences"));
        ensure!(cells >= MIN_CELLS, "only {cells} cells were tried, of at least {MIN_CELLS}");
        match without {
            None => tested,
            Some(rule) if differences == 0 => {
                bail!("nothing breaks without the rule `{}`: the table does not test it", rule.get_name())
            }
            Some(rule) => {
                ui::say(format_args!(
                    "without the rule `{}` these are wrong, as they must be",
                    rule.get_name()
                ));
                Ok(())
            }
        }
    }
}

/// What the lines `N cells, N differences` add up to.
fn totals(output: &str) -> (usize, usize) {
    let numbers = |line: &str| -> Option<(usize, usize)> {
        let (cells, rest) = line.split_once(" cells, ")?;
        Some((cells.parse().ok()?, rest.split_once(' ')?.0.parse().ok()?))
    };
    output.lines().filter_map(numbers).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doors_are_added_up() {
        assert_eq!(totals("550 cells, 0 differences\n90 cells, 3 differences\n"), (640, 3));
        assert_eq!(totals("many cells, 0 differences\n"), (0, 0));
    }
}
