//! Below HTTP: every table with a tenant in it × what the role of one organization can try on another's rows.
//!
//! In these scratch databases the role is given every right, so that it is the policies alone that hold. Each cell is tried on the
//! organization's own rows too, where it must succeed, and once more with row-level security switched off, where every cell must
//! leak: a cell that could not do either would prove nothing.
#![expect(clippy::print_stdout, reason = "the matrix is there to be read")]

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{Tenant, execute};
use crate::tenancy::Scene;

const ATTEMPTS: [&str; 4] = ["select", "insert", "update", "delete"];

/// Tries it in the transaction, which goes on as if it had not been tried. Whether a row of `target` was reached: seen, changed,
/// deleted, put there, or stopped by something that only looks at rows which the policy let through.
async fn reaches(
    connection: &mut PgConnection,
    superuser: &mut PgConnection,
    attempt: &str,
    (table, column): (&str, &str),
    target: &Tenant,
) -> bool {
    let id = &target.organization_id;
    let statement = match attempt {
        "select" => format!("select * from {table} where {column} = '{id}'"),
        "update" => format!("update {table} set {column} = {column} where {column} = '{id}'"),
        "delete" => format!("delete from {table} where {column} = '{id}'"),
        _ => {
            let query = format!("select to_jsonb(t) from {table} t where {column} = $1 limit 1");
            let row = sqlx::query_scalar::<_, Value>(AssertSqlSafe(query)).bind(target.uuid());
            let row = row.fetch_one(superuser).await.unwrap().to_string().replace('\'', "''");
            format!(
                "insert into {table} overriding system value select * from jsonb_populate_record(null::{table}, '{row}')"
            )
        }
    };
    execute(connection, "savepoint attempt").await;
    let outcome = sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await;
    execute(connection, "rollback to savepoint attempt").await;
    match outcome {
        Ok(done) => done.rows_affected() > 0,
        // The row was refused by its policy before any constraint or trigger looked at it. What refuses to change the audit log
        // has the same code, and says so.
        Err(sqlx::Error::Database(error)) => {
            let refused =
                error.code().as_deref() == Some("42501") && error.message().contains("row-level security");
            !refused
        }
        Err(error) => panic!("{attempt} on {table}: {error}"),
    }
}

/// What each cell came to: the leaks, and how many cells there are and reach the organization's own rows.
struct Outcome {
    leaks: Vec<String>,
    cells: usize,
    firing: usize,
}

async fn try_all(scene: &Scene) -> Outcome {
    let mut outcome = Outcome { leaks: vec![], cells: 0, firing: 0 };
    let mut superuser = scene.instance.superuser().await;
    for (table, column) in scene.tables().await {
        execute(&mut superuser, &format!("grant all on {table} to agentidp_app")).await;
        let mut shown = vec![];
        for attempt in ATTEMPTS {
            let (mut leaks, mut fires) = (false, true);
            for (attacker, victim) in [(&scene.one, &scene.other), (&scene.other, &scene.one)] {
                let mut connection = scene.act_as("agentidp_app", &attacker.organization_id).await;
                let place = (&*table, column);
                leaks |= reaches(&mut connection, &mut superuser, attempt, place, victim).await;
                fires &= reaches(&mut connection, &mut superuser, attempt, place, attacker).await;
            }
            outcome.cells += 1;
            outcome.firing += usize::from(fires);
            if leaks {
                outcome.leaks.push(format!("{attempt} on {table}"));
            }
            shown.push(format!(
                "{:<8}",
                if leaks {
                    "LEAKS"
                } else if fires {
                    "holds"
                } else {
                    "blind"
                }
            ));
        }
        println!("  {table:<28}{}", shown.join(""));
    }
    outcome
}

fn head(title: &str) {
    println!("\n{title}\n  {:<28}{}", "table", ATTEMPTS.map(|attempt| format!("{attempt:<8}")).join(""));
}

#[tokio::test]
async fn no_table_shows_or_takes_a_row_of_another_organization() {
    let scene = Scene::set().await;
    head("tables, as the migrations leave them, the role of an organization granted every right");
    let Outcome { leaks, cells, firing } = try_all(&scene).await;
    println!("  {cells} cells, {} leaks, {firing} reach the organization's own rows", leaks.len());
    assert!(leaks.is_empty(), "{leaks:#?}");
    assert_eq!((firing, cells % 4), (cells, 0), "a cell that cannot reach its own rows proves nothing");
    assert!(cells >= 56, "only {cells} cells");
}

#[tokio::test]
async fn with_row_level_security_switched_off_every_table_leaks() {
    let scene = Scene::set().await;
    for (table, _) in scene.tables().await {
        scene.instance.execute(&format!("alter table {table} disable row level security")).await;
    }
    head("tables, row-level security switched off");
    let Outcome { leaks, cells, .. } = try_all(&scene).await;
    println!("  {cells} cells, {} leaks, as it must be", leaks.len());
    assert_eq!(leaks.len(), cells, "what does not leak without its policy is not held by it: {leaks:#?}");
}
