//! One rule of acceptance at a time.

use agentidp_shared::exceptions::{Standing, SubjectException};
use agentidp_shared::feed::{BATCH_LIFETIME_MS, Batch, Change, FeedError};
use agentidp_shared::jwk::{InvalidKey, JwkSet};
use agentidp_shared::state::{CLOCK_TOLERANCE_MS, State};

use crate::model::*;
use crate::support::*;

fn node() -> State {
    State::from_snapshot(Log::new().snapshot(NOW_MS), NOW_MS, hasher()).unwrap()
}

fn revocation() -> Change {
    Change::TokenRevoked { jti: TOKEN_ID.parse().unwrap(), expires_at: NOW + 3_500 }
}

/// Changes 4 to 4: one revocation.
fn next() -> Batch {
    let mut log = Log::new();
    log.changes.push(revocation());
    log.changes_after(3, NOW_MS)
}

#[track_caller]
fn assert_refused(node: &mut State, batch: Batch, now_ms: u64, expected: &FeedError) {
    let before = (node.sequence(), node.issued_at_ms(), node.exceptions.len(), node.keys.to_jwks());
    assert_eq!(node.apply(batch, now_ms).as_ref(), Err(expected));
    let after = (node.sequence(), node.issued_at_ms(), node.exceptions.len(), node.keys.to_jwks());
    assert_eq!(before, after, "a refused batch changed something");
}

#[test]
fn the_next_batch_is_accepted_and_again_only_as_news_without_changes() {
    let mut node = node();
    node.apply(next(), NOW_MS).unwrap();
    assert_eq!(node.sequence(), 4);
    assert_eq!(node.exceptions.len(), 1);
    assert_refused(&mut node, next(), NOW_MS, &FeedError::LowerSequence { known: 4, to: 3 });
    let empty = Batch { from: 4, changes: vec![], issued_at: NOW_MS + 1, ..next() };
    node.apply(empty, NOW_MS).unwrap();
    assert_eq!((node.sequence(), node.issued_at_ms()), (4, NOW_MS + 1));
}

#[test]
fn another_instances_batch_is_refused() {
    let other = instance(9);
    assert_refused(&mut node(), Batch { instance: other, ..next() }, NOW_MS, &FeedError::OtherInstance);
    let mut snapshot = Log::new().snapshot(NOW_MS);
    snapshot.instance = other;
    assert_refused(&mut node(), snapshot, NOW_MS, &FeedError::OtherInstance);
}

#[test]
fn gap_is_refused() {
    let batch = Batch { from: 4, to: 5, ..next() };
    assert_refused(&mut node(), batch, NOW_MS, &FeedError::Gap { known: 3, from: 4 });
    let batch = Batch { from: u64::MAX, to: u64::MAX, ..next() };
    assert_refused(&mut node(), batch, NOW_MS, &FeedError::Gap { known: 3, from: u64::MAX });
}

#[test]
fn lower_sequence_is_refused_also_as_a_snapshot() {
    let mut node = node();
    node.apply(next(), NOW_MS).unwrap();
    let snapshot = Log::new().snapshot(NOW_MS + 1);
    assert_refused(&mut node, snapshot, NOW_MS + 1, &FeedError::LowerSequence { known: 4, to: 3 });
    let backwards = Batch { from: 4, to: 2, changes: vec![], ..next() };
    assert_refused(&mut node, backwards, NOW_MS, &FeedError::LowerSequence { known: 4, to: 2 });
}

#[test]
fn overlapping_batch_is_refused() {
    let batch = Batch { from: 2, ..next() };
    assert_refused(&mut node(), batch, NOW_MS, &FeedError::LowerSequence { known: 3, to: 2 });
}

#[test]
fn batch_signed_before_what_is_known_is_a_replay() {
    let mut node = node();
    let batch = Batch { issued_at: NOW_MS - 1, ..next() };
    assert_refused(&mut node, batch, NOW_MS, &FeedError::Replayed);
    let older = Batch { issued_at: NOW_MS - 1, ..Log::new().snapshot(NOW_MS) };
    assert_refused(&mut node, older, NOW_MS, &FeedError::Replayed);
}

#[test]
fn expired_batch_is_refused_from_its_last_millisecond() {
    let lifetime = BATCH_LIFETIME_MS;
    node().apply(next(), NOW_MS + lifetime - 1).unwrap();
    assert_refused(&mut node(), next(), NOW_MS + lifetime, &FeedError::Expired);
    assert_eq!(
        State::from_snapshot(Log::new().snapshot(NOW_MS), NOW_MS + lifetime, hasher()).err(),
        Some(FeedError::Expired)
    );
}

#[test]
fn clock_backwards_attack_an_expired_batch_does_not_come_back_to_life() {
    let mut node = node();
    let later = NOW_MS + BATCH_LIFETIME_MS;
    node.apply(
        Batch { from: 3, to: 3, changes: vec![], issued_at: later, expires_at: later + 9, ..next() },
        later,
    )
    .unwrap();
    assert_eq!(node.trusted_now_ms(NOW_MS - 1_000_000), later);
    assert_eq!(node.age_ms(NOW_MS), 0);
    assert_refused(&mut node, next(), NOW_MS, &FeedError::Expired);
}

#[test]
fn batch_from_the_future_is_refused_beyond_the_tolerance() {
    let in_future = |by: u64| Batch { issued_at: NOW_MS + by, expires_at: NOW_MS + by + 9_000, ..next() };
    node().apply(in_future(CLOCK_TOLERANCE_MS), NOW_MS).unwrap();
    assert_refused(&mut node(), in_future(CLOCK_TOLERANCE_MS + 1), NOW_MS, &FeedError::FromTheFuture);
}

#[test]
fn batch_that_numbers_more_or_fewer_changes_than_it_holds_is_refused() {
    for batch in [
        Batch { to: 5, ..next() },
        Batch { to: 3, ..next() },
        Batch { changes: vec![], ..next() },
        Batch { to: u64::MAX, ..next() },
    ] {
        assert_refused(&mut node(), batch, NOW_MS, &FeedError::WrongCount);
    }
}

#[test]
fn a_snapshot_must_bring_keys_and_issuer() {
    let mut snapshot = Log::new().snapshot(NOW_MS);
    snapshot.changes = vec![issuer(60)];
    assert_refused(&mut node(), snapshot.clone(), NOW_MS, &FeedError::Incomplete);
    snapshot.changes = vec![keys(1)];
    assert_refused(&mut node(), snapshot.clone(), NOW_MS, &FeedError::Incomplete);
    snapshot.changes = vec![issuer(60), Change::Keys { jwks: JwkSet::default() }];
    assert_refused(&mut node(), snapshot, NOW_MS, &FeedError::Incomplete);
}

#[test]
fn only_a_snapshot_begins_a_state() {
    assert!(matches!(State::from_snapshot(next(), NOW_MS, hasher()), Err(FeedError::Gap { .. })));
}

#[test]
fn a_batch_is_taken_wholly_or_not_at_all() {
    let empty = Change::Keys { jwks: JwkSet::default() };
    let weak = Change::Keys {
        jwks: JwkSet { keys: vec![agentidp_shared::jwk::Jwk::ed25519(&[0; 32]).with_thumbprint_kid()] },
    };
    for (bad, expected) in [(empty, FeedError::Incomplete), (weak, FeedError::Key(InvalidKey::Material))] {
        for changes in [vec![revocation(), bad.clone()], vec![bad.clone(), revocation()]] {
            assert_refused(&mut node(), Batch { to: 5, changes, ..next() }, NOW_MS, &expected);
        }
        // Also when good keys follow in the same batch.
        let changes = vec![bad, keys(9)];
        let mut node = node();
        let outcome = node.apply(Batch { to: 5, changes, ..next() }, NOW_MS);
        assert_eq!(outcome.is_ok(), matches!(expected, FeedError::Incomplete));
    }
}

#[test]
fn later_changes_of_a_batch_win() {
    let agent_id = AGENT.parse().unwrap();
    let exception = |standing| SubjectException { standing, not_before: None, expires_at: NOW + 9_000 };
    let changes = vec![
        Change::Agent { agent_id, exception: exception(Standing::Suspended) },
        keys(5),
        Change::Agent { agent_id, exception: exception(Standing::Gone) },
        keys(6),
    ];
    let mut node = node();
    node.apply(Batch { to: 7, changes, ..next() }, NOW_MS).unwrap();
    assert_eq!(node.exceptions.agent(agent_id).unwrap().standing, Standing::Gone);
    assert!(node.keys.find("key-6").is_some() && node.keys.find("key-5").is_none());
}

#[test]
fn extreme_numbers_are_refused_or_taken_but_never_overflow() {
    for (from, to, issued_at, expires_at) in [
        (u64::MAX, 0, u64::MAX, u64::MAX),
        (3, u64::MAX, NOW_MS, u64::MAX),
        (3, 0, NOW_MS, u64::MAX),
        (0, u64::MAX, NOW_MS, u64::MAX),
        (3, 4, 0, u64::MAX),
    ] {
        for now in [0, NOW_MS, u64::MAX - 1, u64::MAX] {
            let _ = node().apply(Batch { from, to, issued_at, expires_at, ..next() }, now);
        }
    }
}
