//! What callers are told of their limits: the fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers), and
//! the older `X-RateLimit-*` for the limit that is nearest to its end.

use agentidp_shared::rate_limit::Taken;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Bucket;
use crate::errors::Problem;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const HEADERS: [HeaderName; 5] = [RATE_LIMIT, RATE_LIMIT_POLICY, LIMIT, REMAINING, RESET];

/// How a request's limits stand after it.
#[derive(Debug, Default)]
pub struct Standing {
    buckets: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    policy: &'static str,
    /// What may be taken at once, and the seconds until all of it is there again.
    quota: u32,
    window: u64,
    remaining: u32,
    /// Seconds until all of it is there again, and the Unix second of that.
    reset: u64,
    reset_at: u64,
}

impl Standing {
    pub(super) fn add(&mut self, bucket: &Bucket, taken: Taken, now_ms: u64) {
        let (limit, quota) = (bucket.limit, bucket.limit.burst());
        let seconds_for = |requests: u32| {
            (u64::from(requests) * u64::from(limit.seconds())).div_ceil(u64::from(limit.requests()))
        };
        // Nodes know of each other's requests a little later.
        let remaining = taken.remaining.min(quota);
        let reset = seconds_for(quota - remaining);
        self.buckets.push(Line {
            policy: bucket.policy,
            quota,
            window: seconds_for(quota),
            remaining,
            reset,
            reset_at: now_ms / 1_000 + reset,
        });
    }

    /// RFC 6585 §4.
    pub(super) fn refuse(&self, bucket: &Bucket, taken: Taken) -> Problem {
        let message =
            format!("the rate limit of this {} is reached; wait as long as Retry-After says", bucket.policy);
        let seconds = taken.retry_after_ms.div_ceil(1_000).max(1);
        let problem =
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "temporarily_unavailable", message)
                .header(RETRY_AFTER, seconds.into());
        self.fields().into_iter().fold(problem, |problem, (name, value)| problem.header(name, value))
    }

    /// Writes it down, instead of what an origin may have said of limits of its own.
    pub fn mark(&self, headers: &mut HeaderMap) {
        if self.buckets.is_empty() {
            return;
        }
        for name in HEADERS {
            headers.remove(name);
        }
        headers.extend(self.fields());
    }

    /// Writes it down once half of a limit is used up: for answers that a proxy reads, which cost a fifth more with it.
    pub fn mark_if_scarce(&self, headers: &mut HeaderMap) {
        if self.buckets.iter().any(|line| line.remaining <= line.quota / 2) {
            self.mark(headers);
        }
    }

    fn fields(&self) -> Vec<(HeaderName, HeaderValue)> {
        let Some(nearest) = self.buckets.iter().min_by_key(|line| line.remaining) else { return Vec::new() };
        let list = |item: fn(&Line) -> String| {
            let items: Vec<String> = self.buckets.iter().map(item).collect();
            HeaderValue::try_from(items.join(", ")).ok()
        };
        let policies = list(|line| format!("\"{}\";q={};w={}", line.policy, line.quota, line.window));
        let standings = list(|line| format!("\"{}\";r={};t={}", line.policy, line.remaining, line.reset));
        [(RATE_LIMIT_POLICY, policies), (RATE_LIMIT, standings)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .chain([
                (LIMIT, nearest.quota.into()),
                (REMAINING, nearest.remaining.into()),
                (RESET, nearest.reset_at.into()),
            ])
            .collect()
    }
}
