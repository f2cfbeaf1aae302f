//! Looking at what the service depends on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit;

/// A dependency that takes longer than this is degraded.
const SLOW: Duration = Duration::from_secs(1);
/// A dependency that takes longer than this counts as unreachable.
const GIVE_UP: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum HealthStatus {
    Healthy,
    /// Works, but slowly.
    Degraded,
    Unreachable,
}

/// A dependency and how long it took to answer.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceHealth {
    pub status: HealthStatus,
    /// Milliseconds; absent if it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
}

pub(super) type Services = BTreeMap<&'static str, ServiceHealth>;

/// Every dependency: the database, a key to sign with, and, if there are any, the places that heads of the audit log are carried to.
pub(super) async fn services(app: &App) -> Services {
    let key = if app.signers.current().active.is_some() {
        HealthStatus::Healthy
    } else {
        HealthStatus::Unreachable
    };
    let database = database(app).await;
    let answers = database.status != HealthStatus::Unreachable;
    let mut services = BTreeMap::from([
        ("database", database),
        ("signingKeys", ServiceHealth { status: key, latency_ms: None }),
    ]);
    // Without the database it cannot be told, and that shows already.
    if answers
        && let Ok(Ok(Some(behind))) = tokio::time::timeout(GIVE_UP, audit::checkpoints_are_behind(app)).await
    {
        let status = if behind { HealthStatus::Degraded } else { HealthStatus::Healthy };
        services.insert("auditCheckpoints", ServiceHealth { status, latency_ms: None });
    }
    services
}

/// As bad as the worst dependency.
pub(super) fn overall(services: &Services) -> HealthStatus {
    services.values().map(|service| service.status).max().unwrap_or(HealthStatus::Healthy)
}

/// Seconds since the process started.
pub(super) fn uptime(app: &App) -> u64 {
    u64::try_from((app.now() - app.started_at).whole_seconds()).unwrap_or(0)
}

async fn database(app: &App) -> ServiceHealth {
    let started = Instant::now();
    let question = async {
        let mut tx = app.db.system().await?;
        sqlx::query_scalar!("select id from instance").fetch_one(&mut *tx).await?;
        tx.commit().await
    };
    let answered =
        tokio::time::timeout(GIVE_UP, question).await.map_err(|_| sqlx::Error::PoolTimedOut).flatten();
    if let Err(error) = &answered {
        tracing::warn!(%error, "the database does not answer");
    }
    judge(answered.is_ok().then(|| started.elapsed()))
}

/// Judges by the time an answer took; `None` if there was none.
fn judge(latency: Option<Duration>) -> ServiceHealth {
    let status = match latency {
        None => HealthStatus::Unreachable,
        Some(latency) if latency > SLOW => HealthStatus::Degraded,
        Some(_) => HealthStatus::Healthy,
    };
    let milliseconds = |latency: Duration| (latency.as_secs_f64() * 1e6).round() / 1e3;
    ServiceHealth { status, latency_ms: latency.map(milliseconds) }
}

/// 200 if all is well, 207 if something is slow, 503 if something is missing.
pub(super) fn status_code(status: HealthStatus) -> StatusCode {
    match status {
        HealthStatus::Healthy => StatusCode::OK,
        HealthStatus::Degraded => StatusCode::MULTI_STATUS,
        HealthStatus::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_is_degraded_and_none_is_unreachable() {
        assert_eq!(judge(Some(Duration::from_millis(3))).status, HealthStatus::Healthy);
        assert_eq!(judge(Some(Duration::from_millis(1_001))).status, HealthStatus::Degraded);
        assert_eq!(judge(None).status, HealthStatus::Unreachable);
        assert_eq!(judge(Some(Duration::from_nanos(1_234_567))).latency_ms, Some(1.235));
    }

    #[test]
    fn the_whole_is_as_bad_as_its_worst_part() {
        let of = |parts: &[Option<Duration>]| {
            let names = ["a", "b", "c"];
            overall(&names.into_iter().zip(parts).map(|(name, part)| (name, judge(*part))).collect())
        };
        let (fast, slow) = (Some(Duration::ZERO), Some(Duration::from_secs(2)));
        assert_eq!(status_code(of(&[fast, fast])), StatusCode::OK);
        assert_eq!(status_code(of(&[fast, slow])), StatusCode::MULTI_STATUS);
        assert_eq!(status_code(of(&[slow, None, fast])), StatusCode::SERVICE_UNAVAILABLE);
    }
}
