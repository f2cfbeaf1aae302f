//! How many requests are taken from one caller, and the arithmetic of it: the generic cell rate algorithm (GCRA), in whole
//! nanoseconds.
//!
//! A meter is one number, the moment at which everything taken so far will have been paid off at the limit's rate. What may be
//! taken at once is limited by how far that moment may lie ahead. So a meter that nobody used for a while is the same as a new
//! one, and can be forgotten.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::tier::Tier;

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
/// Clocks of those who use one meter differ by no more. A meter further ahead is of a clock that has been set right since.
const CLOCK_DIFFERENCE: u64 = 60 * NANOSECONDS_PER_SECOND;
/// Most requests in a limit, and in a burst of it. At one second the time between two is then a microsecond.
pub const MAX_REQUESTS: u32 = 1_000_000;
/// Longest window of a limit, in seconds.
pub const MAX_SECONDS: u32 = 86_400;

/// So many requests in so many seconds, spread evenly, of which up to `burst` may come at once. Written
/// `REQUESTS/SECONDS` or `REQUESTS/SECONDS:BURST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, try_from = "Written")]
pub struct RateLimit {
    requests: u32,
    seconds: u32,
    burst: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    requests: u32,
    seconds: u32,
    burst: Option<u32>,
}

/// A limit that would be none, or that cannot be reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be 1 to {MAX_REQUESTS} requests in 1 to {MAX_SECONDS} seconds, with a burst of 1 to {MAX_REQUESTS}"
)]
pub struct InvalidLimit;

impl RateLimit {
    pub fn new(requests: u32, seconds: u32, burst: u32) -> Result<Self, InvalidLimit> {
        let is_count = |number: u32| (1..=MAX_REQUESTS).contains(&number);
        if is_count(requests) && is_count(burst) && (1..=MAX_SECONDS).contains(&seconds) {
            Ok(Self { requests, seconds, burst })
        } else {
            Err(InvalidLimit)
        }
    }

    pub fn requests(self) -> u32 {
        self.requests
    }

    pub fn seconds(self) -> u32 {
        self.seconds
    }

    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Between two requests, in nanoseconds. Rounded up: rather one too few than one too many.
    fn interval(self) -> u64 {
        (u64::from(self.seconds) * NANOSECONDS_PER_SECOND).div_ceil(u64::from(self.requests))
    }
}

impl TryFrom<Written> for RateLimit {
    type Error = InvalidLimit;

    /// Without a burst, a whole window's requests may come at once.
    fn try_from(written: Written) -> Result<Self, InvalidLimit> {
        Self::new(written.requests, written.seconds, written.burst.unwrap_or(written.requests))
    }
}

impl FromStr for RateLimit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let number = |text: &str| text.parse::<u32>().map_err(|_| InvalidLimit);
        let (rate, burst) = match text.split_once(':') {
            Some((rate, burst)) => (rate, Some(number(burst)?)),
            None => (text, None),
        };
        let (requests, seconds) = rate.split_once('/').ok_or(InvalidLimit)?;
        Written { requests: number(requests)?, seconds: number(seconds)?, burst }.try_into()
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.requests, self.seconds, self.burst)
    }
}

/// The limits of one deployment, carried in the feed. What is absent is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimits {
    /// Of one address, for requests without a good token; of IPv6, one /64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<RateLimit>,
    /// Of one client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<RateLimit>,
    /// Of all clients of one organization, by its tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<RateLimit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pro: Option<RateLimit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enterprise: Option<RateLimit>,
}

impl RateLimits {
    pub fn of_organization(&self, tier: Tier) -> Option<RateLimit> {
        match tier {
            Tier::Free => self.free,
            Tier::Pro => self.pro,
            Tier::Enterprise => self.enterprise,
        }
    }
}

/// What a meter gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// None, or some of what was wanted.
    pub granted: u32,
    /// What could still be taken at once.
    pub remaining: u32,
    /// Until one more can be taken, in milliseconds, rounded up; 0 if one can be now.
    pub retry_after_ms: u64,
}

/// How much of a limit has been used: Unix nanoseconds at which all of it will have been paid off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter(u64);

impl Meter {
    /// Takes up to `wanted` requests at `now_ms` (Unix milliseconds).
    pub fn take(&mut self, limit: RateLimit, wanted: u32, now_ms: u64) -> Taken {
        let now = now_ms.saturating_mul(NANOSECONDS_PER_MILLISECOND);
        let interval = limit.interval();
        let ahead = u64::from(limit.burst).saturating_mul(interval);
        let full = now.saturating_add(ahead);
        // Further ahead than a limit allows is a meter whose limit was larger, or whose clock was ahead.
        let paid_off =
            if self.0 > full.saturating_add(CLOCK_DIFFERENCE) { now } else { self.0.clamp(now, full) };
        let available = (full - paid_off) / interval;
        let granted = u64::from(wanted).min(available);
        let paid_off = paid_off.saturating_add(granted.saturating_mul(interval));
        self.0 = paid_off;
        // One more fits as soon as all of it would be paid off no later than `ahead` from then.
        let wait = paid_off.saturating_add(interval).saturating_sub(full);
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Taken {
            granted: count(granted),
            remaining: count(available - granted),
            retry_after_ms: wait.div_ceil(NANOSECONDS_PER_MILLISECOND),
        }
    }

    /// Whether it is no different from a new one.
    pub fn is_idle(self, now_ms: u64) -> bool {
        self.0 <= now_ms.saturating_mul(NANOSECONDS_PER_MILLISECOND)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn limit(text: &str) -> RateLimit {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_comes_at_once_and_the_rest_at_the_rate() {
        let (mut meter, limit) = (Meter::default(), limit("10/1:3"));
        for remaining in [2, 1, 0] {
            let retry_after_ms = if remaining == 0 { 100 } else { 0 };
            assert_eq!(meter.take(limit, 1, NOW_MS), Taken { granted: 1, remaining, retry_after_ms });
        }
        let none = Taken { granted: 0, remaining: 0, retry_after_ms: 100 };
        assert_eq!(meter.take(limit, 1, NOW_MS), none);
        assert_eq!(meter.take(limit, 1, NOW_MS + 99).retry_after_ms, 1);
        assert_eq!(meter.take(limit, 1, NOW_MS + 100).granted, 1);
        assert_eq!(
            meter.take(limit, 5, NOW_MS + 1_000),
            Taken { granted: 3, remaining: 0, retry_after_ms: 100 }
        );
    }

    #[test]
    fn a_meter_whose_clock_was_ahead_is_full_for_one_burst_or_new() {
        let (mut meter, limit) = (Meter::default(), limit("10/1"));
        meter.take(limit, 10, NOW_MS + 86_400_000);
        assert_eq!(meter.take(limit, 10, NOW_MS).granted, 10);
        let mut meter = Meter::default();
        meter.take(limit, 10, NOW_MS + 50_000);
        assert_eq!(meter.take(limit, 1, NOW_MS), Taken { granted: 0, remaining: 0, retry_after_ms: 100 });
        assert_eq!(meter.take(limit, 1, NOW_MS + 100).granted, 1);
    }

    #[test]
    fn limits_are_read_as_they_are_written_and_nothing_else() {
        for text in ["1/1:1", "200/1:400", "1000000/86400:1000000"] {
            assert_eq!(limit(text).to_string(), text);
        }
        assert_eq!(limit("5/60"), limit("5/60:5"));
        for text in
            ["", "1", "0/1", "1/0", "1/1:0", "1000001/1", "1/86401", "1/1:", "/1", "-1/1", "1/1/1", "1.5/1"]
        {
            assert_eq!(text.parse::<RateLimit>(), Err(InvalidLimit), "{text}");
        }
        let json = r#"{"requests":0,"seconds":1,"burst":1}"#;
        assert!(serde_json::from_str::<RateLimit>(json).is_err());
    }

    proptest! {
        /// Whatever is asked and when, no stretch of time sees more than a burst and what its length allows.
        #[test]
        fn no_stretch_of_time_sees_more_than_the_limit(
            requests in 1..500_u32, seconds in 1..100_u32, burst in 1..200_u32,
            asked in prop::collection::vec((0..5_000_u64, 1..20_u32), 1..200),
        ) {
            let limit = RateLimit::new(requests, seconds, burst).unwrap();
            let (mut meter, mut now_ms, mut given) = (Meter::default(), NOW_MS, Vec::new());
            for (pause, wanted) in asked {
                now_ms += pause;
                let taken = meter.take(limit, wanted, now_ms);
                prop_assert!(taken.granted <= wanted);
                prop_assert!(taken.granted == wanted || taken.remaining == 0);
                prop_assert_eq!(taken.retry_after_ms == 0, taken.remaining > 0);
                given.push((now_ms, u64::from(taken.granted)));
            }
            for (index, (from, _)) in given.iter().enumerate() {
                let mut sum = 0;
                for (at, granted) in given.iter().skip(index) {
                    sum += granted;
                    let earned = u64::from(requests) * (at - from) / (u64::from(seconds) * 1_000);
                    prop_assert!(sum <= u64::from(burst) + earned, "{} > {} + {}", sum, burst, earned);
                }
            }
        }

        /// Whoever waits as long as it is told to is served, and whoever comes a millisecond earlier is not.
        #[test]
        fn what_is_said_of_waiting_is_true(requests in 1..5_000_u32, seconds in 1..1_000_u32, burst in 1..50_u32) {
            let limit = RateLimit::new(requests, seconds, burst).unwrap();
            let mut meter = Meter::default();
            prop_assert_eq!(meter.take(limit, burst, NOW_MS).granted, burst);
            let wait = meter.take(limit, 1, NOW_MS).retry_after_ms;
            prop_assert!(wait > 0);
            let mut early = meter;
            prop_assert_eq!(early.take(limit, 1, NOW_MS + wait - 1).granted, 0);
            prop_assert_eq!(meter.take(limit, 1, NOW_MS + wait).granted, 1);
        }
    }
}
