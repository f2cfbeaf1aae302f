//! `cargo xtask bench`, `limits` and `audit-scale`: what is measured, and not tested.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, ValueEnum};

use crate::database::Database;
use crate::host::{Edge, Host};
use crate::{edge, paths, run, spin, tools, ui};

/// Where the table of a full run stands in docs/performance.md.
const BEGIN: &str = "<!-- measured -->\n";
const END: &str = "<!-- end of what was measured -->\n";

/// What is measured natively, what measures it, and what sends the load.
const PROGRAMS: [&str; 3] = ["agentidp", "agentidp-bench", "agentidp-load"];

/// What can be measured, as `agentidp-bench` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Verification of tokens that the edge has not seen.
    EdgeVerifyNew,
    /// Verification of tokens that it has.
    EdgeVerifySeen,
    /// What a verdict adds to answering at all.
    EdgeFloor,
    /// Introspection at the edge.
    EdgeIntrospect,
    /// Tokens by client credentials.
    Issue,
    /// Verification on Spin.
    SpinVerify,
    /// Verification natively, beside the bare signature check.
    NativeLimit,
    /// From a revocation to the first refusal.
    Revocation,
    /// Sealing the audit log beside issuing tokens.
    AuditAppend,
    /// Checking an exported audit log, beside hashing it.
    AuditVerify,
    /// Registrations, tokens and rotations at once.
    Everyone,
    /// Whether it stays as it is when there is more of everything.
    Scale,
    /// From nothing to the first answer.
    Cold,
    /// One organization at all its limits, beside another that works.
    Neighbour,
    /// What an edge takes when as much is revoked as can be.
    Memory,
}

impl Name {
    const fn needs_control_plane(self) -> bool {
        !matches!(
            self,
            Self::EdgeVerifyNew
                | Self::EdgeVerifySeen
                | Self::EdgeFloor
                | Self::EdgeIntrospect
                | Self::SpinVerify
                | Self::NativeLimit
        )
    }

    const fn needs_worker(self) -> bool {
        !matches!(
            self,
            Self::Issue
                | Self::SpinVerify
                | Self::NativeLimit
                | Self::AuditAppend
                | Self::AuditVerify
                | Self::Everyone
        )
    }
}

/// Measure ours and its peers in turn, in the same run: verification at the edge, introspection, tokens, revocation, growth.
///
/// Everything is real and optimised: workerd, PostgreSQL with fsync, and a process of its own that sends the load. Prints a table
/// with what each row is to reach, and whether it does; a full run also writes it to docs/performance.md. Linux only.
#[derive(Debug, Args)]
pub struct Bench {
    /// Only these.
    #[arg(value_enum)]
    names: Vec<Name>,
    /// Fewer and shorter rounds.
    #[arg(long)]
    quick: bool,
    /// Add the figures to target/bench/runs.jsonl, one line for a run, and compare the ratios with the last run of the same.
    #[arg(long)]
    json: bool,
}

impl Bench {
    fn wants(&self, needs: impl Fn(Name) -> bool) -> bool {
        Name::value_variants()
            .iter()
            .any(|name| (self.names.is_empty() || self.names.contains(name)) && needs(*name))
    }

    /// Builds what is wanted: the edges and their hosts beside what is native, since there is always something that one core links for
    /// a minute. Of Spin, the component and its host.
    fn build(&self) -> Result<Option<(PathBuf, PathBuf)>> {
        let wants_spin = self.wants(|name| name == Name::SpinVerify);
        let edges = || {
            if self.wants(Name::needs_worker) {
                edge::build(edge::Profile::Release)?;
            }
            wants_spin.then(spin::component).transpose()
        };
        thread::scope(|scope| {
            let host = wants_spin.then(|| scope.spawn(spin::host));
            let edges = scope.spawn(edges);
            native()?;
            let component = edges.join().map_err(|_| anyhow!("building the edge panicked"))??;
            let Some((host, component)) = host.zip(component) else { return Ok(None) };
            let host = host.join().map_err(|_| anyhow!("building the Spin host panicked"))??;
            Ok(Some((component.wasm, host)))
        })
    }

    pub fn run(self) -> Result<()> {
        if !cfg!(target_os = "linux") {
            bail!("the benchmarks read from /proc what processes cost: they need Linux");
        }
        let modules = tools::node_modules()?;
        let spin = self.build()?;
        let [agentidp, bench, load] = PROGRAMS.map(|program| paths::target().join("release").join(program));
        let mut program = run::program(bench);
        program.env_remove("DATABASE_URL").envs([
            ("AGENTIDP_ROOT", paths::root().to_owned()),
            ("AGENTIDP_BIN", agentidp.clone()),
            ("AGENTIDP_LOAD", load),
            ("AGENTIDP_NODE", tools::node()?),
            ("AGENTIDP_WORKERD", workerd(&modules)?),
            ("AGENTIDP_ESBUILD", modules.join(".bin/esbuild")),
            ("AGENTIDP_EDGE_BUILD", paths::edge_build()),
            ("AGENTIDP_EDGE_DEV", paths::root().join("edge/cloudflare/dev.mjs")),
        ]);
        if let Some((component, host)) = spin {
            program.env("AGENTIDP_SPIN_COMPONENT", component).env("AGENTIDP_SPIN_HOST", host);
            program.env("AGENTIDP_SPIN_CACHE", spin::cache());
        }
        let postgres = tools::postgres()?;
        let database = self
            .wants(Name::needs_control_plane)
            .then(|| Database::start(&agentidp, postgres.as_deref()))
            .transpose()?;
        if let Some(database) = &database {
            program.env("TEST_DATABASE_URL", database.url());
        }
        program
            .args(self.names.iter().filter_map(|name| Some(name.to_possible_value()?.get_name().to_owned())));
        let folder = paths::root().join("target/bench");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let table = folder.join("table.md");
        program.arg("--markdown").arg(&table);
        if self.quick {
            program.arg("--quick");
        }
        if self.json {
            program.arg("--json").arg(folder.join("runs.jsonl"));
        }
        let measured = run::run_with_output(&mut program);
        if let Some(database) = database {
            database.stop()?;
        }
        measured?;
        if self.names.is_empty() && !self.quick { publish(&table) } else { Ok(()) }
    }
}

/// Builds [`PROGRAMS`].
fn native() -> Result<()> {
    ui::step("building what is measured, and what measures it (optimised: some minutes, once)", || {
        let mut cargo = run::cargo();
        cargo.args(["build", "--release", "--package", "agentidp", "--package", "agentidp-tests"]);
        run::run(cargo.args(PROGRAMS.iter().flat_map(|program| ["--bin", program])))
    })
}

/// The runtime of Workers as npm brought it. Its own launcher is a script that would be counted with it.
fn workerd(modules: &Path) -> Result<PathBuf> {
    let machine = if cfg!(target_arch = "aarch64") { "workerd-linux-arm64" } else { "workerd-linux-64" };
    let path = modules.join("@cloudflare").join(machine).join("bin/workerd");
    if !path.is_file() {
        bail!("npm brought no workerd for this machine: {} is missing", path.display());
    }
    Ok(path)
}

/// Puts the table where people read it.
fn publish(table: &Path) -> Result<()> {
    let page = paths::root().join("docs/performance.md");
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    let text = replaced(&text, &fs::read_to_string(table)?)
        .context("docs/performance.md has no place for the table")?;
    fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))
}

fn replaced(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_table_takes_the_place_of_the_old_one_alone() {
        let page = format!("above\n{BEGIN}old\n{END}below\n");
        assert_eq!(replaced(&page, "new\n").unwrap(), format!("above\n{BEGIN}new\n{END}below\n"));
        assert_eq!(replaced("nothing marked", "new"), None);
    }

    #[test]
    fn only_what_is_asked_for_is_prepared() {
        let bench = |names| Bench { names, quick: true, json: false };
        assert!(!bench(vec![Name::NativeLimit]).wants(Name::needs_worker));
        assert!(!bench(vec![Name::EdgeVerifyNew]).wants(Name::needs_control_plane));
        assert!(bench(vec![Name::EdgeVerifyNew, Name::Cold]).wants(Name::needs_control_plane));
        assert!(bench(vec![]).wants(|name| name == Name::SpinVerify));
    }
}
