//! The scheduled job that checks all controls but the audit log's, which has a job of its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::model::{Control, Finding};
use super::{encryption, rotation, transport};
use crate::infra::jobs::{self, Effects, Job, JobError, Work};

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Check {}

impl Job for Check {
    const KIND: &'static str = "compliance.check";
    /// It reads every row that holds a secret.
    const TIMEOUT: Duration = Duration::from_mins(10);

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let app = &work.app;
        let mut tx = work.system().await?;
        tx.without_time_limit().await?;
        let findings = [
            (Control::EncryptionAtRest, encryption::check(&mut tx, app).await?),
            (Control::EncryptionInTransit, transport::check(app).await?),
            (Control::DeadLetters, dead_letters(&mut tx).await?),
            (Control::SecretsRotation, rotation::check(&mut tx, app).await?),
        ];
        for (control, finding) in findings {
            super::note(&mut tx, control, &finding, app.now()).await?;
        }
        Ok(tx.into())
    }
}

async fn dead_letters(tx: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let problems = match jobs::count_dead(tx).await? {
        0 => vec![],
        dead => vec![format!("{dead} jobs are dead: see `agentidp jobs list --state dead`")],
    };
    Ok(Finding::of(&problems, "no job is dead"))
}
