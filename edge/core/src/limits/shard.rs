//! The meters of one shard, on hosts where one place counts for all nodes.

use agentidp_shared::hashing::{SeededHasher, SeededMap};
use agentidp_shared::rate_limit::{Meter, Taken};

use super::LeaseRequest;

/// Most meters held, about a hundred bytes each.
const CAPACITY: usize = 200_000;
/// Of what is left, one node gets at most a quarter at once, so that the last of it is for all.
const SHARE: u32 = 4;

/// Everything is in memory: whoever loses it lets each caller begin anew with one burst.
#[derive(Debug)]
pub struct Shard {
    meters: SeededMap<String, Meter>,
    /// Grows with what is in use, so that looking for what is not stays rare.
    swept_at: usize,
}

impl Shard {
    pub fn new(seed: [u8; 16]) -> Self {
        Self { meters: SeededMap::with_hasher(SeededHasher::new(seed)), swept_at: 1_024 }
    }

    /// Takes a lease.
    pub fn lease(&mut self, request: LeaseRequest, now_ms: u64) -> Taken {
        if self.meters.len() >= self.swept_at {
            self.sweep(now_ms);
        }
        let meter = self.meters.entry(request.key).or_default();
        let available = meter.take(request.limit, 0, now_ms).remaining;
        meter.take(request.limit, request.wanted.min((available / SHARE).max(1)), now_ms)
    }

    fn sweep(&mut self, now_ms: u64) {
        self.meters.retain(|_, meter| !meter.is_idle(now_ms));
        if self.meters.len() >= CAPACITY {
            // More callers at once than there is room for: to forget some is to let them have a burst more.
            self.meters.clear();
        }
        self.swept_at = (2 * self.meters.len()).clamp(1_024, CAPACITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn request(key: &str, wanted: u32) -> LeaseRequest {
        LeaseRequest { key: key.to_owned(), limit: "100/1:100".parse().unwrap(), wanted }
    }

    #[test]
    fn callers_are_apart_and_the_last_of_a_limit_is_shared() {
        let mut shard = Shard::new([1; 16]);
        assert_eq!(shard.lease(request("a", 80), NOW_MS).granted, 25);
        assert_eq!(shard.lease(request("a", 80), NOW_MS).granted, 18);
        assert_eq!(shard.lease(request("b", 1), NOW_MS).remaining, 99);
        let left: u32 = (0..100).map(|_| shard.lease(request("a", 80), NOW_MS).granted).sum();
        assert_eq!(left, 100 - 25 - 18);
    }

    #[test]
    fn memory_exhaustion_attack_forgotten_callers_take_no_room() {
        let mut shard = Shard::new([1; 16]);
        for number in 0..50_000_u64 {
            shard.lease(request(&number.to_string(), 1), NOW_MS + number);
        }
        assert!(shard.meters.len() < 2_048, "{}", shard.meters.len());
        shard.swept_at = CAPACITY;
        for number in 0..=CAPACITY {
            shard.lease(request(&number.to_string(), 1), NOW_MS + 100_000);
        }
        assert!(shard.meters.len() <= CAPACITY);
    }
}
