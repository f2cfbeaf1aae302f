//! How long the queue is, read from the database when somebody looks.

use crate::app::App;
use crate::infra::metrics::LabelledGauge;

use super::store;

static JOBS: LabelledGauge<2> = LabelledGauge::new("agentidp_jobs", ["kind", "state"]);
static OLDEST: LabelledGauge<1> = LabelledGauge::new("agentidp_jobs_oldest_due_seconds", ["kind"]);

/// Sets the gauges of the queue.
pub async fn sample(app: &App) -> Result<(), sqlx::Error> {
    let mut tx = app.db.system().await?;
    let depths = store::depths_any_tenant(&mut tx).await?;
    tx.commit().await?;
    let now = app.now();
    let oldest = depths.iter().filter(|depth| depth.state == "ready").filter_map(|depth| {
        let waited = now - depth.oldest_due_at?;
        Some(([depth.kind.clone()], waited.as_seconds_f64().max(0.0)))
    });
    OLDEST.set(oldest);
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a gauge is a float")]
    JOBS.set(depths.iter().map(|depth| ([depth.kind.clone(), depth.state.clone()], depth.count as f64)));
    Ok(())
}
