//! The failure table of the edge's contract, with real faults injected into a real edge in front of a real control plane: what was
//! injected, what must be seen, what was. Ends with an error on any wrong verdict. Run by `cargo xtask fault`, which builds what it
//! needs and says on which host.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that stops when something is wrong, and watches real processes by the real clock"
)]

mod batches;
mod beginnings;
mod outages;
mod platform;
mod scene;
mod table;
mod trials;

use std::process::ExitCode;

use agentidp_tests::environment::edge_host;

use crate::scene::Scene;
use crate::table::Table;

#[tokio::main]
async fn main() -> ExitCode {
    let trials: usize =
        std::env::args().nth(1).map_or(1_000, |text| text.parse().expect("a number of trials"));
    let mut table = Table::new(edge_host());
    let mut scene = Scene::set().await;
    outages::rows(&mut table, &scene).await;
    batches::rows(&mut table, &scene).await;
    platform::rows(&mut table, &scene).await;
    beginnings::rows(&mut table, &mut scene).await;
    trials::rows(&mut table, &scene, trials).await;
    table.finish()
}
