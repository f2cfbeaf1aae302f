//! How often one address may ask what anyone may ask. Counted in this process alone: it only keeps one caller from wearing it out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use agentidp_shared::rate_limit::{Meter, RateLimit};
use axum::http::{StatusCode, header};
use time::OffsetDateTime;

use super::error::ApiError;
use super::network::subscriber;
use crate::infra::clock::unix_millis;

/// Addresses remembered. Beyond these the idle ones are forgotten, and if none is, all.
const MAX_REMEMBERED: usize = 10_000;
/// What one address may ask: requests in so many seconds.
const REQUESTS: u32 = 120;
const SECONDS: u32 = 60;

/// 120 requests a minute from one address.
#[derive(Debug, Default)]
pub struct AddressLimit(Mutex<BTreeMap<String, Meter>>);

impl AddressLimit {
    /// 429 if the address asked too often.
    pub fn take(&self, address: Option<IpAddr>, now: OffsetDateTime) -> Result<(), ApiError> {
        let Ok(limit) = RateLimit::new(REQUESTS, SECONDS, REQUESTS) else { return Ok(()) };
        let Some(address) = address else { return Ok(()) };
        let now_ms = unix_millis(now);
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if meters.len() >= MAX_REMEMBERED {
            meters.retain(|_, meter| !meter.is_idle(now_ms));
            if meters.len() >= MAX_REMEMBERED {
                meters.clear();
            }
        }
        let taken = meters.entry(subscriber(address)).or_default().take(limit, 1, now_ms);
        if taken.granted == 1 {
            return Ok(());
        }
        metrics::counter!("agentidp_rate_limit_hits_total").increment(1);
        let message = format!("more than {REQUESTS} requests in {SECONDS} seconds from this address");
        let wait = taken.retry_after_ms.div_ceil(1_000).max(1);
        Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message)
            .header(header::RETRY_AFTER, wait.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::from_unix_seconds;

    #[test]
    fn each_address_has_its_own_120_a_minute() {
        let limit = AddressLimit::default();
        let asks =
            |address: &str, at| limit.take(Some(address.parse().unwrap()), from_unix_seconds(at)).is_ok();
        assert!((0..120).all(|_| asks("192.0.2.1", 1_000)));
        assert!(!asks("192.0.2.1", 1_000) && asks("192.0.2.2", 1_000));
        assert!(asks("192.0.2.1", 1_001) && asks("192.0.2.1", 1_001) && !asks("192.0.2.1", 1_001));
    }

    #[test]
    fn many_addresses_attack_memory_is_bounded() {
        let limit = AddressLimit::default();
        for number in 0..u32::try_from(MAX_REMEMBERED * 2).unwrap() {
            let address = std::net::Ipv4Addr::from_bits(number).into();
            limit.take(Some(address), from_unix_seconds(1_000)).unwrap();
        }
        assert!(limit.0.lock().unwrap().len() <= MAX_REMEMBERED);
        let subnet = |last: u16| Some(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last).into());
        let at = from_unix_seconds(2_000);
        assert_eq!((0..130).filter(|last| limit.take(subnet(*last), at).is_ok()).count(), 120, "one /64");
    }
}
