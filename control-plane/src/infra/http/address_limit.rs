//! How often one address may ask what anyone may ask.

use std::net::IpAddr;

use time::OffsetDateTime;

use super::caller_limit::CallerLimit;
use super::error::ApiError;
use super::network::subscriber;

/// What one address may ask: requests in so many seconds.
const REQUESTS: u32 = 120;
const SECONDS: u32 = 60;

/// 120 requests a minute from one address.
#[derive(Debug)]
pub struct AddressLimit(CallerLimit<String>);

impl Default for AddressLimit {
    fn default() -> Self {
        Self(CallerLimit::new(REQUESTS, SECONDS, "address"))
    }
}

impl AddressLimit {
    /// 429 if the address asked too often.
    pub fn take(&self, address: Option<IpAddr>, now: OffsetDateTime) -> Result<(), ApiError> {
        let Some(address) = address else { return Ok(()) };
        self.0.take(subscriber(address), now)?;
        Ok(())
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
    fn many_addresses_attack_a_network_of_ipv6_is_one_address() {
        let limit = AddressLimit::default();
        let subnet = |last: u16| Some(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last).into());
        let at = from_unix_seconds(2_000);
        assert_eq!((0..130).filter(|last| limit.take(subnet(*last), at).is_ok()).count(), 120, "one /64");
    }
}
