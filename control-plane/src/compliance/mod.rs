//! Controls of SOC 2 that the service checks by itself, and shows to anyone who asks how it is doing.
//!
//! Every status is what a scheduled job found and stored, never an assumption. A result that is older than two of its intervals
//! says nothing any more.

mod check;
mod encryption;
mod list;
mod model;
mod rotation;
mod store;
mod transport;

use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::infra::http::address_limit::AddressLimit;
use crate::infra::metrics::LabelledGauge;

pub use check::Check;
pub use model::{Control, ControlStatus, Finding};

/// Organizations that the gauge shows.
const MAX_SHOWN: i64 = 1_000;

static OVERDUE: LabelledGauge<1> = LabelledGauge::new("agentidp_secrets_overdue", ["organization_id"]);

/// What is kept in memory: who asked how often.
#[derive(Debug, Default)]
pub struct Compliance {
    asked: AddressLimit,
}

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list::list_compliance_controls))
}

/// Stores what a check of `control` found, in the transaction of the check.
pub async fn note(
    tx: &mut PgConnection,
    control: Control,
    finding: &Finding,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    match finding.passing {
        Some(true) => tracing::info!(control = control.id(), detail = finding.detail, "the control passes"),
        Some(false) => tracing::error!(control = control.id(), detail = finding.detail, "THE CONTROL FAILS"),
        None => tracing::warn!(control = control.id(), detail = finding.detail, "the control cannot be told"),
    }
    store::put(tx, control, finding, now).await
}

/// Sets the gauges: the audit log's, from its last check, and that of secrets which their organizations should have replaced.
pub async fn sample(app: &App) -> Result<(), sqlx::Error> {
    let mut tx = app.db.system().await?;
    let found = store::all(&mut tx).await?;
    let overdue = match app.config.secret_max_age {
        Some(age) => {
            store::overdue_secrets_any_tenant(&mut tx, app.now() - age, app.now(), MAX_SHOWN).await?
        }
        None => vec![],
    };
    tx.commit().await?;
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a gauge is a float")]
    OVERDUE.set(overdue.into_iter().map(|(organization, count)| ([organization.to_string()], count as f64)));
    let integrity = found.get(Control::AuditIntegrity.id()).and_then(|stored| stored.passing);
    if let Some(whole) = integrity {
        metrics::gauge!("agentidp_audit_chain_integrity").set(if whole { 1.0 } else { 0.0 });
    }
    Ok(())
}
