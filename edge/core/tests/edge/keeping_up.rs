//! When a node asks its hub, and what it believes.

use agentidp_edge_core::knowledge::Known;
use http::Method;

use crate::support::*;

#[test]
fn a_cold_node_begins_with_the_hub_then_with_the_store() {
    let edge = Edge::cold();
    *edge.host.hub.borrow_mut() = HubIs::Following(Feed::new());
    assert_eq!(edge.verify(&token()), 200);
    assert_eq!(*edge.host.hub_asked.borrow(), [None]);

    // Two hours old: long beyond its lifetime, but the edge's own. Its age counts.
    let feed = Feed::new().with(Feed::revocation(TOKEN_ID));
    let kept = [Feed::new().snapshot(NOW_MS), feed.after(3, NOW_MS + 1)].join("\n");
    let edge = Edge::cold();
    edge.host.store.borrow_mut().insert("snapshot".into(), kept);
    edge.host.pass(7_200_000);
    let answer = edge.get_with(&token_with(&[("jti", OTHER_AGENT.into())]), "/verify");
    assert_eq!((answer.status().as_u16(), header(&answer, "x-state-stale")), (200, "true"));
    assert_eq!((header(&answer, "x-state-seq"), header(&answer, "x-state-age")), ("4", "7199.999"));
    assert_eq!(edge.verify(&token()), 401);
    assert_eq!(edge.verify(&token_with(&[("jti", OTHER_AGENT.into()), ("scope", "x:write".into())])), 503);
}

#[test]
fn a_cold_node_without_help_does_not_ask_for_every_request() {
    let edge = Edge::cold();
    for _ in 0..50 {
        assert_eq!(edge.verify(&token()), 503);
    }
    assert_eq!(edge.host.hub_asked.borrow().len(), 1);
}

#[test]
fn news_is_asked_for_in_the_background_every_two_seconds() {
    let edge = Edge::new();
    let asked = || edge.host.hub_asked.borrow().len();
    assert_eq!(asked(), 1);
    edge.host.pass(1_999);
    edge.verify(&token());
    edge.host.run_background();
    assert_eq!(asked(), 1);
    edge.host.pass(1);
    *edge.host.hub.borrow_mut() = HubIs::Following(Feed::new().with(Feed::revocation(TOKEN_ID)));
    // The request itself does not wait, nor does another start a second refresh.
    assert_eq!((edge.verify(&token()), edge.verify(&token())), (200, 200));
    assert_eq!(asked(), 1);
    edge.host.run_background();
    assert_eq!(asked(), 2);
    assert_eq!(
        *edge.host.hub_asked.borrow().last().unwrap(),
        Some(Known { sequence: 3, issued_at_ms: NOW_MS, version: 1 })
    );
    assert_eq!(edge.verify(&token()), 401);
}

#[test]
fn a_node_that_slept_asks_before_it_answers() {
    let edge = Edge::new();
    *edge.host.hub.borrow_mut() = HubIs::Following(Feed::new().with(Feed::revocation(TOKEN_ID)));
    edge.host.pass(10_000);
    assert_eq!(edge.verify(&token()), 401);
}

#[test]
fn a_refresh_whose_request_has_gone_is_given_up_after_a_while() {
    let edge = Edge::new();
    edge.host.pass(2_000);
    edge.verify(&token());
    assert!(!edge.host.is_idle(), "begun, and never run");
    edge.host.pass(9_999);
    edge.verify(&token());
    assert_eq!(edge.host.hub_asked.borrow().len(), 1);
    edge.host.pass(1);
    edge.verify(&token());
    assert_eq!(edge.host.hub_asked.borrow().len(), 2);
}

#[test]
fn news_that_does_not_fit_is_replaced_by_everything() {
    let edge = Edge::new();
    let feed = Feed::new().with(Feed::revocation(TOKEN_ID)).with(Feed::keys(&[1, 2]));
    // A batch from 4 on, which this node does not hold, and everything when that was refused.
    *edge.host.hub.borrow_mut() = HubIs::Giving(vec![feed.after(4, NOW_MS + 1)]);
    edge.host.pass(10_000);
    assert_eq!(edge.verify(&token()), 200);
    assert_eq!(edge.host.hub_asked.borrow().last(), Some(&None));
    *edge.host.hub.borrow_mut() = HubIs::Giving(vec![feed.snapshot(NOW_MS + 2)]);
    edge.host.pass(10_000);
    assert_eq!(edge.verify(&token()), 401);
}

#[test]
fn news_that_fits_counts_although_what_follows_does_not() {
    let edge = Edge::new();
    let feed = Feed::new().with(Feed::keys(&[1, 2]));
    let unfit = feed.clone().with(Feed::keys(&[3])).with(Feed::keys(&[3])).after(5, NOW_MS + 2);
    *edge.host.hub.borrow_mut() = HubIs::Giving(vec![feed.after(3, NOW_MS + 1), unfit]);
    edge.host.pass(10_000);
    assert_eq!(edge.verify(&token_of(2, &claims())), 200);
}

#[test]
fn rollback_attack_an_older_snapshot_from_anywhere_changes_nothing() {
    let feed = Feed::new().with(Feed::revocation(TOKEN_ID));
    let edge = Edge::following(feed);
    for old in [Feed::new().snapshot(NOW_MS - 1_000), Feed::new().snapshot(NOW_MS + 1_000)] {
        *edge.host.hub.borrow_mut() = HubIs::Giving(vec![old]);
        edge.host.pass(10_000);
        assert_eq!(edge.verify(&token()), 401);
    }
    let mut other = Feed::new().with(Feed::keys(&[1]));
    other.instance = 2;
    *edge.host.hub.borrow_mut() = HubIs::Giving(vec![other.snapshot(NOW_MS + 20_000)]);
    edge.host.pass(10_000);
    assert_eq!(edge.verify(&token()), 401);
}

#[test]
fn poisoned_store_attack_only_what_the_pinned_key_signed_is_believed() {
    let good = Feed::new().snapshot(NOW_MS);
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    for kept in ["", "nonsense", &format!("{unsigned}.{}", "A".repeat(86)), &good[..good.len() - 1]] {
        let edge = Edge::cold();
        edge.host.store.borrow_mut().insert("snapshot".into(), kept.to_owned());
        assert_eq!(edge.verify(&token()), 503, "{kept}");
        *edge.host.hub.borrow_mut() = HubIs::Giving(vec![kept.to_owned()]);
        edge.host.pass(1_000);
        assert_eq!(edge.verify(&token()), 503, "{kept}");
    }
}

#[test]
fn a_feed_of_another_issuer_answers_nothing_and_is_logged() {
    let edge = Edge::cold();
    *edge.host.hub.borrow_mut() = HubIs::Following(Feed::of_issuer("https://other.example"));
    assert_eq!(edge.verify(&token()), 503);
    assert!(edge.host.log.borrow().iter().any(|line| line.contains("ISSUER")));
    // Also when it becomes one later.
    let edge = Edge::new();
    *edge.host.hub.borrow_mut() = HubIs::Giving(vec![]);
    let moved = Feed::of_issuer("https://other.example").changes.remove(0);
    assert_eq!(edge.push(&Feed::new().with(moved).after(3, NOW_MS)).status(), 204);
    assert_eq!(edge.verify(&token()), 503);
}

#[test]
fn liveness_and_pushes_ask_nobody() {
    let edge = Edge::cold();
    edge.get("/health/live");
    edge.send(request(Method::POST, "/edge/v1/push"));
    edge.get("/edge/v1/snapshot");
    assert!(edge.host.hub_asked.borrow().is_empty());
}
