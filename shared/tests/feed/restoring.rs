//! What an edge kept itself, and takes up again after a restart.

use agentidp_shared::feed::{BATCH_LIFETIME_MS, Batch, Change, FeedError};
use agentidp_shared::jwk::{InvalidKey, Jwk};
use agentidp_shared::state::State;

use crate::model::*;
use crate::support::*;

/// Long after every batch below has expired.
const MUCH_LATER: u64 = NOW_MS + 20 * BATCH_LIFETIME_MS;

fn snapshot() -> Batch {
    Log::new().snapshot(NOW_MS)
}

/// Change 4: one revocation, signed a second after the snapshot.
fn next() -> Batch {
    let mut log = Log::new();
    log.changes.push(Change::TokenRevoked { jti: TOKEN_ID.parse().unwrap(), expires_at: NOW + 3_500 });
    log.changes_after(3, NOW_MS + 1_000)
}

#[test]
fn what_was_kept_is_taken_up_after_its_lifetime_and_is_as_old_as_it_is() {
    assert_eq!(State::from_snapshot(snapshot(), MUCH_LATER, hasher()).err(), Some(FeedError::Expired));
    let mut node = State::restore(snapshot(), hasher()).unwrap();
    assert_eq!(node.age_ms(MUCH_LATER), MUCH_LATER - NOW_MS);
    assert_eq!(node.apply(next(), MUCH_LATER), Err(FeedError::Expired));
    node.replay(next()).unwrap();
    assert_eq!((node.sequence(), node.exceptions.len()), (4, 1));
    assert_eq!(node.age_ms(MUCH_LATER), MUCH_LATER - NOW_MS - 1_000);
}

#[test]
fn a_restored_state_goes_on_with_the_feed() {
    let mut node = State::restore(snapshot(), hasher()).unwrap();
    let fresh = Batch { issued_at: MUCH_LATER, expires_at: MUCH_LATER + BATCH_LIFETIME_MS, ..next() };
    node.apply(fresh, MUCH_LATER).unwrap();
    assert_eq!((node.sequence(), node.age_ms(MUCH_LATER)), (4, 0));
}

#[test]
fn everything_but_the_expiry_is_still_checked() {
    assert!(matches!(State::restore(next(), hasher()), Err(FeedError::Gap { .. })));
    let without_keys = Batch { changes: vec![issuer(60)], ..snapshot() };
    assert_eq!(State::restore(without_keys, hasher()).err(), Some(FeedError::Incomplete));
    for (batch, expected) in [
        (Batch { instance: instance(9), ..next() }, FeedError::OtherInstance),
        (Batch { from: 4, to: 5, ..next() }, FeedError::Gap { known: 3, from: 4 }),
        (Batch { from: 2, ..next() }, FeedError::LowerSequence { known: 3, to: 2 }),
        (Batch { to: 2, ..next() }, FeedError::LowerSequence { known: 3, to: 2 }),
        (Batch { issued_at: NOW_MS - 1, ..next() }, FeedError::Replayed),
        (Batch { to: 5, ..next() }, FeedError::WrongCount),
    ] {
        let mut node = State::restore(snapshot(), hasher()).unwrap();
        assert_eq!(node.replay(batch), Err(expected));
        assert_eq!((node.sequence(), node.issued_at_ms(), node.exceptions.len()), (3, NOW_MS, 0));
    }
}

#[test]
fn forged_key_attack_keys_from_outside_are_looked_at_before_anything_is_taken() {
    let mut jwks = KEYS.set.to_jwks();
    let identity = Jwk::ed25519(&[[1].as_slice(), &[0; 31]].concat());
    jwks.keys.push(Jwk { kid: Some("weak".into()), ..identity });
    let bad = Batch { changes: vec![Change::Keys { jwks }, issuer(60)], ..snapshot() };
    let refusal = Some(FeedError::Key(InvalidKey::Material));
    assert_eq!(State::from_snapshot(bad.clone(), NOW_MS, hasher()).err(), refusal);
    let mut node = State::from_snapshot(snapshot(), NOW_MS, hasher()).unwrap();
    assert_eq!(node.apply(bad.clone(), NOW_MS).err(), refusal);
    // Kept, it was looked at before; and verifies nothing if not.
    let restored = State::restore(bad, hasher()).unwrap();
    assert!(!restored.keys.find("weak").unwrap().verify(b"", &[[1].as_slice(), &[0; 63]].concat()));
}
