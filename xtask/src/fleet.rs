//! `cargo xtask fleet`: an upgrade in the middle, with an edge of 0.1.0 and one of today in front of today's control plane.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::database::Database;
use crate::{edge, native, paths, run, tools, ui};

/// The commit that 0.1.0 is.
const OLDER: &str = "01f4712";

/// Run an edge of 0.1.0 and one of today in front of today's control plane, and print what each says.
#[derive(Debug, Args)]
pub struct Fleet {}

impl Fleet {
    pub fn run(self) -> Result<()> {
        let agentidp = native::build()?;
        run::run(run::cargo().args(["build", "--package", "agentidp-tests", "--bin", "agentidp-fleet"]))?;
        edge::build(edge::Profile::Release)?;
        let older = older_edge()?;
        let database = Database::start(&agentidp, tools::postgres()?.as_deref())?;
        let mut program = run::program(paths::target().join("debug/agentidp-fleet"));
        program.env("TEST_DATABASE_URL", database.url());
        program.env("AGENTIDP_ROOT", paths::root()).env("AGENTIDP_BIN", &agentidp);
        program.env("AGENTIDP_NODE", tools::node()?).env("AGENTIDP_OLDER_CHECKOUT", &older);
        let outcome = run::run(&mut program);
        database.stop()?;
        outcome
    }
}

/// A checkout of 0.1.0 with its worker built, in the cache: made once.
fn older_edge() -> Result<PathBuf> {
    let folder = paths::cache().join("versions").join(OLDER);
    let checkout = folder.join("checkout");
    if is_built(&checkout) {
        return Ok(checkout);
    }
    if !checkout.join("Cargo.toml").is_file() {
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let mut clone = run::program("git");
        clone.args(["clone", "--no-checkout"]).arg(paths::root()).arg(&checkout);
        run::run(&mut clone).context("the history of this checkout is needed for 0.1.0")?;
        let mut switch = run::program("git");
        switch.current_dir(&checkout).args(["checkout", "--detach", OLDER]);
        run::run(&mut switch).context("0.1.0 is not in the history of this checkout: fetch it")?;
    }
    ui::step("building the edge of 0.1.0", || {
        let mut build = run::cargo();
        build.current_dir(&checkout).args(["run", "--quiet", "--package", "xtask", "--", "edge-build"]);
        build.env("CARGO_TARGET_DIR", folder.join("target"));
        run::run(&mut build)
    })?;
    Ok(checkout)
}

fn is_built(checkout: &Path) -> bool {
    checkout.join("edge/cloudflare/build/.agentidp-built").is_file()
}
