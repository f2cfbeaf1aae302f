//! CC6.1: every column that must be sealed is, under a key that is configured. All rows are looked at for their key and length, and
//! some of each table are opened.

use super::model::Finding;
use super::store::{self, SealedRow};
use crate::app::App;
use crate::infra::db::SystemTx;

/// Rows of each table that are opened.
const SAMPLE: i64 = 100;

pub(super) async fn check(tx: &mut SystemTx, app: &App) -> Result<Finding, sqlx::Error> {
    let known = [app.keystore.key_id().to_owned()];
    let mut problems = vec![];
    for (table, count) in store::count_unsealed(tx, &known).await? {
        if count > 0 {
            problems.push(format!("{count} rows of {table} are not sealed under a configured key"));
        }
    }
    let rows = store::sample_sealed(tx, SAMPLE).await?;
    let opens = |row: &&SealedRow| app.keystore.open(&row.ciphertext, &row.key_id, &row.context).is_ok();
    let (opened, closed): (Vec<_>, Vec<_>) = rows.iter().partition(opens);
    for row in closed {
        problems.push(format!("{} cannot be opened", row.context));
    }
    Ok(Finding::of(&problems, &format!("all are sealed; {} were opened", opened.len())))
}
