//! Moving the months that nobody asks for every day out of the way. They stay part of the log: chain, proofs, search and export
//! find them as before.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::infra::jobs::{Effects, Job, JobError, Work};

/// One round, on schedule: every month that ended long enough ago, the oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ArchiveMonths {}

impl Job for ArchiveMonths {
    const KIND: &'static str = "audit.archive";
    /// Another tablespace means copying the month's files.
    const TIMEOUT: Duration = Duration::from_hours(6);

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let archive = &work.app.config.audit_archive;
        let before = archive.after.map(|after| (work.app.now() - after).date());
        loop {
            let mut tx = work.system().await?;
            let Some(before) = before else { return Ok(tx.into()) };
            tx.without_time_limit().await?;
            let archived = sqlx::query_scalar!(
                "select archive_audit_month($1, $2, array(
                   select distinct date_trunc('month', occurred_at)::date from audit_unsealed))",
                before,
                archive.tablespace.as_deref()
            )
            .fetch_one(&mut *tx)
            .await?;
            let Some(month) = archived else { return Ok(tx.into()) };
            // Each on its own: so long as one is moved, whoever reads it waits.
            tx.commit().await?;
            tracing::info!(%month, "a month of the audit log was moved to the archive");
        }
    }
}
