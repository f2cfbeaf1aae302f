//! Of nodes that live on. The meters are in shards far away; a node takes from them several requests at a time, a lease, and
//! spends those from memory. So most requests wait for nobody.
//!
//! What is leased has been taken: all nodes together never admit more than a limit allows, counted from the beginning. Within any
//! stretch of time it can be more by what was leased just before, which is why leases are small and short.

use std::cell::RefCell;
use std::rc::Rc;

use agentidp_shared::hashing::{SeededHasher, SeededMap};
use agentidp_shared::rate_limit::{Meter, RateLimit, Taken};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Bucket, Meters};
use crate::host::{Host, LeaseClient, Severity};
use crate::node::Node;

/// How long what was leased may be spent, in milliseconds.
const VALID_FOR_MS: u64 = 1_000;
/// A lease spent within this time was too small; one not spent in twice this time was too large.
const SPENT_WITHIN_MS: u64 = 100;
/// A lease is at most this part of a second's requests, and of a burst, and at least that part.
const LARGEST_PART: u32 = 100;
const SMALLEST_PART: u32 = 1_000;
/// Who has been told that nothing is left does not ask again for so long.
const REFUSED_FOR_MS: u64 = 20;
/// A question that has not been answered by then never will be: its request is gone.
const ABANDONED_MS: u64 = 1_000;
/// For how long a node counts alone when its shard did not answer.
const ALONE_FOR_MS: u64 = 1_000;
/// Most buckets a node holds.
const CAPACITY: usize = 8_192;

/// What a node asks a shard for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaseRequest {
    pub key: String,
    pub limit: RateLimit,
    pub wanted: u32,
}

/// Takes leases from shards.
#[derive(Debug)]
pub struct Leasing;

impl<H: Host + LeaseClient> Meters<H> for Leasing {
    async fn take(node: &Node, host: &H, bucket: &Bucket) -> Taken {
        let next = node.leases.borrow_mut().take(bucket, host.now_ms());
        match next {
            Next::Decided(taken) => taken,
            Next::Refill(taken, wanted) => {
                let asked = host.lease(shard_of(&bucket.key), request(bucket, wanted));
                let (leases, bucket, now_ms) = (Rc::clone(&node.leases), bucket.clone(), host.now_ms());
                host.run_in_background(async move {
                    if let Ok(given) = asked.await {
                        leases.borrow_mut().receive(&bucket, given, now_ms);
                    }
                });
                taken
            }
            Next::Ask(wanted) => {
                let given = host.lease(shard_of(&bucket.key), request(bucket, wanted)).await;
                let now_ms = host.now_ms();
                let mut leases = node.leases.borrow_mut();
                let Ok(given) = given else {
                    host.log(
                        Severity::Warning,
                        "a rate limit's shard did not answer; this node counts alone",
                    );
                    return leases.take_alone(bucket, now_ms);
                };
                leases.receive(bucket, given, now_ms);
                leases.spend(bucket, given, now_ms)
            }
        }
    }
}

fn request(bucket: &Bucket, wanted: u32) -> LeaseRequest {
    LeaseRequest { key: bucket.key.clone(), limit: bucket.limit, wanted }
}

/// The same on every node.
fn shard_of(key: &str) -> u8 {
    let [first, ..] = <[u8; 32]>::from(Sha256::digest(key));
    first
}

/// What a node has leased.
#[derive(Debug)]
pub struct Leases {
    held: SeededMap<String, Lease>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    /// What is left of it.
    left: u32,
    leased_at: u64,
    /// How many to ask for next.
    size: u32,
    /// What the shard could still have given.
    elsewhere: u32,
    refused_until: u64,
    asking_since: Option<u64>,
    alone_until: u64,
    alone: Meter,
}

/// What a node does with a request.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Decided(Taken),
    /// It is let through, and a new lease of so many is due.
    Refill(Taken, u32),
    /// Only the shard knows.
    Ask(u32),
}

impl Leases {
    pub fn new(hasher: SeededHasher) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self { held: SeededMap::with_hasher(hasher) }))
    }

    fn of(&mut self, bucket: &Bucket, now_ms: u64) -> &mut Lease {
        if self.held.len() >= CAPACITY && !self.held.contains_key(&bucket.key) {
            self.held.retain(|_, lease| lease.is_in_use(now_ms));
            if self.held.len() >= CAPACITY {
                // What was leased is lost, and who was refused asks again.
                self.held.clear();
            }
        }
        self.held.entry_ref(bucket.key.as_str()).or_insert(Lease {
            left: 0,
            leased_at: 0,
            size: 1,
            elsewhere: bucket.limit.burst(),
            refused_until: 0,
            asking_since: None,
            alone_until: 0,
            alone: Meter::default(),
        })
    }

    fn take(&mut self, bucket: &Bucket, now_ms: u64) -> Next {
        let limit = bucket.limit;
        let lease = self.of(bucket, now_ms);
        // A clock that was set back must not make a lease, or a refusal, last.
        let within = |since: u64, limit_ms: u64| now_ms.abs_diff(since) < limit_ms;
        if !within(lease.leased_at, VALID_FOR_MS) {
            lease.left = 0;
        }
        let is_asking = lease.asking_since.is_some_and(|since| within(since, ABANDONED_MS));
        if let Some(left) = lease.left.checked_sub(1) {
            lease.left = left;
            let taken =
                Taken { granted: 1, remaining: left.saturating_add(lease.elsewhere), retry_after_ms: 0 };
            if lease.size > 1 && left < lease.size / 2 && !is_asking {
                lease.resize(limit, now_ms);
                lease.asking_since = Some(now_ms);
                return Next::Refill(taken, lease.size);
            }
            return Next::Decided(taken);
        }
        let refused_for = lease.refused_until.saturating_sub(now_ms);
        if (1..=longest_wait_ms(limit)).contains(&refused_for) {
            return Next::Decided(Taken { granted: 0, remaining: 0, retry_after_ms: refused_for });
        }
        if (1..=ALONE_FOR_MS).contains(&lease.alone_until.saturating_sub(now_ms)) {
            return Next::Decided(lease.alone.take(limit, 1, now_ms));
        }
        if lease.alone_until > 0 {
            // One asks whether the shard is back; meanwhile the others go on alone.
            lease.alone_until = now_ms + ALONE_FOR_MS;
        }
        lease.resize(limit, now_ms);
        lease.asking_since = Some(now_ms);
        Next::Ask(lease.size)
    }

    /// Adds what a shard gave.
    fn receive(&mut self, bucket: &Bucket, given: Taken, now_ms: u64) {
        let lease = self.of(bucket, now_ms);
        lease.asking_since = None;
        lease.alone_until = 0;
        lease.elsewhere = given.remaining;
        if given.granted == 0 {
            lease.refused_until = now_ms + given.retry_after_ms.max(REFUSED_FOR_MS);
        } else {
            lease.left = lease.left.saturating_add(given.granted);
            lease.leased_at = now_ms;
        }
    }

    /// One of what a request has itself brought.
    fn spend(&mut self, bucket: &Bucket, given: Taken, now_ms: u64) -> Taken {
        if given.granted == 0 {
            return given;
        }
        let lease = self.of(bucket, now_ms);
        lease.left = lease.left.saturating_sub(1);
        Taken { granted: 1, remaining: lease.left.saturating_add(lease.elsewhere), retry_after_ms: 0 }
    }

    fn take_alone(&mut self, bucket: &Bucket, now_ms: u64) -> Taken {
        let lease = self.of(bucket, now_ms);
        lease.asking_since = None;
        lease.alone_until = now_ms + ALONE_FOR_MS;
        lease.alone.take(bucket.limit, 1, now_ms)
    }
}

impl Lease {
    fn resize(&mut self, limit: RateLimit, now_ms: u64) {
        let whole = (limit.requests() / limit.seconds()).min(limit.burst());
        let part = |part: u32| (whole / part).max(1);
        let spent_in = now_ms.abs_diff(self.leased_at);
        let size = if spent_in < SPENT_WITHIN_MS {
            self.size.saturating_mul(2)
        } else if spent_in > 2 * SPENT_WITHIN_MS {
            self.size / 2
        } else {
            self.size
        };
        self.size = size.clamp(part(SMALLEST_PART), part(LARGEST_PART));
    }

    fn is_in_use(&self, now_ms: u64) -> bool {
        let has_some = self.left > 0 && now_ms.abs_diff(self.leased_at) < VALID_FOR_MS;
        has_some || self.refused_until > now_ms || self.alone_until > now_ms
    }
}

/// No refusal is longer than it takes a whole burst to come back.
fn longest_wait_ms(limit: RateLimit) -> u64 {
    (u64::from(limit.burst()) * u64::from(limit.seconds()) * 1_000).div_ceil(u64::from(limit.requests()))
        + REFUSED_FOR_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Shard;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn bucket(limit: &str) -> Bucket {
        Bucket { policy: "client", key: "client/1".to_owned(), limit: limit.parse().unwrap() }
    }

    /// One node's request, with a shard that answers at once.
    fn ask(leases: &mut Leases, shard: &mut Shard, bucket: &Bucket, now_ms: u64) -> bool {
        match leases.take(bucket, now_ms) {
            Next::Decided(taken) => taken.granted == 1,
            Next::Refill(taken, wanted) => {
                leases.receive(bucket, shard.lease(request(bucket, wanted), now_ms), now_ms);
                taken.granted == 1
            }
            Next::Ask(wanted) => {
                let given = shard.lease(request(bucket, wanted), now_ms);
                leases.receive(bucket, given, now_ms);
                leases.spend(bucket, given, now_ms).granted == 1
            }
        }
    }

    fn leases() -> Leases {
        Leases { held: SeededMap::with_hasher(SeededHasher::new([1; 16])) }
    }

    #[test]
    fn fifty_nodes_together_admit_what_the_limit_allows_and_nearly_all_of_it() {
        for (limit, per_node_and_second) in [("100/1:200", 10), ("1000/1:2000", 50), ("20000/1:20000", 1_000)]
        {
            let bucket = bucket(limit);
            let mut shard = Shard::new([1; 16]);
            let mut nodes: Vec<Leases> = (0..50).map(|_| leases()).collect();
            let (mut admitted, seconds) = (0_u64, 20);
            let ticks = seconds * per_node_and_second;
            for tick in 0..ticks {
                let now_ms = NOW_MS + tick * 1_000 / per_node_and_second;
                for node in &mut nodes {
                    admitted += u64::from(ask(node, &mut shard, &bucket, now_ms));
                }
            }
            let limit = bucket.limit;
            let allowed = u64::from(limit.burst()) + u64::from(limit.requests()) * seconds;
            assert!(admitted <= allowed, "{limit}: {admitted} of {allowed}");
            assert!(admitted * 100 >= allowed * 95, "{limit}: only {admitted} of {allowed}");
        }
    }

    #[test]
    fn a_busy_node_asks_its_shard_seldom_and_a_quiet_one_hoards_nothing() {
        let (bucket, mut node, mut shard) = (bucket("10000/1:20000"), leases(), Shard::new([1; 16]));
        let mut asked = 0;
        for request in 0..5_000_u64 {
            let now_ms = NOW_MS + request;
            let before = node.held.get("client/1").and_then(|lease| lease.asking_since);
            asked += u64::from(!matches!(node.take(&bucket, now_ms), Next::Decided(_)));
            assert!(before.is_none());
            ask(&mut node, &mut shard, &bucket, now_ms);
            node.receive(&bucket, Taken { granted: 100, remaining: 0, retry_after_ms: 0 }, now_ms);
        }
        assert!(asked < 100, "{asked}");
        for minute in 1..10 {
            ask(&mut node, &mut shard, &bucket, NOW_MS + minute * 60_000);
        }
        assert_eq!(node.held["client/1"].size, 10);
    }

    #[test]
    fn who_is_refused_is_refused_from_memory_until_it_may_come_again() {
        let (bucket, mut node) = (bucket("1/60:1"), leases());
        assert_eq!(node.take(&bucket, NOW_MS), Next::Ask(1));
        node.receive(&bucket, Taken { granted: 0, remaining: 0, retry_after_ms: 45_000 }, NOW_MS);
        for (passed, left) in [(1, 44_999), (44_999, 1)] {
            let refused = Taken { granted: 0, remaining: 0, retry_after_ms: left };
            assert_eq!(node.take(&bucket, NOW_MS + passed), Next::Decided(refused));
        }
        assert_eq!(node.take(&bucket, NOW_MS + 45_000), Next::Ask(1));
        // Not for longer because a clock was ahead.
        node.receive(&bucket, Taken { granted: 0, remaining: 0, retry_after_ms: 45_000 }, NOW_MS + 9_000_000);
        assert_eq!(node.take(&bucket, NOW_MS), Next::Ask(1));
    }

    #[test]
    fn without_its_shard_a_node_limits_alone_and_asks_once_a_second() {
        let (bucket, mut node) = (bucket("10/1:10"), leases());
        assert_eq!(node.take(&bucket, NOW_MS), Next::Ask(1));
        let admitted = 1 + (0..50).filter(|_| node.take_alone(&bucket, NOW_MS).granted == 1).count();
        assert_eq!(admitted, 11);
        assert!(matches!(node.take(&bucket, NOW_MS + 999), Next::Decided(_)));
        assert_eq!(node.take(&bucket, NOW_MS + 1_000), Next::Ask(1));
        assert!(matches!(node.take(&bucket, NOW_MS + 1_000), Next::Decided(_)), "two ask at once");
        node.receive(&bucket, Taken { granted: 1, remaining: 5, retry_after_ms: 0 }, NOW_MS + 1_001);
        assert!(matches!(node.take(&bucket, NOW_MS + 1_002), Next::Decided(taken) if taken.remaining == 5));
    }

    #[test]
    fn memory_exhaustion_attack_the_number_of_buckets_is_bounded() {
        let mut node = leases();
        for number in 0..3 * CAPACITY {
            let bucket = Bucket { key: number.to_string(), ..bucket("1/60:1") };
            node.take(&bucket, NOW_MS);
            node.receive(&bucket, Taken { granted: 0, remaining: 0, retry_after_ms: 60_000 }, NOW_MS);
            assert!(node.held.len() <= CAPACITY);
        }
    }
}
