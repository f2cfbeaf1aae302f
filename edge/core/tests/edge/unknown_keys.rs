//! Tokens of keys a node has not heard of.

use crate::support::*;

#[test]
fn a_new_key_is_learnt_at_once() {
    let edge = Edge::new();
    *edge.host.hub.borrow_mut() = HubIs::Following(Feed::new().with(Feed::keys(&[1, 2])));
    assert_eq!(edge.verify(&token_of(2, &claims())), 200);
    assert_eq!(edge.verify(&token()), 200);
}

#[test]
fn key_id_flood_attack_causes_one_refresh_in_ten_seconds_for_all_of_them() {
    let edge = Edge::new();
    let asked = || edge.host.hub_asked.borrow().len();
    let before = asked();
    for number in 2..200 {
        assert_eq!(edge.verify(&token_of(number, &claims())), 401);
    }
    assert_eq!(asked(), before + 1);
    assert_eq!(edge.host.tokens_checked(), 0);
    edge.host.pass(9_999);
    *edge.host.hub.borrow_mut() = HubIs::Giving(vec![]);
    assert_eq!(edge.verify(&token_of(2, &claims())), 401);
    // The next regular refresh is no matter of unknown keys.
    edge.host.run_background();
    let before = asked();
    edge.host.pass(1);
    for number in 2..200 {
        edge.verify(&token_of(number, &claims()));
    }
    assert_eq!(asked(), before + 1);
}

#[test]
fn a_key_that_was_withdrawn_signs_nothing_any_more() {
    let edge = Edge::new();
    assert_eq!(edge.verify(&token()), 200);
    assert_eq!(edge.push(&Feed::new().with(Feed::keys(&[2])).after(3, NOW_MS)).status(), 204);
    assert_eq!(edge.verify(&token()), 401);
    assert_eq!(edge.verify(&token_of(2, &claims())), 200);
}
