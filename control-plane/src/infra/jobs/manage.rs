//! Looking at jobs, and running dead ones again: for operators.

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use agentidp_shared::ids::OrganizationId;

use super::store;
use crate::infra::db::SystemTx;

/// Most jobs listed at once.
const MAX_LISTED: i64 = 1_000;

/// Which jobs; all of them by default.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// `ready`, `running`, `done` or `dead`.
    pub state: Option<String>,
    pub kind: Option<String>,
}

/// A job without its payload.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobInfo {
    pub id: Uuid,
    /// Absent: a job of the instance.
    pub organization_id: Option<Uuid>,
    pub kind: String,
    pub state: String,
    pub attempts: i32,
    /// Of a waiting job, when it may run; of a running one, when its lease ends.
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    pub last_error: Option<String>,
}

/// A dead job that may run again.
#[derive(Debug, Clone)]
pub struct Retried {
    pub id: Uuid,
    pub organization: Option<OrganizationId>,
    pub kind: String,
}

/// Up to a thousand jobs of all organizations, oldest first.
pub async fn list(tx: &mut SystemTx, filter: &JobFilter) -> Result<Vec<JobInfo>, sqlx::Error> {
    store::list_any_tenant(tx, filter, MAX_LISTED).await
}

/// Lets dead jobs run again, `ids` or all of them, with all their attempts. Ids of jobs that are not dead are left out of what is
/// returned.
pub async fn retry(
    tx: &mut SystemTx,
    ids: Option<&[Uuid]>,
    now: OffsetDateTime,
) -> Result<Vec<Retried>, sqlx::Error> {
    let revived = store::revive_any_tenant(tx, ids, now).await?;
    Ok(revived.into_iter().map(|(id, organization, kind)| Retried { id, organization, kind }).collect())
}
