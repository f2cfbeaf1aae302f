//! The hub: following the feed for a region.

use std::cell::Cell;
use std::rc::Rc;

use agentidp_edge_core::host::{OriginError, Taken};
use agentidp_edge_core::hub::Hub;
use agentidp_edge_core::knowledge::Known;
use agentidp_shared::edge_keys::EdgeKeys;
use futures_util::FutureExt as _;

use crate::support::*;

pub struct Region {
    pub host: Rc<TestHost>,
    pub hub: Rc<Hub<TestHost>>,
}

impl Region {
    pub fn on(host: Rc<TestHost>) -> Self {
        let hub = Hub::open(Rc::clone(&host), config(), "europe".into(), [9; 16]);
        Self { host, hub }
    }

    /// One whose control plane serves `feed`.
    pub fn following(feed: &Feed) -> Self {
        let region = Self::on(TestHost::new());
        region.serve(feed);
        region
    }

    /// The control plane's answers from now on: `feed`, which goes back to its beginning.
    pub fn serve(&self, feed: &Feed) {
        serve(&self.host, feed.clone(), 1);
    }

    /// What the hub gives, as far as it comes at once.
    pub fn newer(&self, known: Option<Known>) -> Vec<String> {
        let newer = self.hub.newer(known, 2, None).now_or_never().unwrap();
        self.host.run_background();
        newer.map(|newer| newer.texts).unwrap_or_default()
    }

    /// The same before anything is done in the background.
    fn newer_at_once(&self) -> Vec<String> {
        self.hub.newer(None, 2, None).now_or_never().unwrap().unwrap().texts
    }

    pub fn take(&self, batch: &str) -> Taken {
        let taken = self.hub.take(batch.to_owned()).now_or_never().unwrap();
        self.host.run_background();
        taken
    }

    pub fn tick(&self) {
        self.hub.tick().now_or_never().unwrap();
        self.host.run_background();
    }

    /// The targets asked for since the last time.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.host.origin_asked.take();
        asked.iter().map(|request| request.uri().path_and_query().unwrap().to_string()).collect()
    }

    /// A node's view of what the hub gives: the sequence it leads to.
    pub fn leads_to(&self) -> String {
        let edge = Edge::cold();
        *edge.host.hub.borrow_mut() = HubIs::Giving(self.newer(None));
        edge.host.now_ms.set(self.host.now_ms.get());
        header(&edge.get("/health/ready"), "x-state-seq").to_owned()
    }
}

/// A control plane that keeps changes from number `oldest` on.
pub fn serve(host: &Rc<TestHost>, feed: Feed, oldest: u64) {
    let clock = Rc::downgrade(host);
    host.answer_with(move |request| {
        Ok(feed.answer_to(request, oldest, clock.upgrade().unwrap().now_ms.get()))
    });
}

const SNAPSHOT: &str = "/edge/v1/snapshot";

fn changes(after: u64) -> String {
    format!("/edge/v1/changes?after={after}&wait=0")
}

#[test]
fn it_takes_a_snapshot_and_then_asks_until_there_is_nothing_new() {
    let region = Region::following(&Feed::new());
    assert_eq!(region.newer(None).len(), 1, "the snapshot; what follows is asked for later");
    assert_eq!(region.newer(None).len(), 2, "the snapshot and that there was nothing new since");
    assert_eq!(
        region.host.origin_asked.borrow()[0].headers()["authorization"],
        format!("Bearer {}", EdgeKeys::derive(EDGE_KEY).feed())
    );
    for (name, value) in [
        ("x-edge-name", "edge-1"),
        ("x-edge-node", "europe"),
        ("x-edge-sequence", "3"),
        ("x-edge-version", env!("CARGO_PKG_VERSION")),
    ] {
        assert_eq!(region.host.origin_asked.borrow()[1].headers()[name], value, "{name}");
    }
    assert_eq!(region.asked(), [SNAPSHOT.to_owned(), changes(3)]);
    // Nobody is asked again within a second.
    region.host.pass(999);
    region.newer(None);
    assert!(region.asked().is_empty());
    region.host.pass(1);
    region.serve(&Feed::new().with(Feed::revocation(TOKEN_ID)));
    let known = Known { sequence: 3, issued_at_ms: NOW_MS, version: 1 };
    assert_eq!(region.newer(Some(known)).len(), 2);
    assert_eq!(region.asked(), [changes(3), changes(4)]);
}

/// Who waits for the first snapshot waits for nothing else: neither for its being kept, nor for a second answer.
#[test]
fn the_first_snapshot_is_given_before_it_is_kept_and_acknowledged() {
    let region = Region::following(&Feed::new());
    assert_eq!(region.newer_at_once().len(), 1);
    assert_eq!(region.asked(), [SNAPSHOT]);
    assert!(region.host.kept.borrow().is_empty());
    // What is given now is the same, and asks nobody.
    assert_eq!(region.newer_at_once().len(), 1);
    assert!(region.asked().is_empty());
    region.host.run_background();
    assert_eq!(region.asked(), [changes(3)]);
    assert_eq!(region.host.kept.borrow().len(), 2);
}

#[test]
fn the_first_snapshot_is_kept_also_if_the_control_plane_goes_away_at_once() {
    let region = Region::following(&Feed::new());
    assert_eq!(region.newer_at_once().len(), 1);
    region.host.answer_with(|_| Err(OriginError::Unreachable));
    region.host.run_background();
    assert_eq!(region.host.kept.borrow().len(), 1);
}

/// The control plane counts on it from then on.
#[test]
fn what_is_pushed_is_kept_before_it_is_confirmed_with_everything_it_builds_on() {
    let region = Region::on(TestHost::new());
    let feed = Feed::new();
    let taken = region.hub.take(feed.snapshot(NOW_MS)).now_or_never();
    assert_eq!((taken, region.host.kept.borrow().len()), (Some(Taken::Known), 1));

    let region = Region::following(&feed);
    region.newer_at_once();
    let feed = feed.with(Feed::revocation(TOKEN_ID));
    let batch = feed.after(3, NOW_MS + 1);
    let taken = region.hub.take(batch.clone()).now_or_never();
    assert_eq!((taken, region.host.kept.borrow().len()), (Some(Taken::Known), 2));

    // One that it had to ask for first.
    let region = Region::following(&feed);
    let taken = region.hub.take(batch).now_or_never();
    assert_eq!((taken, region.host.kept.borrow().len()), (Some(Taken::Known), 1));
}

#[test]
fn a_node_gets_what_it_lacks_or_everything() {
    let region = Region::following(&Feed::new());
    region.newer(None);
    for (head, change) in [(4, Feed::revocation(TOKEN_ID)), (5, Feed::revocation(OTHER_AGENT))] {
        region.host.pass(1_000);
        let mut feed = Feed::new();
        feed.changes.extend((4..head).map(|_| Feed::revocation(TOKEN_ID)));
        region.serve(&feed.with(change));
        region.newer(None);
    }
    let at = |sequence: u64, issued_at_ms: u64| {
        region.newer(Some(Known { sequence, issued_at_ms, version: 1 })).len()
    };
    assert_eq!(region.newer(None).len(), 4, "the snapshot, two batches and that there was nothing new since");
    assert_eq!((at(3, NOW_MS), at(4, NOW_MS), at(5, NOW_MS)), (3, 2, 1));
    assert_eq!(at(5, NOW_MS + 2_000), 0, "it is as far, and as fresh");
    assert_eq!(at(6, NOW_MS), 0, "it is further");
    assert_eq!(at(2, NOW_MS), 4, "it is nowhere in this chain");
    assert_eq!(region.leads_to(), "5");
}

#[test]
fn it_takes_what_is_pushed_and_what_is_known_already() {
    let region = Region::following(&Feed::new());
    region.newer(None);
    region.asked();
    let feed = Feed::new().with(Feed::revocation(TOKEN_ID));
    let batch = feed.after(3, NOW_MS + 1);
    assert_eq!((region.take(&batch), region.take(&batch)), (Taken::Known, Taken::Known));
    assert!(region.asked().is_empty());
    assert_eq!(region.take(&Feed::new().snapshot(NOW_MS)), Taken::Known, "and it undoes nothing");
    assert_eq!(region.leads_to(), "4");
    assert_eq!(region.take(&feed.snapshot(NOW_MS + 2)), Taken::Known);
    assert_eq!(region.take("nonsense"), Taken::Refused);
}

#[test]
fn a_batch_it_cannot_place_makes_it_ask_and_is_a_conflict_only_if_that_does_not_help() {
    let region = Region::following(&Feed::new());
    region.newer(None);
    let feed = Feed::new().with(Feed::revocation(TOKEN_ID)).with(Feed::keys(&[1, 2]));
    assert_eq!(region.take(&feed.after(4, NOW_MS + 1)), Taken::Conflict);
    region.serve(&feed);
    assert_eq!(region.take(&feed.after(4, NOW_MS + 1)), Taken::Known);
    assert_eq!(region.leads_to(), "5");
    let mut other = feed.with(Feed::keys(&[3]));
    other.instance = 2;
    assert_eq!(region.take(&other.after(5, NOW_MS + 2)), Taken::Conflict);
}

#[test]
fn it_begins_anew_when_the_feed_no_longer_reaches_back() {
    let region = Region::following(&Feed::new());
    region.newer(None);
    region.asked();
    let feed = Feed::new().with(Feed::revocation(TOKEN_ID)).with(Feed::keys(&[1, 2]));
    serve(&region.host, feed, 5);
    region.host.pass(1_000);
    region.newer(None);
    assert_eq!(region.asked(), [changes(3), SNAPSHOT.to_owned(), changes(5)]);
    assert_eq!(region.leads_to(), "5");
}

/// A push may be faster than the answer that was under way.
#[test]
fn an_answer_overtaken_by_a_push_is_asked_for_again_and_not_answered_by_a_snapshot() {
    let region = Region::following(&Feed::new());
    region.newer(None);
    region.asked();
    region.host.pass(1_000);
    let feed = Feed::new().with(Feed::revocation(TOKEN_ID));
    let (pushed, clock, hub) = (Cell::new(false), Rc::downgrade(&region.host), Rc::clone(&region.hub));
    let served = feed.clone();
    region.host.answer_with(move |request| {
        let now_ms = clock.upgrade().unwrap().now_ms.get();
        let after = if request.uri().query().unwrap().contains("after=3") { 3 } else { 4 };
        if !pushed.replace(true) {
            let taken = hub.take(served.after(3, now_ms)).now_or_never();
            assert_eq!(taken, Some(Taken::Known));
        }
        Ok(answer(200, served.after(after, now_ms)))
    });
    region.newer(None);
    assert_eq!(region.asked(), [changes(3), changes(4)]);
    assert_eq!(region.leads_to(), "4");
}

#[test]
fn a_long_chain_is_replaced_by_a_snapshot() {
    let region = Region::following(&Feed::new());
    region.newer(None);
    let mut feed = Feed::new();
    for number in 0..129_u128 {
        feed = feed.with(Feed::revocation(&uuid::Uuid::from_u128(number).to_string()));
        let head = feed.head();
        assert_eq!(region.take(&feed.after(head - 1, NOW_MS + 1)), Taken::Known);
    }
    assert_eq!(region.host.kept.borrow().len(), 130);
    region.asked();
    region.serve(&feed);
    region.host.pass(1_000);
    assert_eq!(region.newer(None).len(), 2);
    assert_eq!(region.asked(), [SNAPSHOT.to_owned(), changes(132)]);
}

#[test]
fn a_control_plane_that_is_away_is_left_alone_for_a_moment_and_what_is_known_is_given() {
    let region = Region::following(&Feed::new());
    region.newer(None);
    region.asked();
    region.host.answer_with(|_| Err(OriginError::Unreachable));
    region.host.pass(1_000);
    for _ in 0..20 {
        assert!(!region.newer(None).is_empty());
    }
    assert_eq!(region.asked().len(), 1);
    for pause in [500, 1_000, 2_000, 4_000, 4_000] {
        region.host.pass(pause - 1);
        region.newer(None);
        assert!(region.asked().is_empty(), "{pause}");
        region.host.pass(1);
        region.newer(None);
        assert_eq!(region.asked().len(), 1, "{pause}");
    }
    region.serve(&Feed::new());
    region.host.pass(4_000);
    region.newer(None);
    assert_eq!(region.asked(), [changes(3)]);
}

#[test]
fn forged_feed_attack_only_the_pinned_key_is_believed() {
    let region = Region::on(TestHost::new());
    let good = Feed::new().snapshot(NOW_MS);
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    for (status, body) in [
        (200, String::new()),
        (200, "nonsense".into()),
        (200, format!("{unsigned}.{}", "A".repeat(86))),
        (200, "A".repeat(17 * 1024 * 1024)),
        (200, Feed::new().snapshot(NOW_MS - 600_000)),
        (302, good.clone()),
        (401, good.clone()),
        (500, good.clone()),
    ] {
        region.host.answer_with(move |_| Ok(answer(status, body.clone())));
        region.host.pass(5_000);
        assert!(region.newer(None).is_empty());
    }
    assert!(region.host.kept.borrow().is_empty());
    assert!(region.host.log.borrow().iter().any(|line| line.contains("EDGE_KEY")));
    assert!(region.host.log.borrow().iter().all(|line| !line.contains(EDGE_KEY)));
}
