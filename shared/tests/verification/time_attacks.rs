//! Attacks through time: leeway at its edges, and clocks that go back.

use agentidp_shared::exceptions::Exceptions;
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::verify::{LEEWAY_SECONDS, Refusal, Verdict};
use serde_json::json;

use crate::support::*;

fn check_when(token: &str, now: u64) -> Verdict {
    check_at(token, &Exceptions::new(hasher()), now, &ScopeSet::empty())
}

#[test]
fn leeway_is_ten_seconds_and_no_more() {
    assert_eq!(LEEWAY_SECONDS, 10);
    let token = good_token();
    let (start, end) = (NOW - 100, NOW + 3_500);
    for (now, good) in [
        (start - 11, false),
        (start - 10, true),
        (start, true),
        (end - 1, true),
        (end, true),
        (end + 9, true),
        (end + 10, false),
        (end + 11, false),
    ] {
        assert_eq!(matches!(check_when(&token, now), Verdict::Accepted(_)), good, "{now}");
    }
}

#[test]
fn nbf_in_the_future_attack() {
    assert_accepted(&token_with(&claims_with("nbf", json!(NOW + 10))));
    assert_refused(&token_with(&claims_with("nbf", json!(NOW + 11))), &Refusal::NotYetValid);
}

#[test]
fn iat_in_the_future_attack() {
    assert_accepted(&token_with(&claims_with("iat", json!(NOW + 10))));
    assert_refused(&token_with(&claims_with("iat", json!(NOW + 11))), &Refusal::NotYetValid);
}

#[test]
fn times_that_contradict_each_other_are_refused() {
    for (name, value) in
        [("exp", NOW - 100), ("exp", NOW - 101), ("exp", 0), ("iat", NOW + 3_500), ("nbf", NOW + 9_999)]
    {
        assert_refused(&token_with(&claims_with(name, json!(value))), &Refusal::ContradictoryTimes);
    }
}

#[test]
fn extreme_clocks_do_not_overflow() {
    let token = good_token();
    assert_eq!(check_when(&token, u64::MAX), Verdict::Refused(Refusal::Expired));
    assert_eq!(check_when(&token, 0), Verdict::Refused(Refusal::NotYetValid));
    let latest = (1_u64 << 40) - 1;
    let token = token_with(&claims_with("exp", json!(latest)));
    assert!(matches!(check_when(&token, latest), Verdict::Accepted(_)));
}
