//! `cargo xtask test`: every suite, with what it needs, and a table of the results.

use std::path::PathBuf;
use std::process::Command;

use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::database::Database;
use crate::logs::{self, Logs};
use crate::{edge, generated, native, paths, run, signals, spin, tools, ui};

/// One selection for all suites: Cargo then resolves features once, and nothing is compiled twice.
const PACKAGES: [&str; 5] = ["agentidp-shared", "agentidp-edge-core", "agentidp", "agentidp-tests", "xtask"];

/// What only the components that ship switch on.
const FEATURES: [&str; 2] = ["--features", "agentidp-edge-core/rego"];

const CONFORMANCE: &str = "package(=agentidp-tests) & binary(=conformance)";
/// The tests of [`Suite::Isolation`].
const ISOLATION: &str = "(package(=agentidp) & test(/^(table_matrix|schema_rules)::/)) | (package(=agentidp-tests) & test(/^matrix::/))";
/// The tests of [`Suite::Attack`].
const ATTACK: &str = "(package(=agentidp) | package(=agentidp-tests)) & test(/(^|::)attack(_answers)?::/) & !test(/^attack::tests::/)";
/// The one of [`Suite::Isolation`] that needs an edge.
const AT_EDGE: &str = "matrix::no_answer_of_the_edge";
/// The test of [`Suite::Table`].
const TABLE: &str = "table::every_case_is_answered_as_it_must_be_and_alike_on_both_hosts";

/// What `shared` must build for: the edge's hosts.
const WASM_TARGETS: [&str; 3] = ["wasm32-unknown-unknown", "wasm32-wasip1", "wasm32-wasip2"];

/// A part of the tests that can be asked for alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// Rules and tools: no database, no network.
    Unit,
    /// The control plane against PostgreSQL.
    Db,
    /// The edge's HTTP contract, on each of its hosts.
    Conformance,
    /// The table of cases, asked of both hosts at once.
    #[value(skip)]
    Table,
    /// What crosses rooms, and third-party clients.
    E2e,
    /// What `cargo xtask isolation` prints: parts of [`Self::Db`] and [`Self::E2e`].
    #[value(skip)]
    Isolation,
    /// What `cargo xtask attack` prints: parts of all others.
    #[value(skip)]
    Attack,
}

impl Suite {
    /// Whether its output is what it is run for.
    fn prints(self) -> bool {
        matches!(self, Self::Isolation | Self::Attack)
    }
}

/// Run the tests.
#[derive(Debug, Args)]
pub struct Test {
    /// Only these suites.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Suite>,
    /// Given to the test runner as they are, for example a name to filter by.
    #[arg(last = true)]
    runner_arguments: Vec<String>,
}

impl Test {
    pub fn run(self) -> Result<()> {
        let mut table = Table::default();
        let tested = self.suites(&mut table);
        table.print();
        tested?;
        if table.failed() {
            bail!("not everything passed");
        }
        Ok(())
    }

    fn wants(&self, suite: Suite) -> bool {
        self.only.is_empty() || self.only.contains(&suite)
    }

    fn suites(&self, table: &mut Table) -> Result<()> {
        let runner = Runner { nextest: tools::has_nextest(), arguments: self.runner_arguments.clone() };
        if !runner.nextest {
            ui::say("cargo-nextest is not installed; `cargo test` does the same, more slowly");
        }
        if self.wants(Suite::Unit) {
            table.take("wasm checks", wasm_checks)?;
            table.take("wycheproof in wasm", wycheproof_in_wasm)?;
            table.take("unit", || runner.run(Suite::Unit, &[]))?;
        }
        let edge_suites = self.wants(Suite::Conformance) || self.wants(Suite::E2e);
        if !self.wants(Suite::Db) && !edge_suites {
            return Ok(());
        }
        let Some(agentidp) = table.value("control plane", native::build)? else { return Ok(()) };
        if self.wants(Suite::Db) {
            table.take("openapi.json is current", || generated::check_openapi(&agentidp))?;
        }
        let postgres = tools::postgres()?;
        let database = Database::start(&agentidp, postgres.as_deref())?;
        let mut variables = vec![("TEST_DATABASE_URL", database.url().into())];
        if let Some(postgres) = postgres {
            variables.push(("AGENTIDP_POSTGRES_BIN", postgres));
        }
        if self.wants(Suite::Db) {
            table.take("db", || runner.run(Suite::Db, &variables))?;
        }
        if edge_suites {
            let (logs, all) = (Logs::new()?, self.runner_arguments.is_empty());
            logs.register(logs::DATABASE_PASSWORD, password(database.url()))?;
            variables.push(("AGENTIDP_TEST_LOGS", logs.folder().to_owned()));
            self.edge_suites(&runner, table, agentidp, variables)?;
            if let Some(said) = table.value("no secret in any log", || logs.search(all))? {
                table.notes.push(said);
            }
        }
        database.stop()
    }

    /// What starts processes.
    fn edge_suites(
        &self,
        runner: &Runner,
        table: &mut Table,
        agentidp: PathBuf,
        mut variables: Vec<(&'static str, PathBuf)>,
    ) -> Result<()> {
        let Some(worker) = table.value("edge worker", || edge::build(edge::Profile::Release))? else {
            return Ok(());
        };
        ui::say(format_args!("  edge worker: {}", worker.sizes()));
        table.take("edge worker size", || worker.check_size())?;
        variables.extend([
            ("AGENTIDP_BIN", agentidp),
            ("AGENTIDP_ROOT", paths::root().to_owned()),
            ("AGENTIDP_EDGE_BUILD", paths::edge_build()),
            ("AGENTIDP_EDGE_DEV", paths::root().join("edge/cloudflare/dev.mjs")),
            ("AGENTIDP_NODE", tools::node()?),
            ("AGENTIDP_PYTHON", tools::python()?),
        ]);
        if self.wants(Suite::Conformance) {
            table.take("conformance", || runner.run(Suite::Conformance, &variables))?;
            table.take("spin host", spin::test_host)?;
            if let Some(on_spin) = table.value("edge component", spin_variables)? {
                variables.extend(on_spin);
                let variables: Vec<_> =
                    variables.iter().cloned().chain([("AGENTIDP_EDGE_HOST", "spin".into())]).collect();
                table.take("conformance (spin)", || runner.run(Suite::Conformance, &variables))?;
                if let Some(Some(summary)) =
                    table.value("conformance (table)", || compare(runner, &variables))?
                {
                    table.notes.push(summary);
                }
            }
        }
        if self.wants(Suite::E2e) {
            let Some(others) = table.value("programs of others", programs_of_others)? else {
                return Ok(());
            };
            variables.extend(others);
            table.take("e2e", || runner.run(Suite::E2e, &variables))?;
        }
        Ok(())
    }
}

/// Runs what shows whether organizations can reach each other, with its output; also at the edge, or not.
pub fn isolation(variables: &[(&str, PathBuf)], at_edge: bool) -> Result<()> {
    let arguments = if at_edge { vec![] } else { ["--skip", AT_EDGE].map(ToOwned::to_owned).to_vec() };
    Runner { nextest: tools::has_nextest(), arguments }.run(Suite::Isolation, variables)
}

/// Runs the catalogue of attacks, with its output.
pub fn attack(variables: &[(&str, PathBuf)]) -> Result<()> {
    Runner { nextest: tools::has_nextest(), arguments: vec![] }.run(Suite::Attack, variables)
}

/// Runs the table of authority, with its output.
pub fn authority(variables: &[(&str, PathBuf)]) -> Result<()> {
    let mut command = run::cargo();
    command.args(["test", "--package", "agentidp", "--test", "database", "--", "--nocapture"]);
    // The doors themselves, not the attacks beside them.
    command.args(["authority::a_", "authority::an_", "--test-threads", "2"]);
    command.env_remove("DATABASE_URL").envs(variables.iter().map(|(name, value)| (name, value)));
    run::run(&mut command)
}

/// The password in a URL; empty if there is none.
fn password(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
    login.split_once(':').map_or("", |(_, password)| password)
}

/// Asks both hosts, and says what came of it in a line. Nothing if the cases were not among what was to be tested.
fn compare(runner: &Runner, variables: &[(&'static str, PathBuf)]) -> Result<Option<String>> {
    let file = env::temp_dir().join(format!("agentidp-table-{}", std::process::id()));
    let variables: Vec<_> =
        variables.iter().cloned().chain([("AGENTIDP_TABLE_SUMMARY", file.clone())]).collect();
    runner.run(Suite::Table, &variables)?;
    let Ok(summary) = fs::read_to_string(&file) else { return Ok(None) };
    fs::remove_file(&file)?;
    ui::say(&summary);
    Ok(Some(summary))
}

/// Programs of others: proxies that ask the edge, and a Vault that keeps keys.
fn programs_of_others() -> Result<[(&'static str, PathBuf); 3]> {
    Ok([
        ("AGENTIDP_NGINX", tools::nginx()?),
        ("AGENTIDP_ENVOY", tools::envoy()?),
        ("AGENTIDP_BAO", tools::bao()?),
    ])
}

/// Builds the edge for Spin and what runs it.
fn spin_variables() -> Result<[(&'static str, PathBuf); 3]> {
    let component = spin::component()?;
    ui::say(format_args!("  edge component: {}", component.sizes()));
    component.check_size()?;
    Ok([
        ("AGENTIDP_SPIN_HOST", spin::host()?),
        ("AGENTIDP_SPIN_COMPONENT", component.wasm),
        ("AGENTIDP_SPIN_CACHE", spin::cache()),
    ])
}

/// The shared rules compile for every host, the edge's core for the one it ships to.
fn wasm_checks() -> Result<()> {
    tools::rust_targets(&WASM_TARGETS)?;
    for target in WASM_TARGETS {
        run::run(run::cargo().args(["check", "--package", "agentidp-shared", "--target", target]))?;
    }
    run::run(run::cargo().args([
        "check",
        "--package",
        "agentidp-edge-core",
        "--target",
        "wasm32-unknown-unknown",
    ]))
}

/// The published attack vectors against our verification, compiled to WebAssembly and run by Node.js.
fn wycheproof_in_wasm() -> Result<()> {
    tools::rust_targets(&["wasm32-wasip1"])?;
    let mut runner = tools::node()?.into_os_string();
    runner.push(" ");
    runner.push(paths::root().join("shared/tests/wasi-runner.mjs"));
    run::run(
        run::cargo()
            .args([
                "test",
                "--package",
                "agentidp-shared",
                "--test",
                "wycheproof",
                "--target",
                "wasm32-wasip1",
            ])
            .env("CARGO_TARGET_WASM32_WASIP1_RUNNER", runner),
    )
}

/// cargo-nextest where it is installed, else `cargo test`.
struct Runner {
    nextest: bool,
    arguments: Vec<String>,
}

impl Runner {
    fn run(&self, suite: Suite, variables: &[(&str, PathBuf)]) -> Result<()> {
        let commands = if self.nextest { vec![self.nextest(suite)] } else { self.cargo_test(suite)? };
        for mut command in commands {
            // Tests make their own databases; one inherited from the user is not theirs to fill.
            command.env_remove("DATABASE_URL");
            command.envs(variables.iter().map(|(name, value)| (name, value)));
            run::run(&mut command)?;
        }
        Ok(())
    }

    fn nextest(&self, suite: Suite) -> Command {
        let selection = match suite {
            Suite::Unit => "not (package(=agentidp-tests) | (package(=agentidp) & kind(test)))",
            Suite::Db => "package(=agentidp) & kind(test)",
            Suite::Conformance => &format!("{CONFORMANCE} & not test(={TABLE})"),
            Suite::Table => &format!("{CONFORMANCE} & test(={TABLE})"),
            Suite::E2e => "package(=agentidp-tests) & not binary(=conformance)",
            Suite::Isolation => ISOLATION,
            Suite::Attack => ATTACK,
        };
        let mut command = run::cargo();
        command.args(["nextest", "run", "--no-fail-fast"]);
        command.args(PACKAGES.iter().flat_map(|package| ["--package", package])).args(FEATURES);
        command.args(["-E", selection]);
        if suite.prints() {
            command.arg("--no-capture");
        }
        if matches!(suite, Suite::Conformance | Suite::E2e) {
            // They wait for each other's processes more than they compute.
            command.args(["--test-threads", "4"]);
        }
        if suite.prints() && !self.arguments.is_empty() {
            command.arg("--");
        }
        command.args(&self.arguments);
        if !self.arguments.is_empty() && !suite.prints() {
            // A filter may name tests of one suite only.
            command.arg("--no-tests=pass");
        }
        command
    }

    fn cargo_test(&self, suite: Suite) -> Result<Vec<Command>> {
        let test = |arguments: &[&str]| {
            let mut command = run::cargo();
            command.args(["test", "--no-fail-fast"]).args(arguments).arg("--").args(&self.arguments);
            command
        };
        Ok(match suite {
            Suite::Unit => vec![
                test(
                    &[
                        &[
                            "-p",
                            "agentidp-shared",
                            "-p",
                            "agentidp-edge-core",
                            "-p",
                            "xtask",
                            "--all-targets",
                        ],
                        &FEATURES[..],
                    ]
                    .concat(),
                ),
                test(&["-p", "agentidp", "--lib", "--bins"]),
            ],
            Suite::Db => vec![test(&["-p", "agentidp", "--test", "*"])],
            Suite::Conformance | Suite::Table => {
                let mut command = test(&["-p", "agentidp-tests", "--test", "conformance"]);
                command.args(if suite == Suite::Table { ["--exact", TABLE] } else { ["--skip", TABLE] });
                vec![command]
            }
            Suite::Isolation => {
                [("agentidp", "database", "table_matrix"), ("agentidp-tests", "security", "matrix")]
                    .into_iter()
                    .map(|(package, binary, name)| {
                        let mut command = test(&["-p", package, "--test", binary]);
                        command.args([name, "--nocapture"]);
                        command
                    })
                    .collect()
            }
            Suite::Attack => [
                ("agentidp", "--lib"),
                ("agentidp", "--test=database"),
                ("agentidp-tests", "--lib"),
                ("agentidp-tests", "--test=security"),
            ]
            .into_iter()
            .map(|(package, target)| {
                let mut command = test(&["-p", package, target]);
                command.args(["attack::", "--nocapture"]);
                command
            })
            .collect(),
            Suite::E2e => other_tests()?
                .iter()
                .map(|name| test(&["-p", "agentidp-tests", "--test", name]))
                .chain([test(&["-p", "agentidp-tests", "--lib", "--bins"])])
                .collect(),
        })
    }
}

/// The test binaries of `agentidp-tests` besides `conformance`.
fn other_tests() -> Result<Vec<String>> {
    let metadata = run::output(run::cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata is not JSON")?;
    let list =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let is =
        |value: &Value, name: &str, wanted: &str| value.get(name).and_then(Value::as_str) == Some(wanted);
    Ok(list(&metadata, "packages")
        .iter()
        .filter(|package| is(package, "name", "agentidp-tests"))
        .flat_map(|package| list(package, "targets"))
        .filter(|target| {
            list(target, "kind").contains(&Value::from("test")) && !is(target, "name", "conformance")
        })
        .filter_map(|target| target.get("name")?.as_str().map(ToOwned::to_owned))
        .collect())
}

/// Results in the order they came.
#[derive(Default)]
struct Table {
    rows: Vec<(&'static str, Duration, Option<String>)>,
    /// What else is to be said at the end.
    notes: Vec<String>,
}

impl Table {
    /// Runs one part; a failure is noted and the others go on. Only an interruption ends everything.
    fn take(&mut self, name: &'static str, part: impl FnOnce() -> Result<()>) -> Result<()> {
        self.value(name, part).map(|_| ())
    }

    fn value<T>(&mut self, name: &'static str, part: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        ui::say(format_args!("\n── {name} ──"));
        let started = Instant::now();
        let result = part();
        let failure = result.as_ref().err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            ui::say(format_args!("failed: {failure}"));
        }
        self.rows.push((name, started.elapsed(), failure));
        if signals::stop_requested() {
            bail!("stopped");
        }
        Ok(result.ok())
    }

    fn failed(&self) -> bool {
        self.rows.iter().any(|(_, _, failure)| failure.is_some())
    }

    fn print(&self) {
        ui::say("");
        for (name, took, failure) in &self.rows {
            let result = if failure.is_some() { "FAILED" } else { "ok" };
            ui::say(format_args!("  {name:<26} {result:<7} {:>12}", ui::human(*took)));
        }
        let total = self.rows.iter().map(|(_, took, _)| *took).sum();
        ui::say(format_args!("  {:<26} {:<7} {:>12}", "", "", ui::human(total)));
        for note in &self.notes {
            ui::say(format_args!("  {note}"));
        }
    }
}

/// Whether `cargo xtask test` was given a database to use instead of starting one.
pub fn given_database() -> Option<String> {
    env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_part_does_not_stop_the_others_but_fails_the_whole() {
        let mut table = Table::default();
        table.take("bad", || bail!("why")).unwrap();
        assert_eq!(table.value("good", || Ok(7)).unwrap(), Some(7));
        assert!(table.failed());
    }

    #[test]
    fn a_password_is_read_from_a_url_that_has_one() {
        assert_eq!(password("postgres://user:secret@host:1/name"), "secret");
        assert_eq!(password("postgres://user@host/name?x=a:b"), "");
        assert_eq!(password("postgres://host/name"), "");
    }

    #[test]
    fn without_only_every_suite_runs() {
        let all = Test { only: Vec::new(), runner_arguments: Vec::new() };
        assert!(all.wants(Suite::Unit) && all.wants(Suite::E2e));
        let one = Test { only: vec![Suite::Db], runner_arguments: Vec::new() };
        assert!(one.wants(Suite::Db) && !one.wants(Suite::Unit));
    }
}
