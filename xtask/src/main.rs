//! The project's commands, `cargo xtask …`. See README.md for the two a newcomer needs.

mod attack;
mod authority;
mod chaos;
mod database;
mod demo;
mod dev;
mod edge;
mod fault;
mod fingerprint;
mod fleet;
mod generated;
mod host;
mod isolation;
mod lint;
mod logs;
mod measure;
mod native;
mod paths;
mod ports;
mod process;
mod rotations;
mod run;
mod signals;
mod spin;
mod test;
mod timing;
mod tools;
mod ui;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Everything the project needs, in one place"
)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Dev(dev::Dev),
    Demo(demo::Demo),
    Test(test::Test),
    Bench(measure::Bench),
    Limits(measure::Limits),
    AuditScale(measure::AuditScale),
    Fault(fault::Fault),
    Fleet(fleet::Fleet),
    Timing(timing::Timing),
    Isolation(isolation::Isolation),
    Attack(attack::Attack),
    Authority(authority::Authority),
    Chaos(chaos::Chaos),
    Rotations(rotations::Rotations),
    Fmt(lint::Fmt),
    Lint(lint::Lint),
    Openapi(generated::Openapi),
    Sqlx(generated::Sqlx),
    EdgeBuild(edge::EdgeBuild),
}

fn main() -> ExitCode {
    let result = signals::install().and_then(|()| match Cli::parse().command {
        Task::Dev(dev) => dev.run(),
        Task::Demo(demo) => demo.run(),
        Task::Test(test) => test.run(),
        Task::Bench(bench) => bench.run(),
        Task::Limits(limits) => limits.run(),
        Task::AuditScale(scale) => scale.run(),
        Task::Fault(fault) => fault.run(),
        Task::Fleet(fleet) => fleet.run(),
        Task::Timing(timing) => timing.run(),
        Task::Isolation(isolation) => isolation.run(),
        Task::Attack(attack) => attack.run(),
        Task::Authority(authority) => authority.run(),
        Task::Chaos(chaos) => chaos.run(),
        Task::Rotations(rotations) => rotations.run(),
        Task::Fmt(fmt) => fmt.run(),
        Task::Lint(lint) => lint.run(),
        Task::Openapi(openapi) => openapi.run(),
        Task::Sqlx(sqlx) => sqlx.run(),
        Task::EdgeBuild(edge) => edge.run(),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui::say(format_args!("\nerror: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
