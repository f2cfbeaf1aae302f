//! Who may do what to whom: every act that a rank guards, by every rank, on every rank, through every door. What is expected
//! is written here once more, from the rules' text; the table in the product is not asked.

#![expect(clippy::print_stdout, reason = "the table is there to be read")]

mod attack;
mod attribution;
mod doors;
mod expected;
mod scopes;
mod trying;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use self::doors::{Door, Hand};
use self::expected::{Attempt, is_allowed};
use self::trying::{Act, Scene};
use crate::support::Instance;

/// The roles, from the lowest.
const ROLES: [&str; 5] = ["member", "auditor", "manager", "admin", "owner"];

/// What one cell came to.
struct Cell {
    act: Act,
    door: Door,
    actor: &'static str,
    subject: &'static str,
    expected: bool,
    observed: Result<bool, String>,
}

/// Tries every cell of a door, prints them, and compares. `cargo xtask authority` adds the doors up.
async fn compare(door: Door, at_least: usize) {
    let instance = Instance::start().await;
    let mut scene = Scene::set(&instance).await;
    let mut cells = vec![];
    for actor in ROLES {
        let Some(hand) = Hand::take(&scene, door, actor).await else { continue };
        for act in Act::ALL.iter().copied().filter(|act| door != Door::Replayed || act.is_repeatable()) {
            for subject in ROLES {
                let expected = is_allowed(Attempt { act, door, actor, subject: Some(subject) });
                let observed = scene.try_act(&hand, act, Some(subject)).await;
                cells.push(Cell { act, door, actor, subject, expected, observed });
            }
            if act.is_done_to_itself() {
                // An actor that ends itself is not there for the next act.
                let Some(hand) = Hand::take(&scene, door, actor).await else { continue };
                let expected = is_allowed(Attempt { act, door, actor, subject: None });
                let observed = scene.try_act(&hand, act, None).await;
                cells.push(Cell { act, door, actor, subject: "itself", expected, observed });
            }
        }
    }
    let differences: Vec<_> =
        cells.iter().filter(|cell| cell.observed != Ok(cell.expected)).map(name).collect();
    let totals = format!("{} cells, {} differences\n", cells.len(), differences.len());
    println!("{}\n{totals}", print(&cells));
    if let Some(summary) = std::env::var_os("AGENTIDP_AUTHORITY_SUMMARY") {
        let mut file = std::fs::File::options().create(true).append(true).open(summary).unwrap();
        file.write_all(totals.as_bytes()).unwrap();
    }
    assert!(cells.len() >= at_least, "only {} cells", cells.len());
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[tokio::test]
async fn a_token_of_ones_own_does_what_its_rank_allows() {
    compare(Door::Own, 500).await;
}

#[tokio::test]
async fn a_narrowed_token_leaves_behind_what_its_scopes_do_not_carry() {
    compare(Door::Narrowed, 500).await;
}

#[tokio::test]
async fn a_borrowed_token_makes_nobody_hold_more() {
    compare(Door::Borrowed, 200).await;
}

#[tokio::test]
async fn a_delegated_token_carries_no_rank() {
    compare(Door::Delegated, 500).await;
}

#[tokio::test]
async fn an_exchanged_token_carries_no_rank() {
    compare(Door::Exchanged, 500).await;
}

#[tokio::test]
async fn a_bootstrap_token_does_nothing_but_register() {
    compare(Door::Bootstrap, 500).await;
}

#[tokio::test]
async fn an_answer_is_not_repeated_to_another_right() {
    compare(Door::Replayed, 80).await;
}

fn name(cell: &Cell) -> String {
    let expected = if cell.expected { "allowed" } else { "refused" };
    let observed = match &cell.observed {
        Ok(true) => "allowed".to_owned(),
        Ok(false) => "refused".to_owned(),
        Err(answer) => answer.clone(),
    };
    format!(
        "{:?} by {} ({:?}) on {}: expected {expected}, observed {observed}",
        cell.act, cell.actor, cell.door, cell.subject
    )
}

/// A row for each act, door and rank of the actor; a column for each rank of the subject. `+` allowed, `-` refused, expected
/// and then observed.
fn print(cells: &[Cell]) -> String {
    let mut rows: BTreeMap<(String, String, usize), BTreeMap<&str, String>> = BTreeMap::new();
    let sign = |allowed: bool| if allowed { '+' } else { '-' };
    for cell in cells {
        let rank = ROLES.iter().position(|role| *role == cell.actor).unwrap();
        let observed = cell.observed.as_ref().map_or('!', |allowed| sign(*allowed));
        let row = rows.entry((format!("{:?}", cell.act), format!("{:?}", cell.door), rank)).or_default();
        row.insert(cell.subject, format!("{}{observed}", sign(cell.expected)));
    }
    let mut text = format!("{:<22} {:<10} {:<8}", "ACT", "DOOR", "ACTOR");
    for subject in ROLES.iter().chain(&["itself"]) {
        let _ = write!(text, " {subject:>8}");
    }
    for ((act, door, rank), row) in rows {
        let _ = write!(text, "\n{act:<22} {door:<10} {:<8}", ROLES[rank]);
        for subject in ROLES.iter().chain(&["itself"]) {
            let _ = write!(text, " {:>8}", row.get(subject).map_or("", String::as_str));
        }
    }
    text
}
