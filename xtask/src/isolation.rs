//! `cargo xtask isolation`: the isolation matrix, printed whole.

use anyhow::Result;
use clap::Args;

use crate::database::Database;
use crate::{edge, native, paths, test, tools};

/// Try every way from one organization to another, over HTTP and in every table, and print what came of it.
///
/// The same cells are tried with row-level security switched off: every table must then leak, and no endpoint may.
#[derive(Debug, Args)]
pub struct Isolation {
    /// Leave out the edge, which takes a while to build.
    #[arg(long)]
    without_edge: bool,
}

impl Isolation {
    pub fn run(self) -> Result<()> {
        let agentidp = native::build()?;
        let postgres = tools::postgres()?;
        let database = Database::start(&agentidp, postgres.as_deref())?;
        let mut variables = vec![
            ("TEST_DATABASE_URL", database.url().into()),
            ("AGENTIDP_BIN", agentidp),
            ("AGENTIDP_ROOT", paths::root().to_owned()),
        ];
        if let Some(postgres) = postgres {
            variables.push(("AGENTIDP_POSTGRES_BIN", postgres));
        }
        if !self.without_edge {
            edge::build(edge::Profile::Release)?;
            variables.extend([
                ("AGENTIDP_EDGE_BUILD", paths::edge_build()),
                ("AGENTIDP_EDGE_DEV", paths::root().join("edge/cloudflare/dev.mjs")),
                ("AGENTIDP_NODE", tools::node()?),
            ]);
        }
        let tested = test::isolation(&variables, !self.without_edge);
        database.stop()?;
        tested
    }
}
