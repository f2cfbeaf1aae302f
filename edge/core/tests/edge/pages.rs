//! Snapshots in pages: how hubs, nodes and stores take them, what is refused on the way, and that nobody ever answers from half of
//! one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use agentidp_edge_core::handle;
use agentidp_edge_core::host::{OriginError, Taken};
use agentidp_edge_core::hub::wire::Piece;
use agentidp_edge_core::knowledge::Known;
use agentidp_shared::feed::{Page, version_of};
use agentidp_shared::wire::{self, WireVersions};
use futures_util::FutureExt as _;
use http::Method;

use crate::hub::{Region, serve};
use crate::hub_restart::restarted;
use crate::store::Stored;
use crate::support::*;

/// A feed with `count` revoked tokens, the good one not among them, in pages of `page_size`.
fn revoked(count: u128, page_size: usize) -> Feed {
    let mut feed = Feed::new().in_pages(page_size);
    // In no order.
    let ids =
        (0..count).map(|number| uuid::Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) << 40 | 1));
    feed.changes.extend(ids.map(|id| Feed::revocation(&id.to_string())));
    feed
}

/// The same, the good token among them.
fn with_token_revoked(count: u128, page_size: usize) -> Feed {
    revoked(count, page_size).with(Feed::revocation(TOKEN_ID))
}

/// A token that nobody revoked.
fn other_token() -> String {
    token_with(&[("jti", OTHER_AGENT.into())])
}

/// A cold node of this region.
fn node_of(region: &Region) -> Edge {
    let edge = Edge::cold();
    edge.host.now_ms.set(region.host.now_ms.get());
    *edge.host.hub.borrow_mut() = HubIs::Real(Rc::clone(&region.hub));
    edge
}

/// Time goes on for both, and the node asks its hub.
fn go_on(region: &Region, edge: &Edge) {
    for host in [&region.host, &edge.host] {
        host.pass(2_500);
    }
    edge.verify(&other_token());
    edge.host.run_background();
    region.host.run_background();
}

fn sequence_of(edge: &Edge) -> String {
    header(&edge.get("/health/ready"), "x-state-seq").to_owned()
}

#[test]
fn a_hub_takes_a_snapshot_page_by_page_and_a_cold_node_piece_by_piece() {
    let region = Region::following(&with_token_revoked(9, 3));
    let edge = node_of(&region);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
    let asked = region.asked();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert_eq!(asked[0], "/edge/v1/snapshot");
    assert!(asked[1..].iter().all(|asked| asked.starts_with("/edge/v1/snapshot?begun=13&after=token%2F")));
    let piece = |number| Some(Piece { generation: 1, number });
    assert_eq!(*edge.host.pieces_asked.borrow(), [None, piece(1), piece(2), piece(3)]);
    // What follows the snapshot comes with its last piece, and to a node that follows by itself.
    region.host.run_background();
    assert_eq!(sequence_of(&edge), "13");
    let feed = with_token_revoked(9, 3).with(Feed::keys(&[1, 2]));
    region.serve(&feed);
    go_on(&region, &edge);
    assert_eq!(sequence_of(&edge), "14");
    assert_eq!(edge.host.pieces_asked.borrow().len(), 5, "one question for what followed");
    let late = node_of(&region);
    assert_eq!((late.verify(&token()), sequence_of(&late)), (401, "14".to_owned()));
    assert_eq!(late.host.pieces_asked.borrow().len(), 4);
}

/// Pages of more than a megabyte are in the hub's storage and nowhere else; what is smaller waits for no storage.
#[test]
fn a_large_snapshot_is_kept_page_by_page_and_a_small_one_after_the_answer() {
    let region = Region::following(&revoked(9, 3));
    region.hub.newer(None, 2, None).now_or_never().unwrap().unwrap();
    assert_eq!((region.host.kept.borrow().len(), region.host.kept_beside.borrow().len()), (0, 0));

    let region = Region::following(&with_token_revoked(48_000, 16_000));
    let newer = region.hub.newer(None, 2, None).now_or_never().unwrap().unwrap();
    assert!(newer.texts[0].len() < 512 * 1024, "{}", newer.texts[0].len());
    assert_eq!(region.host.kept_beside.borrow()[&1].len(), 4);
    region.host.run_background();
    assert_eq!(region.host.kept.borrow().len(), 5);
    let edge = node_of(&region);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
    // A storage that fails gives no half of it.
    region.host.storage_is_down.set(true);
    let edge = node_of(&region);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (503, 503));
    region.host.storage_is_down.set(false);
    edge.host.pass(1_000);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
    // Nor is a snapshot taken that cannot be kept.
    let region = Region::following(&revoked(48_000, 16_000));
    region.host.storage_is_down.set(true);
    assert!(region.newer(None).is_empty());
    assert!(region.host.log.borrow().iter().any(|line| line.contains("storage")));
}

#[test]
fn a_hub_that_ends_between_two_pages_goes_on_with_the_old_snapshot_and_clears_up_after_the_new_one() {
    let region = Region::following(&revoked(20_000, 20_000));
    region.newer(None);
    let before = region.host.kept.borrow().clone();
    // A new instance of the feed's database takes no part in this: the chain is simply gone from the control plane.
    let feed = with_token_revoked(60_000, 20_000);
    let served = Rc::new(Cell::new(0));
    let (counted, clock, given) = (Rc::clone(&served), Rc::downgrade(&region.host), feed.clone());
    region.host.answer_with(move |request| {
        if request.uri().path() == "/edge/v1/changes" {
            return Ok(answer(410, "{}"));
        }
        counted.set(counted.get() + 1);
        if counted.get() > 3 {
            return Err(OriginError::Unreachable);
        }
        Ok(given.answer_to(request, 0, clock.upgrade().unwrap().now_ms.get()))
    });
    region.host.pass(5_000);
    region.newer(None);
    assert_eq!(served.get(), 4);
    assert_eq!(*region.host.kept.borrow(), before);
    assert_eq!(region.host.kept_beside.borrow()[&2].len(), 3, "pages of the new one");
    // It ends here.
    let again = restarted(&region);
    assert_eq!(sequence_of(&node_of(&again)), "20003");
    serve(&again.host, feed, 60_000);
    again.host.pass(5_000);
    again.newer(None);
    assert_eq!(again.host.generation.get(), Some(2));
    assert!(again.host.kept_beside.borrow().is_empty());
    let edge = node_of(&again);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
    assert_eq!(edge.verify(&token()), 401);
    assert_eq!(sequence_of(&node_of(&restarted(&again))), "60004");
}

#[test]
fn a_page_that_is_lost_in_storage_makes_the_hub_begin_anew() {
    let region = Region::following(&with_token_revoked(48_000, 16_000));
    region.newer(None);
    for damage in ["damaged".to_owned(), region.host.kept.borrow()[1].clone()] {
        let damaged = restarted(&region);
        damaged.host.kept.borrow_mut()[2] = damage;
        let again = restarted(&damaged);
        assert_eq!(node_of(&again).verify(&other_token()), 503, "nothing to begin with, and nobody to ask");
        again.serve(&with_token_revoked(48_000, 16_000));
        again.host.pass(5_000);
        let edge = node_of(&again);
        assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
    }
}

/// Changes that are pushed while the pages come make the old state run ahead; the new one takes its place when it is as far.
#[test]
fn what_is_pushed_while_pages_arrive_is_not_lost_and_nothing_goes_back() {
    let region = Region::following(&revoked(4, 2));
    region.newer(None);
    let before = revoked(4, 2);
    let after = before.clone().with(Feed::revocation(TOKEN_ID));
    // The control plane no longer tells what follows at first, so that everything is asked for.
    let (pushed, hub, clock) = (Cell::new(false), Rc::clone(&region.hub), Rc::downgrade(&region.host));
    region.host.answer_with(move |request| {
        let now_ms = clock.upgrade().unwrap().now_ms.get();
        if request.uri().query().is_some_and(|query| query.contains("begun")) && !pushed.replace(true) {
            let taken = hub.take(after.after(7, now_ms)).now_or_never();
            assert_eq!(taken, Some(Taken::Known));
        }
        let feed = if pushed.get() { &after } else { &before };
        let oldest = if pushed.get() { 0 } else { 9 };
        Ok(feed.answer_to(request, oldest, now_ms))
    });
    region.host.pass(5_000);
    // The old node is served by the old state meanwhile.
    let edge = node_of(&region);
    region.newer(Some(Known { sequence: 7, issued_at_ms: NOW_MS, version: 2 }));
    assert_eq!(edge.verify(&token()), 401);
    assert_eq!(sequence_of(&edge), "8");
    assert_eq!(region.host.generation.get(), Some(2), "the new snapshot counts");
    assert_eq!(sequence_of(&node_of(&restarted(&region))), "8");
}

#[test]
fn a_snapshot_whose_beginning_is_forgotten_is_begun_anew_and_not_for_ever() {
    let region = Region::on(TestHost::new());
    let (begun, clock) = (Cell::new(0), Rc::downgrade(&region.host));
    let feed = with_token_revoked(9, 3);
    region.host.answer_with(move |request| {
        let is_later = request.uri().query().is_some();
        begun.set(begun.get() + usize::from(!is_later));
        // Two are forgotten, and the third is not.
        let oldest = if begun.get() < 3 { 1_000 } else { 0 };
        Ok(feed.answer_to(request, oldest, clock.upgrade().unwrap().now_ms.get()))
    });
    let edge = node_of(&region);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));

    let region = Region::on(TestHost::new());
    serve(&region.host, with_token_revoked(9, 3), 1_000);
    assert!(region.newer(None).is_empty());
    assert_eq!(region.asked().len(), 6, "a first page and one that is gone, three times");
    assert!(region.host.log.borrow().iter().any(|line| line.contains("no end")));
}

/// Someone on the way answers with pages that were all signed, only not these. `spoil` gives what is answered in the place of the
/// second page, of the pages as they are and the pages of a later snapshot.
#[track_caller]
fn assert_no_half_state(spoil: impl Fn(&[String], &[String]) -> String + 'static) {
    let (feed, later) = (with_token_revoked(9, 3), with_token_revoked(9, 3).with(Feed::keys(&[1, 2])));
    let (pages, others) = (feed.pages(NOW_MS), later.pages(NOW_MS));
    let second = spoil(&pages, &others);
    // A hub that holds an old state, and one that holds none.
    for region in [Region::following(&revoked(2, 3)), Region::on(TestHost::new())] {
        region.newer(None);
        let before = region.host.kept.borrow().clone();
        let (first, second, served) = (pages[0].clone(), second.clone(), feed.clone());
        let clock = Rc::downgrade(&region.host);
        region.host.answer_with(move |request| {
            Ok(match request.uri().query() {
                None => answer(200, first.clone()),
                Some(query) if query.contains("wait") => answer(410, "{}"),
                Some(query)
                    if served
                        .page(None, NOW_MS)
                        .until
                        .is_some_and(|until| query.ends_with(&until.replace('/', "%2F"))) =>
                {
                    answer(200, second.clone())
                }
                Some(_) => served.answer_to(request, 0, clock.upgrade().unwrap().now_ms.get()),
            })
        });
        region.host.pass(5_000);
        region.newer(None);
        assert_eq!(*region.host.kept.borrow(), before);
        let edge = node_of(&region);
        // As before: the old state, or none.
        assert_eq!(edge.verify(&token()), if before.is_empty() { 503 } else { 200 });
        assert!(
            region.host.log.borrow().iter().any(|line| line.contains("not acceptable")),
            "{:?}",
            region.host.log
        );
        // And the right pages are still taken.
        region.serve(&feed);
        region.host.pass(5_000);
        region.newer(None);
        assert_eq!(node_of(&region).verify(&token()), 401);
    }
}

#[test]
fn left_out_page_attack_on_a_hub() {
    assert_no_half_state(|pages, _| pages[2].clone());
}

#[test]
fn repeated_page_attack_on_a_hub() {
    assert_no_half_state(|pages, _| pages[0].clone());
}

#[test]
fn mixed_snapshots_attack_on_a_hub() {
    assert_no_half_state(|_, others| others[1].clone());
}

#[test]
fn older_page_attack_on_a_hub() {
    assert_no_half_state(|_, _| {
        let feed = with_token_revoked(9, 3);
        let first = feed.page(None, NOW_MS);
        let page = feed.page(first.next(), NOW_MS);
        seal_page(&Page { to: page.begun - 1, ..page })
    });
}

#[test]
fn page_of_another_instance_attack_on_a_hub() {
    assert_no_half_state(|_, _| {
        let feed = Feed { instance: 2, ..with_token_revoked(9, 3) };
        let first = feed.page(None, NOW_MS);
        seal_page(&feed.page(first.next(), NOW_MS))
    });
}

#[test]
fn endless_snapshot_attack_a_hub_stops_and_keeps_what_it_has() {
    let region = Region::on(TestHost::new());
    let (number, feed) = (Cell::new(0_u64), revoked(2, 1));
    region.host.answer_with(move |_| {
        number.set(number.get() + 1);
        let page = feed.page(None, NOW_MS);
        let key = |number: u64| Some(format!("token/{number:08}")).filter(|_| number > 0);
        let changes = if number.get() == 1 { page.changes.clone() } else { Vec::new() };
        let page = Page { after: key(number.get() - 1), until: key(number.get()), changes, ..page };
        Ok(answer(200, seal_page(&page)))
    });
    assert!(region.newer(None).is_empty());
    assert!(region.asked().len() <= 513);
    assert_eq!(node_of(&region).verify(&token()), 503);
}

#[test]
fn a_node_keeps_its_old_state_until_the_new_one_is_whole() {
    let region = Region::following(&revoked(4, 2));
    let edge = node_of(&region);
    assert_eq!(edge.verify(&token()), 200);
    // The hub begins anew, further on than the node can follow.
    serve(&region.host, with_token_revoked(9, 2), 12);
    region.host.pass(2_500);
    region.newer(None);
    let first = region.hub.newer(None, 2, None).now_or_never().unwrap().unwrap();
    assert!(first.more.is_some());
    // Of which only the first page arrives.
    *edge.host.hub.borrow_mut() = HubIs::Giving(first.texts);
    edge.host.pass(2_500);
    edge.verify(&token());
    edge.host.run_background();
    assert_eq!((edge.verify(&token()), sequence_of(&edge)), (200, "7".to_owned()));
    // Then the others.
    *edge.host.hub.borrow_mut() = HubIs::Real(Rc::clone(&region.hub));
    go_on(&region, &edge);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
    assert_eq!(sequence_of(&edge), "13");
}

#[test]
fn a_node_begins_anew_if_its_hub_takes_another_snapshot_between_two_pieces() {
    let region = Region::following(&revoked(9, 3));
    region.newer(None);
    let edge = node_of(&region);
    edge.host.hub_is_slow.set(true);
    let request = with_token(request(Method::GET, "/verify"), &token());
    let mut answer = Box::pin(handle(&edge.node, &edge.host, request));
    let mut context = Context::from_waker(Waker::noop());
    // The first piece is there, and the second on its way.
    for _ in 0..2 {
        assert!(answer.as_mut().poll(&mut context).is_pending());
    }
    serve(&region.host, with_token_revoked(12, 3), 14);
    region.host.pass(2_500);
    region.newer(None);
    assert_eq!(region.host.generation.get(), Some(2));
    let answer = loop {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
            break answer;
        }
    };
    assert_eq!((answer.status().as_u16(), header(&answer, "x-state-seq")), (401, "16"));
}

/// Were there a state for each of them, a few requests would take all the memory of a cold node.
#[test]
fn many_requests_to_a_cold_node_gather_one_snapshot_together() {
    let region = Region::following(&with_token_revoked(30, 3));
    region.newer(None);
    let edge = node_of(&region);
    edge.host.hub_is_slow.set(true);
    let ask = |token: &str| {
        let request = with_token(request(Method::GET, "/verify"), token);
        Box::pin(handle(&edge.node, &edge.host, request))
    };
    let mut asking: Vec<_> =
        (0..20).map(|number| ask(&if number % 2 == 0 { token() } else { other_token() })).collect();
    // Some go away before they are answered.
    let mut context = Context::from_waker(Waker::noop());
    for asked in &mut asking {
        assert!(asked.as_mut().poll(&mut context).is_pending());
    }
    asking.truncate(10);
    let mut answers = Vec::new();
    while !asking.is_empty() {
        asking.retain_mut(|asked| match asked.as_mut().poll(&mut context) {
            Poll::Pending => true,
            Poll::Ready(answer) => {
                answers.push(answer.status().as_u16());
                false
            }
        });
    }
    answers.sort_unstable();
    assert_eq!(answers, [200, 200, 200, 200, 200, 401, 401, 401, 401, 401]);
}

#[test]
fn a_cold_node_without_its_hub_finds_the_pages_in_the_store_or_nothing() {
    let region = Region::following(&with_token_revoked(9, 3));
    region.tick();
    region.host.run_background();
    let store = region.host.store.borrow().clone();
    let index = store["snapshot/2"].clone();
    assert!(index.starts_with("pages 4 snapshot/2/europe/1-13/"), "{index}");
    assert_eq!(store.len(), 5);
    let cold = |store: &std::collections::HashMap<String, String>| {
        let edge = Edge::cold();
        edge.host.store.borrow_mut().clone_from(store);
        (edge.verify(&token()), edge.verify(&other_token()))
    };
    assert_eq!(cold(&store), (401, 200));
    for number in 0..4 {
        let key = format!("snapshot/2/europe/1-13/{number}");
        let mut lost = store.clone();
        let page = lost.remove(&key).unwrap();
        assert_eq!(cold(&lost), (503, 503), "page {number}");
        lost.insert(format!("snapshot/2/europe/1-13/{}", (number + 1) % 4), page);
        assert_eq!(cold(&lost), (503, 503), "page {number}");
    }
    // The pages are written once; what follows is in the index.
    region.host.store.borrow_mut().retain(|key, _| key == "snapshot/2");
    region.serve(&with_token_revoked(9, 3).with(Feed::keys(&[1, 2])));
    region.host.pass(60_000);
    region.tick();
    region.host.run_background();
    assert_eq!(region.host.store.borrow().len(), 1);
    let mut both = store;
    both.extend(region.host.store.borrow().clone());
    let edge = Edge::cold();
    *edge.host.store.borrow_mut() = both;
    assert_eq!((edge.verify(&token()), sequence_of(&edge)), (401, "14".to_owned()));
}

#[test]
fn a_pushed_snapshot_of_one_page_is_taken_and_of_one_with_more_the_rest_is_asked_for() {
    let region = Region::on(TestHost::new());
    assert_eq!(region.take(&with_token_revoked(2, 9).snapshot(NOW_MS)), Taken::Known);
    assert_eq!(node_of(&region).verify(&token()), 401);

    let feed = with_token_revoked(9, 3);
    let region = Region::on(TestHost::new());
    region.host.answer_with(|_| Err(OriginError::Unreachable));
    assert_eq!(region.take(&feed.snapshot(NOW_MS)), Taken::Conflict);
    assert_eq!(node_of(&region).verify(&token()), 503);
    region.serve(&feed);
    region.host.pass(5_000);
    assert_eq!(region.take(&feed.snapshot(NOW_MS)), Taken::Known);
    assert_eq!(node_of(&region).verify(&token()), 401);
    // At a node, which has nothing of its own to ask.
    let edge = node_of(&region);
    edge.host.taken.set(Ok(Taken::Known));
    assert_eq!(edge.push(&feed.snapshot(NOW_MS)).status(), 204);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));

    let edge = Stored::new();
    *edge.feed.borrow_mut() = feed.clone();
    assert_eq!(edge.push(feed.snapshot(NOW_MS)), 204);
    edge.disconnect();
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
}

/// A control plane that gives this answer in version 1.
fn untold_in_version_1(feed: &Feed, status: u16, body: &str) -> Region {
    let region = Region::on(TestHost::new());
    let body = body.to_owned();
    let (feed, clock) = (feed.clone(), Rc::downgrade(&region.host));
    region.host.answer_with(move |request| {
        let versions: WireVersions = request.headers()[wire::HEADER].to_str().unwrap().parse().unwrap();
        if versions.feed < 2 {
            return Ok(answer(status, body.clone()));
        }
        Ok(feed.answer_to(request, 0, clock.upgrade().unwrap().now_ms.get()))
    });
    region
}

#[test]
fn an_isolate_of_the_first_version_stops_nobody_else_however_much_there_is() {
    assert_stops_nobody_else(200, &"A".repeat(8 * 1024 * 1024 + 1));
}

#[test]
fn nor_does_it_if_the_first_version_has_no_words_for_what_there_is() {
    assert_stops_nobody_else(503, "{}");
}

#[track_caller]
fn assert_stops_nobody_else(status: u16, body: &str) {
    let region = untold_in_version_1(&with_token_revoked(9, 3), status, body);
    let older = |region: &Region| {
        let newer = region.hub.newer(None, 1, None).now_or_never().unwrap();
        region.host.run_background();
        newer
    };
    // Before and after a node of today has asked.
    assert_eq!(older(&region), None);
    let edge = node_of(&region);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
    assert_eq!(older(&region), None);
    assert!(region.host.log.borrow().iter().any(|line| line.contains("older version")));
    // It is not asked for again and again.
    region.asked();
    for _ in 0..20 {
        region.host.pass(1_000);
        assert_eq!(older(&region), None);
    }
    let versions = |region: &Region| {
        let asked = region.host.origin_asked.take();
        asked
            .iter()
            .filter(|asked| asked.headers()[wire::HEADER] != *WireVersions::CURRENT.to_string())
            .count()
    };
    assert_eq!(versions(&region), 0);
    go_on(&region, &edge);
    assert_eq!(edge.verify(&token()), 401);
}

#[test]
fn a_node_understands_a_hub_of_the_first_version() {
    let feed = Feed::new().with(Feed::revocation(TOKEN_ID));
    let edge = Edge::cold();
    // A snapshot and what followed, a line each, whatever was asked.
    *edge.host.hub.borrow_mut() =
        HubIs::Giving(vec![Feed::new().snapshot(NOW_MS), feed.after(3, NOW_MS + 1)]);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
    assert_eq!(sequence_of(&edge), "4");
}

#[test]
fn a_node_of_the_first_version_is_given_lines_that_it_can_read_and_nothing_else() {
    let region = Region::on(TestHost::new());
    let clock = Rc::downgrade(&region.host);
    let feed = with_token_revoked(9, 3);
    region.host.answer_with(move |request| {
        let versions: WireVersions = request.headers()[wire::HEADER].to_str().unwrap().parse().unwrap();
        let told = feed.clone().in_version(versions.feed);
        Ok(told.answer_to(request, 0, clock.upgrade().unwrap().now_ms.get()))
    });
    let edge = node_of(&region);
    assert_eq!(edge.verify(&token()), 401);
    let newer = region.hub.newer(None, 1, None).now_or_never().unwrap().unwrap();
    assert_eq!(newer.more, None);
    assert!(newer.write().lines().all(|line| version_of(line) == 1 && line.matches('.').count() == 2));
    // Nodes of today go on.
    go_on(&region, &edge);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
}

#[test]
fn a_store_is_given_each_shard_once_and_the_head_last() {
    let edge = Stored::new();
    *edge.feed.borrow_mut() = with_token_revoked(500, 40);
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
    // Sixteen shards, the head as of the snapshot and as of what followed, and who asked when.
    assert!(edge.host.instances.writes() <= 24, "{}", edge.host.instances.writes());
    // It goes on by batches from there.
    edge.change(Feed::revocation(OTHER_AGENT));
    edge.host.pass(11_000);
    edge.verify(&token());
    assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 401));
}

/// What is answered in the place of the page of this number.
type Spoil = Box<dyn Fn(usize) -> Answer>;

#[test]
fn a_store_whose_snapshot_breaks_off_or_is_spoiled_keeps_what_it_has() {
    let pages = with_token_revoked(20, 5).pages(NOW_MS);
    let spoilt: [Spoil; 3] = [
        Box::new(|_| answer(503, "")),
        Box::new({
            let pages = pages.clone();
            // One is left out.
            move |number| answer(200, pages[number + 1].clone())
        }),
        Box::new(move |_| answer(200, pages[0].clone())),
    ];
    for spoil in spoilt {
        let edge = Stored::new();
        assert_eq!(edge.verify(&token()), 200);
        let before = edge.host.instances.value("head/2");
        let (feed, number) = (with_token_revoked(20, 5), RefCell::new(0));
        edge.host.answer_with(move |request| {
            if request.uri().path() == "/edge/v1/changes" {
                return Ok(answer(410, "{}"));
            }
            let place = number.replace_with(|number| *number + 1);
            Ok(if place % 5 == 2 { spoil(2) } else { feed.answer_to(request, 0, NOW_MS + 11_000) })
        });
        edge.host.pass(11_000);
        edge.verify(&token());
        assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (200, 200));
        assert_eq!(edge.host.instances.value("head/2"), before);
        *edge.feed.borrow_mut() = with_token_revoked(20, 5);
        edge.connect();
        edge.host.pass(11_000);
        edge.verify(&token());
        assert_eq!((edge.verify(&token()), edge.verify(&other_token())), (401, 200));
    }
}
