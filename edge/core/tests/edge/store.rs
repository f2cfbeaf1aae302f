//! A host whose instances live for one request: what the edge knows is in a store, and every request begins with nothing.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use agentidp_edge_core::host::Store as _;
use agentidp_edge_core::knowledge::ReadingStore;
use agentidp_edge_core::{Node, handle};
use agentidp_shared::exceptions::{Standing, SubjectException};
use agentidp_shared::feed::Change;
use futures_util::FutureExt as _;
use http::{Method, Request, Response};

use crate::support::*;

/// An edge in front of a control plane that answers from `feed`.
pub struct Stored {
    pub host: Rc<TestHost<ReadingStore>>,
    pub feed: Rc<std::cell::RefCell<Feed>>,
}

impl Stored {
    pub fn new() -> Self {
        let feed = Rc::new(std::cell::RefCell::new(Feed::new()));
        let stored = Self { host: TestHost::new(), feed };
        stored.connect();
        stored
    }

    /// The control plane is there.
    pub fn connect(&self) {
        let (feed, host) = (Rc::clone(&self.feed), Rc::downgrade(&self.host));
        self.host.answer_with(move |request| {
            let now_ms = host.upgrade().unwrap().now_ms.get();
            Ok(match request.uri().path() {
                "/edge/v1/snapshot" | "/edge/v1/changes" => feed.borrow().answer_to(request, 0, now_ms),
                _ => Response::new(Vec::new()),
            })
        });
    }

    pub fn disconnect(&self) {
        self.host.answer_with(|_| Err(agentidp_edge_core::host::OriginError::Unreachable));
    }

    pub fn change(&self, change: Change) {
        self.feed.borrow_mut().changes.push(change);
    }

    /// One request, by an instance of its own, to the end of its background work.
    pub fn send(&self, request: Request<Vec<u8>>) -> Answer {
        let answer = self.send_only(request);
        self.host.run_background();
        answer
    }

    fn send_only(&self, request: Request<Vec<u8>>) -> Answer {
        let node = Rc::new(Node::new(config(), [3; 16]));
        handle(&node, &self.host, request).now_or_never().unwrap()
    }

    pub fn verify(&self, token: &str) -> u16 {
        self.send(with_token(request(Method::GET, "/verify"), token)).status().as_u16()
    }

    pub fn push(&self, batch: String) -> u16 {
        let mut request = request(Method::POST, "/edge/v1/push");
        *request.body_mut() = batch.into_bytes();
        self.send(request).status().as_u16()
    }

    fn asked(&self) -> usize {
        self.host.origin_asked.borrow().len()
    }
}

fn organization(standing: Standing) -> Change {
    let exception = SubjectException { standing, not_before: None, expires_at: NOW + 500_000 };
    Change::Organization { organization_id: ORGANIZATION.parse().unwrap(), exception }
}

#[test]
fn the_first_request_fetches_a_snapshot_and_the_others_find_it() {
    let edge = Stored::new();
    assert_eq!(edge.verify(&token()), 200);
    let asked = edge.asked();
    assert!(asked >= 1);
    for _ in 0..5 {
        assert_eq!(edge.verify(&token()), 200);
    }
    assert_eq!(edge.asked(), asked);
}

#[test]
fn without_control_plane_and_store_nothing_can_be_known() {
    let edge = Stored::new();
    edge.disconnect();
    assert_eq!(edge.verify(&token()), 503);
    edge.connect();
    edge.host.pass(1_000);
    edge.host.instances.set_down(true);
    assert_eq!(edge.verify(&token()), 503);
    edge.host.instances.set_down(false);
    assert_eq!(edge.verify(&token()), 200);
    // What was known is known to the next instance, whether or not the control plane is there.
    edge.disconnect();
    assert_eq!(edge.verify(&token()), 200);
}

#[test]
fn news_is_asked_for_in_the_background_and_counts_for_the_next_request() {
    let edge = Stored::new();
    assert_eq!(edge.verify(&token()), 200);
    edge.change(Feed::revocation(TOKEN_ID));
    edge.host.pass(1_000);
    assert_eq!(edge.verify(&token()), 200);
    edge.host.pass(1_500);
    assert_eq!(edge.verify(&token()), 200);
    assert_eq!(edge.verify(&token()), 401);
}

#[test]
fn only_one_of_many_instances_asks() {
    let edge = Stored::new();
    assert_eq!(edge.verify(&token()), 200);
    edge.host.pass(2_500);
    let asked = edge.asked();
    for _ in 0..20 {
        edge.send_only(with_token(request(Method::GET, "/verify"), &token()));
    }
    edge.host.run_background();
    assert_eq!(edge.asked(), asked + 1);
}

#[test]
fn an_edge_that_was_idle_asks_before_it_answers() {
    let edge = Stored::new();
    assert_eq!(edge.verify(&token()), 200);
    edge.change(Feed::revocation(TOKEN_ID));
    edge.host.pass(30_000);
    assert_eq!(edge.verify(&token()), 401);
}

#[test]
fn a_push_counts_at_once_and_twice_is_once() {
    let edge = Stored::new();
    assert_eq!(edge.verify(&token()), 200);
    let before = u64::try_from(edge.feed.borrow().changes.len()).unwrap();
    edge.change(Feed::agent(AGENT, Standing::Suspended));
    let batch = edge.feed.borrow().after(before, NOW_MS);
    assert_eq!(edge.push(batch.clone()), 204);
    assert_eq!(edge.verify(&token()), 401);
    assert_eq!(edge.push(batch), 204);
    assert_eq!(edge.push("nonsense".into()), 400);
    edge.change(Feed::agent(AGENT, Standing::Active));
    edge.change(Feed::revocation(TOKEN_ID));
    let beyond = edge.feed.borrow().after(before + 2, NOW_MS);
    // It does not fit, but what is missing can be asked for.
    assert_eq!(edge.push(beyond), 204);
    assert_eq!(edge.verify(&token()), 401);
}

#[test]
fn every_kind_of_exception_is_found_among_many() {
    let edge = Stored::new();
    for number in 0..3_000 {
        edge.change(Feed::revocation(&uuid::Uuid::from_u128(number).to_string()));
    }
    assert_eq!(edge.verify(&token()), 200);
    let reads = edge.host.instances.reads();
    assert_eq!(edge.verify(&token()), 200);
    assert!(edge.host.instances.reads() - reads <= 8, "{}", edge.host.instances.reads() - reads);
    for (bad, good) in [
        (Feed::agent(AGENT, Standing::Suspended), Feed::agent(AGENT, Standing::Active)),
        (organization(Standing::Suspended), organization(Standing::Active)),
    ] {
        edge.change(bad);
        edge.host.pass(30_000);
        assert_eq!(edge.verify(&token()), 401);
        edge.change(good);
        edge.host.pass(30_000);
        assert_eq!(edge.verify(&token()), 200);
    }
    edge.change(Feed::revocation(TOKEN_ID));
    edge.host.pass(30_000);
    assert_eq!(edge.verify(&token()), 401);
}

/// The state ages by the clock of whoever signed, as in memory.
#[test]
fn old_knowledge_is_told_from_new() {
    let edge = Stored::new();
    let writer = writer_token();
    assert_eq!((edge.verify(&token()), edge.verify(&writer)), (200, 200));
    edge.disconnect();
    edge.host.pass(59_000);
    assert_eq!((edge.verify(&token()), edge.verify(&writer)), (200, 200));
    edge.host.pass(2_000);
    assert_eq!((edge.verify(&token()), edge.verify(&writer)), (200, 503));
    edge.host.pass(24 * 60 * 60 * 1_000);
    assert_eq!(edge.verify(&token()), 503);
}

/// Two instances bring different news at the same time: whoever comes second must not undo what the first one wrote.
#[test]
fn lost_update_attack_a_slow_instance_does_not_bring_back_what_was_revoked() {
    let edge = Stored::new();
    assert_eq!(edge.verify(&token()), 200);
    let before = u64::try_from(edge.feed.borrow().changes.len()).unwrap();
    edge.change(Feed::agent(AGENT, Standing::Active));
    let slow = edge.feed.borrow().after(before, NOW_MS);
    edge.change(Feed::agent(AGENT, Standing::Suspended));
    let fast = edge.feed.borrow().after(before, NOW_MS + 1);
    assert_eq!(edge.push(fast), 204);
    assert_eq!(edge.push(slow), 204);
    assert_eq!(edge.verify(&token()), 401);
}

/// The same, in every order of their steps that three hundred throws of dice give: what both pushes were told is known stays
/// known, and whoever reads meanwhile never goes back.
#[test]
fn lost_update_attack_news_brought_at_once_is_never_half_there() {
    for seed in 0..300_u32 {
        let edge = Stored::new();
        edge.change(Feed::agent(AGENT, Standing::Active));
        assert_eq!(edge.verify(&token()), 200);
        let before = edge.feed.borrow().head();
        edge.change(Feed::agent(AGENT, Standing::Suspended));
        let first = edge.feed.borrow().after(before, NOW_MS);
        edge.change(Feed::revocation(TOKEN_ID));
        edge.change(Feed::agent(AGENT, Standing::Active));
        let both = edge.feed.borrow().after(before, NOW_MS + 1);
        edge.host.instances.set_slow(true);
        let push = |batch: String| {
            let mut request = request(Method::POST, "/edge/v1/push");
            *request.body_mut() = batch.into_bytes();
            let host = Rc::clone(&edge.host);
            async move { handle(&Rc::new(Node::new(config(), [3; 16])), &host, request).await }.boxed_local()
        };
        let mut running = vec![push(first), push(both)];
        let (mut dice, mut seen) = (Dice::new(seed), 0);
        let mut context = Context::from_waker(Waker::noop());
        while !running.is_empty() {
            let turn = dice.below(running.len());
            if let Poll::Ready(answer) = running[turn].poll_unpin(&mut context) {
                assert_eq!(answer.status(), 204, "{seed}");
                drop(running.remove(turn));
            }
            edge.host.instances.set_slow(false);
            let answer = edge.send_only(request(Method::GET, "/health/ready"));
            edge.host.instances.set_slow(true);
            let sequence: u64 = header(&answer, "x-state-seq").parse().unwrap();
            assert!(sequence >= seen, "{seed}: {sequence} after {seen}");
            seen = sequence;
        }
        edge.host.instances.set_slow(false);
        assert_eq!(seen, edge.feed.borrow().head(), "{seed}");
        assert_eq!(edge.verify(&token()), 401, "{seed}");
    }
}

#[test]
fn a_store_that_loses_a_shard_is_filled_anew_and_nothing_is_believed_until_then() {
    let edge = Stored::new();
    edge.change(Feed::revocation(TOKEN_ID));
    assert_eq!(edge.verify(&token()), 401);
    let shards = |edge: &Stored| {
        let keys = edge.host.instances.keys().now_or_never().unwrap().unwrap();
        keys.into_iter().filter(|key| key.starts_with("shard-2/")).collect::<Vec<_>>()
    };
    edge.host.instances.delete(shards(&edge)).now_or_never().unwrap().unwrap();
    assert_eq!(edge.verify(&token()), 503);
    edge.host.pass(1_000);
    assert_eq!(edge.verify(&token()), 401);
}

#[test]
fn what_is_no_longer_in_use_is_cleared_away() {
    let edge = Stored::new();
    assert_eq!(edge.verify(&token()), 200);
    for number in 0..200 {
        edge.change(Feed::agent(AGENT, if number % 2 == 0 { Standing::Suspended } else { Standing::Active }));
        edge.host.pass(11_000);
        edge.verify(&token());
    }
    let keys = edge.host.instances.keys().now_or_never().unwrap().unwrap();
    assert!(keys.len() < 16, "{keys:?}");
}

#[test]
fn garbage_in_the_store_is_not_believed() {
    let edge = Stored::new();
    for garbage in ["", "{}", "null", "[1]"] {
        assert_eq!(edge.verify(&token()), 200);
        edge.host.instances.set(vec![("head/2".into(), garbage.into())]).now_or_never().unwrap().unwrap();
        edge.host.pass(1_000);
    }
    assert_eq!(edge.verify(&token()), 200);
}
