//! How many requests are taken from one caller, and the arithmetic of it.

use serde::{Deserialize, Serialize};

use crate::tier::Tier;

/// So many requests in so many seconds, spread evenly, of which up to `burst` may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    pub requests: u32,
    pub seconds: u32,
    pub burst: u32,
}

/// The limits of one deployment, carried in the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimits {
    /// Of one address that presents no good token; of IPv6, one /64.
    pub address: RateLimit,
    /// Of one client.
    pub client: RateLimit,
    /// Of one organization, by its tier.
    pub free: RateLimit,
    pub pro: RateLimit,
    pub enterprise: RateLimit,
}

impl Default for RateLimits {
    fn default() -> Self {
        let per_second = |requests| RateLimit { requests, seconds: 1, burst: 2 * requests };
        Self {
            address: per_second(100),
            client: per_second(200),
            free: per_second(500),
            pro: per_second(5_000),
            enterprise: per_second(50_000),
        }
    }
}

impl RateLimits {
    pub fn of_organization(&self, tier: Tier) -> RateLimit {
        match tier {
            Tier::Free => self.free,
            Tier::Pro => self.pro,
            Tier::Enterprise => self.enterprise,
        }
    }
}
