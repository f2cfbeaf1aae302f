//! Telling in time that a credential will expire: in its organization's audit log, once for each threshold it comes under.

use agentidp_shared::ids::{AgentId, CredentialId, OrganizationId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::expiring_store as store;
use crate::app::App;
use crate::audit::{self, Action, NewEvent};
use crate::infra::jobs::{self, Effects, Job, JobError, NewJob, Work};
use crate::infra::metrics::LabelledGauge;

/// Credentials told of in one transaction; a further job tells of those that are left.
const BATCH: i64 = 500;
/// Agents that the gauge shows, those first whose credentials expire first.
const MAX_SHOWN: i64 = 1_000;

static EXPIRING: LabelledGauge<1> =
    LabelledGauge::new("agentidp_credentials_expiring_soon_total", ["agent_id"]);

/// A credential that will expire, and the threshold it came under.
#[derive(Debug)]
pub(super) struct Notice {
    pub credential: CredentialId,
    pub agent: AgentId,
    pub organization: OrganizationId,
    pub expires_at: OffsetDateTime,
    pub threshold_days: i32,
}

/// A look at all credentials, on schedule.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct NoticeExpiring {}

impl Job for NoticeExpiring {
    const KIND: &'static str = "credentials.expiring";

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let app = &work.app;
        let mut tx = work.system().await?;
        // What is written with each event is the notice by which it is not written again.
        let notices = store::notice(&mut tx, &thresholds(app), app.now(), BATCH).await?;
        for notice in &notices {
            let event = NewEvent::new(notice.organization, Action::CredentialExpiring)
                .agent(notice.agent)
                .metadata(json!({
                    "credentialId": notice.credential,
                    "expiresAt": notice.expires_at.format(&Rfc3339)?,
                    "thresholdDays": notice.threshold_days,
                }));
            audit::record(&mut tx, app, event).await?;
        }
        if i64::try_from(notices.len()).is_ok_and(|count| count == BATCH) {
            jobs::enqueue(&mut tx, app, NewJob::new(&Self {})).await?;
        }
        Ok(tx.into())
    }
}

/// In days, ascending.
fn thresholds(app: &App) -> Vec<i32> {
    app.config.expiry_notices.iter().filter_map(|before| before.whole_days().try_into().ok()).collect()
}

/// Sets the gauge of the credentials that expire within the longest threshold.
pub async fn sample(app: &App) -> Result<(), sqlx::Error> {
    let now = app.now();
    let Some(longest) = app.config.expiry_notices.last() else { return Ok(()) };
    let mut tx = app.db.system().await?;
    let expiring = store::expiring_any_tenant(&mut tx, now, now + *longest, MAX_SHOWN).await?;
    tx.commit().await?;
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a gauge is a float")]
    EXPIRING.set(expiring.into_iter().map(|(agent, count)| ([agent.to_string()], count as f64)));
    Ok(())
}
