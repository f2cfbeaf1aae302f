//! Counting on a host whose instances live for one request: through a store that many change at once.

use std::rc::Rc;
use std::task::{Context, Waker};

use agentidp_edge_core::host::{OriginError, Store as _};
use agentidp_edge_core::knowledge::ReadingStore;
use agentidp_edge_core::{Node, handle};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use http::Method;
use serde_json::json;
use uuid::Uuid;

use crate::support::*;
use crate::usage::Ledger;

/// An edge in front of a control plane that serves the feed and takes usage.
struct Counting {
    host: Rc<TestHost<ReadingStore>>,
    ledger: Rc<Ledger>,
}

impl Counting {
    fn new() -> Self {
        let counting = Self { host: TestHost::new(), ledger: Rc::default() };
        let (ledger, clock) = (Rc::clone(&counting.ledger), Rc::downgrade(&counting.host));
        counting.host.answer_with(move |request| {
            let now_ms = clock.upgrade().unwrap().now_ms.get();
            match request.uri().path() {
                "/edge/v1/usage" => ledger.take(request),
                "/edge/v1/snapshot" => Ok(answer(200, Feed::new().snapshot(now_ms))),
                _ => Ok(answer(200, Feed::new().after(3, now_ms))),
            }
        });
        counting
    }

    /// By an instance of its own; what it leaves for later is left.
    fn send(&self, token: &str, path: &str) -> u16 {
        let node = Rc::new(Node::new(config(), [3; 16]));
        let request = with_token(request(Method::GET, path), token);
        handle(&node, &self.host, request).now_or_never().unwrap().status().as_u16()
    }

    fn verify(&self) {
        assert_eq!(self.send(&token(), "/verify"), 200);
    }

    /// A request that is not counted, and what it leaves for later.
    fn pass(&self, milliseconds: u64) {
        self.host.pass(milliseconds);
        self.send("", "/health/ready");
        self.host.run_background();
    }

    fn slots(&self) -> Vec<String> {
        let keys = self.host.instances.keys().now_or_never().unwrap().unwrap();
        keys.into_iter().filter(|key| key.starts_with("usage/")).collect()
    }
}

#[test]
fn calls_are_reported_after_ten_seconds_by_whatever_request_comes_then() {
    let edge = Counting::new();
    for _ in 0..20 {
        edge.verify();
        edge.host.run_background();
    }
    edge.pass(9_000);
    assert_eq!(edge.ledger.deliveries.get(), 0);
    edge.pass(2_500);
    assert_eq!(edge.ledger.sum(), 20);
    for _ in 0..10 {
        edge.pass(10_000);
    }
    assert_eq!(edge.ledger.deliveries.get(), edge.ledger.batches.borrow().len(), "each was sent once");
}

#[test]
fn what_was_not_answered_for_is_sent_again_unchanged() {
    let edge = Counting::new();
    for (calls, failure) in [
        (3, (Err(OriginError::TimedOut), true)),
        (5, (Err(OriginError::Unreachable), false)),
        (7, (Ok(500), true)),
    ] {
        for _ in 0..calls {
            edge.verify();
            edge.host.run_background();
        }
        edge.ledger.mood.set(Some(failure));
        edge.pass(11_000);
    }
    edge.ledger.mood.set(None);
    for _ in 0..4 {
        edge.pass(11_000);
    }
    assert_eq!(edge.ledger.sum(), 15);
    assert!(edge.ledger.deliveries.get() > edge.ledger.batches.borrow().len());
}

#[test]
fn many_agents_are_reported_as_soon_as_they_fill_a_batch() {
    let edge = Counting::new();
    for number in 0..2_000_u128 {
        let agent = json!(Uuid::from_u128(number).to_string());
        assert_eq!(edge.send(&token_with(&[("sub", agent.clone()), ("client_id", agent)]), "/verify"), 200);
        edge.host.run_background();
    }
    edge.pass(2_500);
    assert!(edge.ledger.sum() >= 1_000, "{}", edge.ledger.sum());
    edge.pass(11_000);
    edge.pass(11_000);
    assert_eq!(edge.ledger.sum(), 2_000);
}

#[test]
fn a_store_that_is_down_is_said_so_and_the_calls_go_on() {
    let edge = Counting::new();
    edge.verify();
    edge.host.run_background();
    edge.verify();
    edge.host.instances.set_down(true);
    edge.host.run_background();
    edge.host.instances.set_down(false);
    assert!(edge.host.log.borrow().iter().any(|line| line.contains("not counted")));
    edge.pass(11_000);
    assert_eq!(edge.ledger.sum(), 1);
}

#[test]
fn a_slot_the_directory_has_lost_is_found_again() {
    let edge = Counting::new();
    for _ in 0..3 {
        edge.verify();
        edge.host.run_background();
        edge.host.instances.delete(vec!["usage".into()]).now_or_never().unwrap().unwrap();
    }
    edge.pass(61_000);
    edge.pass(11_000);
    assert_eq!(edge.ledger.sum(), 3);
}

/// Instances count and report at once, step by step in any order; reports fail, answers are lost, and instances die while they
/// report. Whoever dies while it counts may have counted or not, so of those none does here.
#[test]
fn lost_update_attack_counts_of_instances_that_write_at_once_are_all_there() {
    for seed in 1..40_u32 {
        let (edge, mut dice) = (Counting::new(), Dice::new(seed));
        edge.verify();
        edge.host.run_background();
        let mut calls = 1;
        let mut counting: Vec<LocalBoxFuture<'static, ()>> = vec![];
        let mut reporting: Vec<LocalBoxFuture<'static, ()>> = vec![];
        let mut context = Context::from_waker(Waker::noop());
        for round in 0..400 {
            edge.ledger.mood.set(match dice.below(6) {
                0 => Some((Err(OriginError::TimedOut), true)),
                1 => Some((Ok(503), false)),
                _ => None,
            });
            if round < 300 && dice.below(3) == 0 {
                edge.verify();
                calls += 1;
                // The first is of keeping up, if there are two: it reports too.
                let mut left = edge.host.take_background();
                counting.extend(left.pop());
                reporting.extend(left);
            }
            if dice.below(8) == 0 {
                edge.host.pass(4_000);
                edge.send("", "/health/ready");
                reporting.extend(edge.host.take_background());
            }
            edge.host.instances.set_slow(true);
            for work in [&mut counting, &mut reporting] {
                if !work.is_empty() {
                    let turn = dice.below(work.len());
                    if work[turn].poll_unpin(&mut context).is_ready() {
                        drop(work.remove(turn));
                    }
                }
            }
            if dice.below(20) == 0 {
                reporting.pop();
            }
            edge.host.instances.set_slow(false);
        }
        drop(reporting);
        for work in counting {
            work.now_or_never().unwrap();
        }
        edge.ledger.mood.set(None);
        for _ in 0..12 {
            edge.pass(31_000);
        }
        assert_eq!(edge.ledger.sum(), calls, "{seed}");
        assert!(edge.slots().len() <= 4, "{seed}: {:?}", edge.slots());
    }
}
