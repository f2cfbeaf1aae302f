//! Files made by a program and kept in the repository: the OpenAPI document and sqlx's query metadata.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::database::Database;
use crate::{native, paths, run, tools, ui};

/// Write docs/openapi.json from the handlers.
#[derive(Debug, Args)]
pub struct Openapi {
    /// Change nothing; fail when the file is stale.
    #[arg(long)]
    check: bool,
}

impl Openapi {
    pub fn run(self) -> Result<()> {
        let agentidp = native::build()?;
        if self.check {
            return check_openapi(&agentidp);
        }
        let path = openapi_path();
        fs::write(&path, openapi(&agentidp)?).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// An error when docs/openapi.json is not what the handlers say.
pub fn check_openapi(agentidp: &Path) -> Result<()> {
    if fs::read_to_string(openapi_path()).unwrap_or_default() != openapi(agentidp)? {
        bail!("docs/openapi.json is stale: run `cargo xtask openapi`");
    }
    Ok(())
}

fn openapi(agentidp: &Path) -> Result<String> {
    let document = run::output(run::program(agentidp).arg("openapi"))?;
    Ok(format!("{}\n", document.trim_end()))
}

fn openapi_path() -> PathBuf {
    paths::root().join("docs/openapi.json")
}

/// Write control-plane/.sqlx, the types of the SQL queries as PostgreSQL sees them.
#[derive(Debug, Args)]
pub struct Sqlx {
    /// Change nothing; fail when the folder is stale.
    #[arg(long)]
    check: bool,
}

impl Sqlx {
    pub fn run(self) -> Result<()> {
        // The programs may not compile just now: their metadata is what is being made. An older one will do.
        let agentidp = native::kept().map_or_else(native::build, Ok).context(
            "no agentidp was built here before, so there is no private PostgreSQL; set DATABASE_URL to one",
        )?;
        let node = tools::node()?;
        tools::node_modules()?;
        let database = Database::start(&agentidp, tools::postgres()?.as_deref())?;
        let url = ui::step("creating a database from the migrations", || {
            let mut migrate = run::program(node);
            migrate.arg(paths::root().join("xtask/scratch-database.mjs")).env("DATABASE_URL", database.url());
            Ok(run::output(&mut migrate)?.trim().to_owned())
        })?;
        let fresh = paths::cache().join("sqlx").join(paths::checkout_tag());
        let _ = fs::remove_dir_all(&fresh);
        fs::create_dir_all(&fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
        let described = ui::step("describing every query", || describe(&url, &fresh));
        drop_scratch(&database, &url)?;
        described?;
        let kept = paths::root().join("control-plane/.sqlx");
        let (old, new) = (read(&kept)?, read(&fresh)?);
        if self.check {
            if old != new {
                bail!("control-plane/.sqlx is stale: run `cargo xtask sqlx`");
            }
            return Ok(());
        }
        replace(&kept, &old, &new)?;
        ui::say(format_args!("{} queries described", new.len()));
        database.stop()
    }
}

/// The query macros write one file each into `SQLX_OFFLINE_DIR` while the crate is checked against a live database.
fn describe(url: &str, folder: &Path) -> Result<()> {
    // The macros only run when the crate is compiled again.
    let entry = paths::root().join("control-plane/src/lib.rs");
    let text = fs::read(&entry)?;
    fs::write(&entry, text)?;
    run::run(
        run::cargo()
            .args(["check", "--package", "agentidp", "--all-targets"])
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", folder)
            .env("DATABASE_URL", url),
    )
}

fn drop_scratch(database: &Database, url: &str) -> Result<()> {
    let mut command = run::program(tools::node()?);
    command
        .arg(paths::root().join("xtask/scratch-database.mjs"))
        .args(["--drop", url.rsplit('/').next().unwrap_or_default()])
        .env("DATABASE_URL", database.url());
    run::output(&mut command).map(|_| ())
}

fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.insert(name, fs::read(&path)?);
    }
    Ok(files)
}

/// Touches only what differs, so that an unchanged query does not recompile anything.
fn replace(folder: &Path, old: &BTreeMap<String, Vec<u8>>, new: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
    }
    for (name, content) in new.iter().filter(|(name, content)| old.get(*name) != Some(content)) {
        fs::write(folder.join(name), content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_removes_what_is_gone_and_adds_what_is_new() {
        let folder = std::env::temp_dir().join(format!("agentidp-replace-{}", std::process::id()));
        let state = |names: &[&str]| {
            names.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect()
        };
        let (first, second) = (state(&["a", "b"]), state(&["b", "c"]));
        replace(&folder, &BTreeMap::new(), &first).unwrap();
        replace(&folder, &first, &second).unwrap();
        assert_eq!(read(&folder).unwrap(), second);
        fs::remove_dir_all(folder).unwrap();
    }
}
