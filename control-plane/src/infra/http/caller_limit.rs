//! How often one caller may ask. Counted in this process alone: it only keeps one caller from wearing it out.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use agentidp_shared::rate_limit::{Meter, RateLimit, Taken};
use axum::http::{HeaderName, StatusCode, header};
use time::OffsetDateTime;

use super::error::ApiError;
use crate::infra::clock::unix_millis;

/// Callers remembered. Beyond these the idle ones are forgotten, and if none is, all.
const MAX_REMEMBERED: usize = 10_000;
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// So many requests in so many seconds, of each caller; they may come at once.
#[derive(Debug)]
pub struct CallerLimit<K> {
    requests: u32,
    seconds: u32,
    /// What a caller is: "address", "organization".
    of: &'static str,
    meters: Mutex<BTreeMap<K, Meter>>,
}

/// How a caller's limit stands: the fields of draft-ietf-httpapi-ratelimit-headers, as the edge writes them.
pub type Standing = [(HeaderName, String); 2];

impl<K: Ord> CallerLimit<K> {
    pub fn new(requests: u32, seconds: u32, of: &'static str) -> Self {
        Self { requests, seconds, of, meters: Mutex::default() }
    }

    /// How the limit stands after this request; 429 if the caller asked too often.
    pub fn take(&self, caller: K, now: OffsetDateTime) -> Result<Standing, ApiError> {
        let Self { requests, seconds, of, .. } = self;
        let limit = RateLimit::new(*requests, *seconds, *requests)
            .map_err(|error| ApiError::internal(anyhow::anyhow!(error)))?;
        let now_ms = unix_millis(now);
        let taken = {
            let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
            if meters.len() >= MAX_REMEMBERED {
                meters.retain(|_, meter| !meter.is_idle(now_ms));
                if meters.len() >= MAX_REMEMBERED {
                    meters.clear();
                }
            }
            meters.entry(caller).or_default().take(limit, 1, now_ms)
        };
        let standing = self.standing(taken);
        if taken.granted == 1 {
            return Ok(standing);
        }
        metrics::counter!("agentidp_rate_limit_hits_total").increment(1);
        let message = format!("more than {requests} requests in {seconds} seconds from this {of}");
        let wait = taken.retry_after_ms.div_ceil(1_000).max(1);
        let refused = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message)
            .header(header::RETRY_AFTER, wait.to_string());
        Err(standing.into_iter().fold(refused, |refused, (name, value)| refused.header(name, value)))
    }

    fn standing(&self, taken: Taken) -> Standing {
        let Self { requests, seconds, of, .. } = self;
        let used = u64::from(requests.saturating_sub(taken.remaining));
        // Until all of it is there again.
        let reset = (used * u64::from(*seconds)).div_ceil(u64::from(*requests));
        [
            (RATE_LIMIT_POLICY, format!("\"{of}\";q={requests};w={seconds}")),
            (RATE_LIMIT, format!("\"{of}\";r={};t={reset}", taken.remaining)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::from_unix_seconds;

    #[test]
    fn a_caller_is_told_how_its_limit_stands() {
        let limit = CallerLimit::new(30, 60, "organization");
        let fields = |at| limit.take(1, from_unix_seconds(at)).unwrap().map(|(_, value)| value);
        assert_eq!(fields(1_000), ["\"organization\";q=30;w=60", "\"organization\";r=29;t=2"]);
        (0..29).for_each(|_| drop(fields(1_000)));
        assert!(limit.take(1, from_unix_seconds(1_000)).is_err());
        assert!(limit.take(2, from_unix_seconds(1_000)).is_ok());
        assert!(limit.take(1, from_unix_seconds(1_002)).is_ok());
    }

    #[test]
    fn many_callers_attack_memory_is_bounded() {
        let limit = CallerLimit::new(120, 60, "address");
        for caller in 0..MAX_REMEMBERED * 2 {
            limit.take(caller, from_unix_seconds(1_000)).unwrap();
        }
        assert!(limit.meters.lock().unwrap().len() <= MAX_REMEMBERED);
    }
}
