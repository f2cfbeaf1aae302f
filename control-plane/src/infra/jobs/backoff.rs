//! How long a job that failed waits.

use std::time::Duration;

use crate::infra::rng::Rng;

/// Exponential, with full jitter: anything from nothing to the bound, so that what failed together does not come back together.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The bound after the first failure; it doubles with each further one.
    pub first: Duration,
    /// No bound is larger.
    pub longest: Duration,
}

impl Backoff {
    /// 2 s to an hour: twelve attempts take half an hour on average, and little more than an hour at most.
    pub const DEFAULT: Self = Self { first: Duration::from_secs(2), longest: Duration::from_hours(1) };

    /// The longest wait after the `attempt`th failure, counted from 1.
    pub fn bound(self, attempt: i32) -> Duration {
        let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0).min(31);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }

    /// A wait after the `attempt`th failure.
    pub fn wait(self, attempt: i32, rng: &dyn Rng) -> Duration {
        let mut random = [0; 4];
        rng.fill(&mut random);
        let share = f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX);
        self.bound(attempt).mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Constant(u8);

    impl Rng for Constant {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn the_bound_doubles_up_to_the_longest() {
        let bounds = [1, 2, 3, 11, 12, 13, 1_000, i32::MAX].map(|n| Backoff::DEFAULT.bound(n).as_secs());
        assert_eq!(bounds, [2, 4, 8, 2_048, 3_600, 3_600, 3_600, 3_600]);
        assert_eq!(Backoff::DEFAULT.bound(0), Backoff::DEFAULT.bound(1));
    }

    #[test]
    fn the_wait_is_anything_up_to_the_bound() {
        for attempt in [1, 5, 40] {
            let bound = Backoff::DEFAULT.bound(attempt);
            assert_eq!(Backoff::DEFAULT.wait(attempt, &Constant(0)), Duration::ZERO);
            assert_eq!(Backoff::DEFAULT.wait(attempt, &Constant(255)), bound);
            let middle = Backoff::DEFAULT.wait(attempt, &Constant(127));
            assert!(middle > bound / 3 && middle < bound / 2 + Duration::from_millis(1), "{middle:?}");
        }
    }
}
