//! Forgetting what no longer matters: expired revocations, places in status lists, old login failures, which tokens of others were used, superseded feed entries, which
//! usage reports were counted, old idempotency keys, jobs that were done. Safe to run in several processes at once.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::app::App;
use crate::infra::http::idempotency;
use crate::infra::jobs::{self, Effects, Job, JobError, Work};
use crate::{edge_feed, status_lists, tokens, trust_policies};

/// One round, on schedule.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Housekeeping {}

impl Job for Housekeeping {
    const KIND: &'static str = "housekeeping";

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let mut tx = work.system().await?;
        forget(&mut tx, &work.app).await?;
        Ok(tx.into())
    }
}

/// One round at once.
pub async fn run(app: &App) -> Result<(), sqlx::Error> {
    let mut tx = app.db.system().await?;
    forget(&mut tx, app).await?;
    tx.commit().await
}

async fn forget(tx: &mut PgConnection, app: &App) -> Result<(), sqlx::Error> {
    let now = app.now();
    tokens::purge_expired(tx, now).await?;
    trust_policies::purge_expired(tx, now).await?;
    status_lists::purge_expired(tx, now).await?;
    edge_feed::purge_superseded(tx, now).await?;
    edge_feed::purge_reports(tx, now).await?;
    idempotency::purge_expired(tx, now).await?;
    jobs::purge_done(tx, now).await
}
