//! How old the edge's knowledge may be before it stops answering: the failure table of the edge's contract.

use serde::{Deserialize, Serialize};

use crate::claims::Claims;

/// Bounds in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FreshnessLimits {
    /// Up to this age everything is as usual.
    pub max_staleness_ms: u64,
    /// Up to this age tokens that can only read are still verified, and marked.
    pub stale_if_error_ms: u64,
}

impl Default for FreshnessLimits {
    fn default() -> Self {
        Self { max_staleness_ms: 60_000, stale_if_error_ms: 24 * 60 * 60 * 1_000 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    Fresh,
    /// Good enough for this token, and to be marked as stale in the answer.
    StaleReadOnly,
    /// The edge cannot know: 503, never 401.
    Unknown,
}

/// Whether knowledge of age `age_ms` may decide on a token with these claims.
pub fn assess(age_ms: u64, claims: &Claims, limits: &FreshnessLimits) -> Freshness {
    if age_ms <= limits.max_staleness_ms {
        Freshness::Fresh
    } else if age_ms <= limits.stale_if_error_ms
        && claims.scopes.is_read_only()
        && claims.delegation.is_none()
    {
        Freshness::StaleReadOnly
    } else {
        Freshness::Unknown
    }
}
