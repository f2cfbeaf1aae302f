//! CC6.1: every column that must be sealed is, under a key that is held, and what must only be recognised is an HMAC. All rows are
//! looked at for their key and length, and some of each column are opened.

use super::model::Finding;
use super::store;
use crate::app::App;
use crate::infra::db::SystemTx;

/// Values of each column that are opened.
const SAMPLE: u32 = 100;

pub(super) async fn check(tx: &mut SystemTx, app: &App) -> Result<Finding, sqlx::Error> {
    let mut problems = vec![];
    let mut opened = 0;
    for examined in app.keystore.examine(tx, SAMPLE).await? {
        let (table, column) = (examined.column.table, examined.column.column);
        if examined.not_sealed > 0 {
            problems.push(format!(
                "{} values of {table}.{column} are not sealed under a key that is held",
                examined.not_sealed
            ));
        }
        problems.extend(examined.closed.iter().map(|place| format!("{place} cannot be opened")));
        opened += examined.opened;
    }
    let unrecognisable = store::count_secrets_not_under(tx, app.keystore.hmac_key_id()).await?;
    if unrecognisable > 0 {
        problems
            .push(format!("{unrecognisable} client secrets are no HMACs under the key that recognises them"));
    }
    Ok(Finding::of(&problems, &format!("all are sealed; {opened} were opened")))
}
