//! Asking for work, in the caller's transaction.

use agentidp_shared::ids::OrganizationId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Job, store};
use crate::app::App;

/// A job to be enqueued.
#[derive(Debug)]
#[must_use]
pub struct NewJob<'a, J> {
    pub(super) job: &'a J,
    pub(super) organization: Option<OrganizationId>,
    pub(super) dedup_key: Option<&'a str>,
    pub(super) at: Option<OffsetDateTime>,
}

impl<'a, J: Job> NewJob<'a, J> {
    /// A job of the instance, to be done at once. Its payload is kept in the clear: no secrets.
    pub fn new(job: &'a J) -> Self {
        Self { job, organization: None, dedup_key: None, at: None }
    }

    /// A job of one organization. In a tenant's transaction it can only be that one.
    pub fn of(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// Not if a job of the same organization, kind and key waits or runs already.
    pub fn once(mut self, dedup_key: &'a str) -> Self {
        self.dedup_key = Some(dedup_key);
        self
    }

    /// Not before `at`.
    pub fn at(mut self, at: OffsetDateTime) -> Self {
        self.at = Some(at);
        self
    }
}

/// Enqueues the job in the caller's transaction; `None` if one like it waits already.
pub async fn enqueue<J: Job>(
    tx: &mut PgConnection,
    app: &App,
    new: NewJob<'_, J>,
) -> Result<Option<Uuid>, sqlx::Error> {
    let (id, now) = (app.new_id(), app.now());
    let payload = serde_json::to_value(new.job).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let row = store::NewRow {
        id,
        organization: new.organization,
        kind: J::KIND,
        payload,
        dedup_key: new.dedup_key,
        due_at: new.at.unwrap_or(now),
    };
    let is_new = store::insert(tx, &row, now).await?;
    Ok(is_new.then_some(id))
}
