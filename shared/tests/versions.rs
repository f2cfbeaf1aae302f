//! What released versions signed and sent, recorded from their own binaries: it is read today as it was read then.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests fail by panicking")]

use agentidp_shared::edge_keys::EdgeKeys;
use agentidp_shared::feed::{self, Batch};
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::jwk::{Jwk, JwkSet, KeySet};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::state::State;
use agentidp_shared::usage;
use agentidp_shared::verify::{Expectation, Verdict, verify};
use serde_json::Value;

const FEED: &str = include_str!("../../tests/versions/0.1.0/feed.json");
const TOKENS: &str = include_str!("../../tests/versions/0.1.0/tokens.json");
const USAGE: &str = include_str!("../../tests/versions/0.1.0/usage.json");

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn pinned() -> KeySet {
    let feed = json(FEED);
    let keys = feed["pinned"]["keys"].as_array().unwrap().iter().map(|key| Jwk::from_value(key).unwrap());
    KeySet::from_jwks(&JwkSet { keys: keys.collect() }).unwrap()
}

/// The recorded batches, each with its text.
fn batches() -> Vec<(String, Batch)> {
    let feed = json(FEED);
    let texts = feed["batches"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned());
    texts.map(|text| (text.clone(), feed::open(&text, &pinned()).unwrap())).collect()
}

fn begin(batch: Batch) -> State {
    let at = batch.issued_at;
    State::from_snapshot(batch, at, SeededHasher::new([1; 16])).unwrap()
}

/// Judges every recorded token, at the second at which the edge of 0.1.0 judged it.
fn assert_judged_as_recorded(state: &State) {
    let recorded = json(TOKENS);
    let (issuer, now) = (recorded["issuer"].as_str().unwrap(), recorded["judgedAt"].as_u64().unwrap());
    let scopes = ScopeSet::empty();
    let expected = Expectation { issuer, audience: issuer, scopes: &scopes };
    let tokens = recorded["tokens"].as_object().unwrap();
    assert!(tokens.len() > 15);
    for (name, token) in tokens {
        let verdict =
            verify(token["token"].as_str().unwrap(), &state.keys, &state.exceptions, now, &expected);
        match (token["reason"].as_str(), verdict) {
            (None, Verdict::Accepted(_)) => {}
            (Some(reason), Verdict::Refused(refusal)) => assert_eq!(refusal.to_string(), reason, "{name}"),
            (reason, verdict) => panic!("{name}: {verdict:?}, and in 0.1.0 {reason:?}"),
        }
    }
}

#[test]
fn the_feed_of_0_1_0_opens_and_its_tokens_are_judged_as_they_were() {
    let mut batches = batches().into_iter().map(|(_, batch)| batch);
    let mut state = begin(batches.next().unwrap());
    for batch in batches.by_ref().take_while(|batch| !batch.is_snapshot()) {
        let at = batch.issued_at;
        state.apply(batch, at).unwrap();
    }
    assert_judged_as_recorded(&state);
}

#[test]
fn the_snapshot_of_0_1_0_tells_the_same_as_its_changes() {
    let (_, last) = batches().pop().unwrap();
    assert!(last.is_snapshot());
    assert_judged_as_recorded(&begin(last));
}

#[test]
fn every_kind_of_change_of_0_1_0_is_recorded() {
    let changes: Vec<Value> = batches()
        .into_iter()
        .flat_map(|(_, batch)| batch.changes)
        .map(|change| serde_json::to_value(change).unwrap())
        .collect();
    for kind in [
        "keys",
        "issuer",
        "policy",
        "rateLimits",
        "tier",
        "tokenRevoked",
        "tokensRevoked",
        "agent",
        "organization",
        "partner",
    ] {
        assert!(changes.iter().any(|change| change["type"] == kind), "{kind}");
    }
}

#[test]
fn a_batch_of_the_first_version_is_still_written_byte_for_byte() {
    for (text, batch) in batches() {
        let signed = feed::signing_input(&batch, pinned_kid().as_str()).unwrap();
        assert!(text.trim().starts_with(&format!("{signed}.")), "{} to {}", batch.from, batch.to);
        assert_eq!(feed::signing_input_of(1, &batch, &pinned_kid()).unwrap(), signed);
    }
}

fn pinned_kid() -> String {
    json(FEED)["pinned"]["keys"][0]["kid"].as_str().unwrap().to_owned()
}

#[test]
fn usage_reports_of_0_1_0_open_under_the_edges_secret_and_not_under_its_derived_key() {
    let recorded = json(USAGE);
    let (edge, secret) = (recorded["edge"].as_str().unwrap(), recorded["key"].as_str().unwrap());
    let reports = recorded["reports"].as_array().unwrap();
    assert!(!reports.is_empty());
    for report in reports {
        let body = report["body"].as_str().unwrap();
        assert!(!usage::open(body, edge, secret.as_bytes()).unwrap().tallies.is_empty());
        let derived = EdgeKeys::derive(secret);
        assert!(usage::open(body, edge, derived.usage().as_bytes()).is_err());
    }
}
