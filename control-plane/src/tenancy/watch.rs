//! A look at all shares on schedule: the largest uses for the metrics, and an alarm long before what all organizations have
//! together would be too much for an edge.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Share, store};
use crate::infra::jobs::{Effects, Job, JobError, Work};
use crate::infra::metrics::LabelledGauge;

/// Bytes of a snapshot, as JSON, that are told of. An edge takes 40 MiB, and what a hub publishes of it is 20 MiB at most, which in
/// base64 is 15 MiB of JSON.
const SNAPSHOT_ALARM_BYTES: i64 = 8 * 1024 * 1024;

static USED: LabelledGauge<2> = LabelledGauge::new("agentidp_share_used", ["share", "tier"]);

/// One look, on schedule.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct WatchShares {}

impl Job for WatchShares {
    const KIND: &'static str = "shares.watch";

    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "gauges are floats")]
    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let app = &work.app;
        let mut tx = work.system().await?;
        let now = app.now();
        let start = |share: Share| share.window_start(now).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (minute, day) = (start(Share::FeedChanges), start(Share::SigningAlgorithmChanges));
        let largest = store::largest_any_tenant(&mut tx, minute, day).await?;
        USED.set(largest.into_iter().map(|row| ([row.share, row.tier], row.used as f64)));
        let bytes = store::snapshot_bytes_any_tenant(&mut tx).await?;
        let promised: i64 = store::organizations_by_tier_any_tenant(&mut tx)
            .await?
            .into_iter()
            .map(|(tier, count)| app.tiers.of(tier).of(Share::FeedBytes).unwrap_or(0).saturating_mul(count))
            .fold(0, i64::saturating_add);
        metrics::gauge!("agentidp_feed_snapshot_bytes").set(bytes as f64);
        metrics::gauge!("agentidp_feed_promised_bytes").set(promised as f64);
        if bytes > SNAPSHOT_ALARM_BYTES {
            tracing::warn!(
                bytes,
                alarm = SNAPSHOT_ALARM_BYTES,
                "the snapshot for the edges grows large; see which organizations have most (agentidp_share_used) and lower their limits"
            );
        }
        Ok(tx.into())
    }
}
