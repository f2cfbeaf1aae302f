//! The benchmarks: ours and a peer in the same run, in turn, on real parts. Run by `cargo xtask bench`, which builds what is measured
//! and the process that sends the load.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that stops when something is wrong, and watches real processes by the real clock"
)]

mod compare;
mod environment;
mod ground;
mod load;
mod machine;
mod native;
mod provider;
mod report;
mod rows;
mod spin;
mod workerd;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use futures_util::FutureExt as _;

use crate::rows::{Bench, Effort};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    EdgeVerifyNew,
    EdgeVerifySeen,
    EdgeFloor,
    EdgeIntrospect,
    Issue,
    SpinVerify,
    NativeLimit,
    Revocation,
    AuditAppend,
    AuditVerify,
    Everyone,
    Scale,
    Cold,
    Neighbour,
    Memory,
}

#[derive(Debug, Parser)]
struct Arguments {
    /// Only these; all unless said.
    names: Vec<Name>,
    /// Fewer and shorter rounds.
    #[arg(long)]
    quick: bool,
    /// Where the figures are added, a line of JSON for each run; says how the ratios stand to those of the last run of the same.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the table is written.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Measures nothing, but is the native process that the edge on Spin is compared with.
    #[arg(long, hide = true, value_name = "PORT", requires_all = ["issuer", "jwks"])]
    serve: Option<u16>,
    #[arg(long, hide = true)]
    issuer: Option<String>,
    #[arg(long, hide = true)]
    jwks: Option<String>,
    /// Measures nothing, but hashes a file: what checking an audit log is compared with.
    #[arg(long, hide = true, value_name = "FILE")]
    hash: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let (Some(port), Some(issuer), Some(jwks)) = (arguments.serve, arguments.issuer, arguments.jwks) {
        native::serve(port, issuer, &jwks).await;
        return ExitCode::SUCCESS;
    }
    if let Some(file) = arguments.hash {
        rows::audit::hash(&file);
        return ExitCode::SUCCESS;
    }
    assert!(machine::is_supported(), "CPU is read from /proc, as Linux has it");
    let facts = machine::facts();
    for (name, value) in &facts {
        println!("  {name}: {value}");
    }
    let mut bench = Bench::new(if arguments.quick { Effort::QUICK } else { Effort::FULL });
    let mut failed = Vec::new();
    for name in Name::value_variants() {
        if !arguments.names.is_empty() && !arguments.names.contains(name) {
            continue;
        }
        let started = Instant::now();
        // It has said why, and the others can be measured.
        if AssertUnwindSafe(measure(*name, &mut bench)).catch_unwind().await.is_err() {
            failed.push(name);
        }
        println!("  {name:?} took {:.0} s", started.elapsed().as_secs_f64());
    }
    println!();
    bench.report.print_again();
    if let Some(file) = arguments.json {
        let earlier = std::fs::read_to_string(&file).unwrap_or_default();
        let mut earlier = earlier.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
        if let Some(agreement) = earlier.find_map(|run| bench.report.agreement_with(&run)) {
            agreement.print();
        }
        let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
        std::io::Write::write_all(&mut file, format!("{}\n", bench.report.json(&facts)).as_bytes()).unwrap();
    }
    if let Some(file) = arguments.markdown {
        std::fs::write(file, bench.report.markdown(&facts)).unwrap();
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("  not measured: {failed:?}");
    ExitCode::FAILURE
}

async fn measure(name: Name, bench: &mut Bench) {
    match name {
        Name::EdgeVerifyNew => rows::edge::verify_new(bench).await,
        Name::EdgeVerifySeen => rows::edge::verify_seen(bench).await,
        Name::EdgeFloor => rows::edge::floor(bench).await,
        Name::EdgeIntrospect => rows::edge::introspect(bench).await,
        Name::Issue => rows::control_plane::issue(bench).await,
        Name::SpinVerify => rows::native::spin_verify(bench).await,
        Name::NativeLimit => rows::native::native_limit(bench),
        Name::Revocation => rows::revocation::revocation(bench).await,
        Name::AuditAppend => rows::audit::append(bench).await,
        Name::AuditVerify => rows::audit::verify(bench).await,
        Name::Everyone => rows::control_plane::everyone(bench).await,
        Name::Scale => rows::scale::scale(bench).await,
        Name::Cold => rows::cold::cold(bench).await,
        Name::Neighbour => rows::neighbour::neighbour(bench).await,
        Name::Memory => rows::memory::memory(bench).await,
    }
}
