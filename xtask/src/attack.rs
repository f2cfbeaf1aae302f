//! `cargo xtask attack`: the catalogue of attacks, printed whole.

use std::{env, fs};

use anyhow::{Result, ensure};
use clap::Args;

use crate::database::Database;
use crate::{native, paths, test, tools, ui};

/// The sections of the catalogue. One that did not come to its end is missed.
const SECTIONS: &[&str] = &[
    "ssrf ",
    "ssrf-answers ",
    "trust-policies ",
    "workloads ",
    "outside-exchange ",
    "issuers ",
    "exchange ",
    "delegation ",
    "grants ",
    "federation ",
];

/// Try every attack of the catalogue, and with each its twin, which is the same but for what makes it an attack.
///
/// One row per attack: what must come of it, what did, and what came of its twin. Fails if an attack was accepted or a twin refused.
#[derive(Debug, Args)]
pub struct Attack {}

impl Attack {
    #[expect(clippy::unused_self, reason = "run as the other commands are")]
    pub fn run(self) -> Result<()> {
        let agentidp = native::build()?;
        let postgres = tools::postgres()?;
        let database = Database::start(&agentidp, postgres.as_deref())?;
        let summary = env::temp_dir().join(format!("agentidp-attack-{}", std::process::id()));
        let mut variables = vec![
            ("TEST_DATABASE_URL", database.url().into()),
            ("AGENTIDP_BIN", agentidp),
            ("AGENTIDP_ROOT", paths::root().to_owned()),
            ("AGENTIDP_ATTACK_SUMMARY", summary.clone()),
        ];
        if let Some(postgres) = postgres {
            variables.push(("AGENTIDP_POSTGRES_BIN", postgres));
        }
        let tested = test::attack(&variables);
        database.stop()?;
        let told = fs::read_to_string(&summary).unwrap_or_default();
        ui::say(format_args!("\n{told}"));
        let _ = fs::remove_file(&summary);
        tested?;
        for section in SECTIONS {
            ensure!(
                told.lines().any(|line| line.starts_with(section)),
                "nothing came of the section {section}"
            );
        }
        Ok(())
    }
}
