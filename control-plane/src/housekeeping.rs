//! Forgetting what no longer matters: expired revocations, places in status lists, old login failures, superseded feed entries, which
//! usage reports were counted, old idempotency keys. Safe to run in several processes at once.

use std::time::Duration;

use crate::app::App;
use crate::infra::http::idempotency;
use crate::{edge_feed, status_lists, tokens};

const INTERVAL: Duration = Duration::from_mins(10);

pub fn spawn(app: &App) {
    let app = app.clone();
    app.tasks.clone().spawn(async move {
        while app.shutdown.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
            if let Err(error) = run(&app).await {
                tracing::warn!(%error, "housekeeping failed; it will be tried again");
            }
        }
    });
}

/// One round.
pub async fn run(app: &App) -> Result<(), sqlx::Error> {
    let mut tx = app.db.system().await?;
    let now = app.now();
    tokens::purge_expired(&mut tx, now).await?;
    status_lists::purge_expired(&mut tx, now).await?;
    edge_feed::purge_superseded(&mut tx, now).await?;
    edge_feed::purge_reports(&mut tx, now).await?;
    idempotency::purge_expired(&mut tx, now).await?;
    tx.commit().await
}
