//! `POST /edge/v1/push`.

use agentidp_edge_core::host::{HubUnavailable, Taken};
use http::Method;

use crate::support::*;

#[test]
fn a_pushed_revocation_counts_here_at_once_and_reaches_the_hub() {
    let edge = Edge::new();
    assert_eq!(edge.verify(&token()), 200);
    let batch = Feed::new().with(Feed::revocation(TOKEN_ID)).after(3, NOW_MS + 1);
    let answer = edge.push(&batch);
    assert_eq!((answer.status().as_u16(), answer.body().len()), (204, 0));
    assert_eq!(header(&answer, "x-state-seq"), "4");
    assert_eq!(edge.verify(&token()), 401);
    assert_eq!(*edge.host.handed_over.borrow(), [batch]);
}

#[test]
fn a_node_that_lacks_what_a_batch_builds_on_asks_the_hub_before_it_says_so() {
    let feed = Feed::new().with(Feed::keys(&[1, 2])).with(Feed::revocation(TOKEN_ID));
    for edge in [Edge::new(), Edge::cold()] {
        *edge.host.hub.borrow_mut() = HubIs::Following(feed.clone());
        assert_eq!(edge.push(&feed.after(4, NOW_MS + 1)).status(), 204);
        assert_eq!(edge.verify(&token()), 401);
    }
}

#[test]
fn a_batch_the_hub_cannot_place_is_a_conflict_and_a_hub_that_is_away_a_503() {
    let edge = Edge::new();
    let batch = Feed::new().with(Feed::revocation(TOKEN_ID)).after(3, NOW_MS + 1);
    edge.host.taken.set(Ok(Taken::Conflict));
    assert_eq!(edge.push(&batch).status(), 409);
    edge.host.taken.set(Err(HubUnavailable));
    let answer = edge.push(&batch);
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
}

#[test]
fn forged_batch_attack_only_the_pinned_key_is_believed_and_garbage_never_reaches_the_hub() {
    let edge = Edge::new();
    let good = Feed::new().with(Feed::keys(&[2])).after(3, NOW_MS);
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    let other = Feed::new().with(Feed::keys(&[3])).after(3, NOW_MS);
    let (other_unsigned, _) = other.rsplit_once('.').unwrap();
    for (what, batch) in [
        ("empty", String::new()),
        ("nonsense", "nonsense".into()),
        ("unsigned", format!("{unsigned}.")),
        ("another signature", format!("{other_unsigned}.{signature}")),
        ("cut off", good[..good.len() - 1].to_owned()),
        ("a token", token()),
        ("JSON", "{}".into()),
    ] {
        assert_eq!(edge.push(&batch).status(), 400, "{what}");
    }
    assert_eq!(edge.push(&"A".repeat(3_000_000)).status(), 413);
    let mut binary = request(Method::POST, "/edge/v1/push");
    *binary.body_mut() = vec![0xff; 100];
    assert_eq!(edge.send(binary).status(), 400);
    assert!(edge.host.handed_over.borrow().is_empty());
    assert_eq!(edge.verify(&token()), 200);
}

#[test]
fn replay_attack_an_old_batch_undoes_nothing() {
    let edge = Edge::new();
    let before = Feed::new().snapshot(NOW_MS);
    edge.push(&Feed::new().with(Feed::revocation(TOKEN_ID)).after(3, NOW_MS + 1));
    for _ in 0..3 {
        edge.push(&before);
        assert_eq!(edge.verify(&token()), 401);
        assert_eq!(header(&edge.get("/health/ready"), "x-state-seq"), "4");
    }
}

#[test]
fn the_rest_of_the_contract_is_not_reachable_through_the_edge() {
    let edge = Edge::new();
    edge.host.answer_with(|_| Ok(answer(200, "the feed")));
    for path in ["/edge/v1", "/edge/v1/", "/edge/v1/snapshot", "/edge/v1/changes?after=0&wait=0"] {
        assert_eq!(edge.get_with(&token(), path).status(), 404, "{path}");
    }
    assert_eq!(edge.get("/edge/v1/push").status(), 405);
    assert!(edge.host.origin_asked.borrow().is_empty());
}
