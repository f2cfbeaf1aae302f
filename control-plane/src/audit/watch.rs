//! Checking the whole log on schedule.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{carry, check};
use crate::compliance::{self, Control, Finding};
use crate::infra::jobs::{Effects, Job, JobError, Work};

/// A check of the whole log; what it finds is kept with its time.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct VerifyLog {}

impl Job for VerifyLog {
    const KIND: &'static str = "audit.verify";
    /// It reads every event there is.
    const TIMEOUT: Duration = Duration::from_hours(6);

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let mut tx = work.system().await?;
        tx.without_time_limit().await?;
        let found = check::check_all(&mut tx, &work.app, None).await?;
        if let Some(broken) = &found.broken {
            tracing::error!(%broken, "THE AUDIT LOG WAS TAMPERED WITH");
        }
        let mut problems: Vec<_> = found.broken.iter().map(ToString::to_string).collect();
        problems.extend(carry::problems(&mut tx, &work.app).await?);
        let finding = Finding::of(&problems, &format!("{} events are what was sealed", found.checked_count));
        compliance::note(&mut tx, Control::AuditIntegrity, &finding, work.app.now()).await?;
        Ok(tx.into())
    }
}
