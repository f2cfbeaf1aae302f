//! Running dead jobs again, which is recorded in the log of the organization they belong to.

use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::jobs::{self, Retried};
use crate::organizations;

#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    #[error("not dead, or not there: {}; nothing was changed", .0.iter().map(Uuid::to_string).collect::<Vec<_>>().join(", "))]
    NotDead(Vec<Uuid>),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

/// Lets dead jobs run again, by the command line: these, or all.
pub async fn retry(app: &App, ids: Option<&[Uuid]>) -> Result<Vec<Retried>, RetryError> {
    let mut tx = app.db.system().await?;
    let retried = jobs::retry(&mut tx, ids, app.now()).await?;
    let missing: Vec<Uuid> = ids
        .unwrap_or_default()
        .iter()
        .copied()
        .filter(|id| retried.iter().all(|job| job.id != *id))
        .collect();
    if !missing.is_empty() {
        return Err(RetryError::NotDead(missing));
    }
    let system = organizations::system(&mut tx).await?;
    for job in &retried {
        // Without a system organization there is no log for a job of the instance yet.
        if let Some(log) = job.organization.or(system) {
            let metadata = json!({ "jobId": job.id, "kind": job.kind });
            audit::record(
                &mut tx,
                app,
                NewEvent::new(log, Action::JobRetried).by_command_line().metadata(metadata),
            )
            .await?;
        }
    }
    tx.commit().await?;
    Ok(retried)
}
