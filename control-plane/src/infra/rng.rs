//! Randomness, passed in.

use std::fmt::Debug;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use super::clock::{Clock, unix_millis};

/// A source of cryptographically secure random bytes.
pub trait Rng: Send + Sync + Debug {
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    #[expect(
        clippy::expect_used,
        reason = "without randomness nothing may go on: no key, secret or id would be safe"
    )]
    fn fill(&self, out: &mut [u8]) {
        SystemRandom::new().fill(out).expect("the operating system gives randomness");
    }
}

/// A new time-ordered id (UUID version 7, RFC 9562 §5.7).
pub fn new_id(clock: &dyn Clock, rng: &dyn Rng) -> Uuid {
    let mut random = [0; 10];
    rng.fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(unix_millis(clock.now()), &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::{ManualClock, from_unix_seconds};

    #[test]
    fn ids_are_version_7_distinct_and_carry_their_time() {
        let clock = ManualClock::new(from_unix_seconds(1_700_000_000));
        let (a, b) = (new_id(&clock, &SystemRng), new_id(&clock, &SystemRng));
        assert_eq!(a.get_version_num(), 7);
        assert_ne!(a, b);
        clock.advance(time::Duration::SECOND);
        assert!(new_id(&clock, &SystemRng) > a.max(b));
    }
}
