//! The isolation matrix: every operation × every attack that one organization has on another, on real processes.
//!
//! Each cell tries the attack as the other organization's administrator and as one of its agents, with the victim's ids and with
//! nobody's. The same detector then looks at what the victim's own caller gets: it must see the thing, or the cell would prove
//! nothing. An operation without a row in `rows.rs` fails the matrix. `cargo xtask isolation` prints it.

mod asking;
mod rows;
mod run;
mod things;

use std::collections::BTreeMap;

use agentidp_tests::{ControlPlane, Stack};

use rows::{Attack, Kind, row};
use run::{Cell, Scene};

/// Prints the cells, operation by attack, and a line that says what came of them. Returns the leaks and the blind cells.
fn show(title: &str, cells: &[Cell]) -> (Vec<String>, Vec<String>) {
    println!("\n{title}");
    println!("  {:<48}{}", "operation", Attack::ALL.map(|attack| format!("{:<8}", attack.name())).join(""));
    let mut operations: BTreeMap<&str, Vec<&Cell>> = BTreeMap::new();
    for cell in cells {
        operations.entry(&cell.operation).or_default().push(cell);
    }
    for (operation, cells) in &operations {
        let mark = |attack: Attack| {
            let mut tried = cells.iter().filter(|cell| cell.attack == attack).peekable();
            if tried.peek().is_none() {
                return "·";
            }
            tried.fold("holds", |mark, cell| match (mark, &cell.leak, cell.fires) {
                ("LEAKS", ..) | (_, Some(_), _) => "LEAKS",
                ("BLIND", ..) | (_, _, false) => "BLIND",
                _ => "holds",
            })
        };
        println!("  {operation:<48}{}", Attack::ALL.map(|attack| format!("{:<8}", mark(attack))).join(""));
    }
    let name = |cell: &Cell| format!("{} × {}", cell.operation, cell.attack.name());
    let leaks: Vec<String> =
        cells.iter().filter_map(|cell| Some(format!("{}: {}", name(cell), cell.leak.as_ref()?))).collect();
    let blind: Vec<String> = cells.iter().filter(|cell| !cell.fires).map(name).collect();
    let public =
        cells.iter().filter(|cell| row(&cell.operation).is_some_and(|row| row.kind == Kind::Public)).count();
    println!(
        "  {} operations, {} cells in two directions, {} leaks; {} detectors fire for the victim's own caller \
         ({public} of them, of public documents, when shown the victim's own agent)",
        operations.len(),
        cells.len(),
        leaks.len(),
        cells.len() - blind.len(),
    );
    for leak in &leaks {
        println!("  {leak}");
    }
    (leaks, blind)
}

#[tokio::test]
async fn no_operation_lets_one_organization_reach_another() {
    let control_plane = ControlPlane::start();
    let platform = control_plane.platform().await;
    let (cells, without_row) = Scene::set(&control_plane, platform).await.run(|_| true).await;
    let (leaks, blind) = show("control plane", &cells);
    assert!(without_row.is_empty(), "say in matrix/rows.rs what can be tried on these: {without_row:#?}");
    assert!(leaks.is_empty(), "{leaks:#?}");
    assert!(blind.is_empty(), "these detectors see nothing where there is something: {blind:#?}");
}

#[tokio::test]
async fn no_answer_of_the_edge_itself_lets_one_organization_reach_another() {
    let stack = Stack::start().await;
    let scene = Scene::set(&stack.control_plane, stack.platform().await).await;
    let (mut cells, _) = scene.run(|row| row.at_edge).await;
    // What the edge answers it writes nowhere, so there is nothing that could be written in the wrong place.
    cells.retain(|cell| cell.attack != Attack::Write);
    let (leaks, blind) = show("edge, what it answers by itself", &cells);
    assert!(leaks.is_empty(), "{leaks:#?}");
    assert!(blind.is_empty(), "these detectors see nothing where there is something: {blind:#?}");
}

/// The conditions in the queries hold by themselves: row-level security is the second wall, and not the only one.
#[tokio::test]
async fn with_row_level_security_switched_off_no_operation_leaks_either() {
    let control_plane = ControlPlane::start();
    let mut superuser = control_plane.database.connect().await;
    let guarded =
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relrowsecurity";
    let guarded: Vec<String> = sqlx::query_scalar(guarded).fetch_all(&mut superuser).await.unwrap();
    // One by one, so that no lock is held while another is waited for: the control plane is at work.
    for table in guarded {
        let switch_off = format!("alter table {table} disable row level security");
        sqlx::raw_sql(sqlx::AssertSqlSafe(switch_off)).execute(&mut superuser).await.unwrap();
    }
    let on = "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relrowsecurity";
    assert_eq!(sqlx::query_scalar::<_, i64>(on).fetch_one(&mut superuser).await.unwrap(), 0);
    let platform = control_plane.platform().await;
    let (cells, _) = Scene::set(&control_plane, platform).await.run(|_| true).await;
    let (leaks, blind) = show("control plane, row-level security switched off", &cells);
    assert!(leaks.is_empty(), "these rely on row-level security alone: {leaks:#?}");
    assert!(blind.is_empty(), "{blind:#?}");
}

/// An operation that is new is not taken for safe.
#[test]
fn an_operation_without_a_row_is_noticed() {
    assert!(row("list_everything").is_none());
}
