//! What a hub keeps, and what it puts where cold nodes find it.

use agentidp_edge_core::host::OriginError;

use crate::hub::Region;
use crate::support::*;

/// The same storage, another process, and nobody to ask.
pub fn restarted(region: &Region) -> Region {
    let host = TestHost::new();
    host.now_ms.set(region.host.now_ms.get());
    host.kept.borrow_mut().clone_from(&region.host.kept.borrow());
    host.kept_beside.borrow_mut().clone_from(&region.host.kept_beside.borrow());
    host.generation.set(region.host.generation.get());
    host.answer_with(|_| Err(OriginError::Unreachable));
    Region::on(host)
}

#[test]
fn what_was_accepted_survives_a_restart_long_after_its_lifetime() {
    let region = Region::following(&Feed::new());
    region.newer(None);
    let feed = Feed::new().with(Feed::revocation(TOKEN_ID));
    region.take(&feed.after(3, NOW_MS + 1));
    region.host.pass(7_200_000);
    let again = restarted(&region);
    assert_eq!(again.leads_to(), "4");
    // And it goes on from there.
    again.serve(&feed.with(Feed::keys(&[1, 2])));
    again.host.pass(5_000);
    assert_eq!(again.leads_to(), "5");
    assert!(!again.asked().contains(&"/edge/v1/snapshot".to_owned()));
}

#[test]
fn that_there_was_nothing_new_is_kept_now_and_then() {
    let region = Region::following(&Feed::new());
    region.newer(None);
    let written = || region.host.kept.borrow().last().unwrap().clone();
    let first = written();
    region.host.pass(29_000);
    region.tick();
    assert_eq!(written(), first);
    region.host.pass(5_000);
    region.tick();
    assert_ne!(written(), first);
    assert_eq!(region.host.kept.borrow().len(), 2);
    // A batch takes the place of the heartbeat.
    region.take(&Feed::new().with(Feed::revocation(TOKEN_ID)).after(3, NOW_MS + 34_001));
    assert_eq!(region.host.kept.borrow().len(), 2);
    assert_eq!(restarted(&region).leads_to(), "4");
}

#[test]
fn damaged_storage_is_taken_up_as_far_as_it_is_sound() {
    let region = Region::following(&Feed::new());
    region.newer(None);
    region.take(&Feed::new().with(Feed::revocation(TOKEN_ID)).after(3, NOW_MS + 1));
    let damaged = restarted(&region);
    damaged.host.kept.borrow_mut()[1] = "damaged".into();
    let again = restarted(&damaged);
    assert_eq!(again.leads_to(), "3");
    again.serve(&Feed::new().with(Feed::revocation(TOKEN_ID)));
    again.host.pass(5_000);
    assert_eq!(again.leads_to(), "4");
    damaged.host.kept.borrow_mut()[0] = "damaged".into();
    let again = restarted(&damaged);
    assert!(again.newer(None).is_empty());
    again.serve(&Feed::new());
    again.host.pass(5_000);
    assert_eq!(again.leads_to(), "3");
}

#[test]
fn a_cold_node_finds_everything_in_the_store_renewed_at_most_once_a_minute() {
    let region = Region::following(&Feed::new());
    let published = || region.host.store.borrow().get("snapshot").cloned();
    region.tick();
    let first = published().unwrap();
    let feed = Feed::new().with(Feed::revocation(TOKEN_ID));
    region.take(&feed.after(3, NOW_MS + 1));
    region.serve(&feed);
    assert_eq!(published().as_ref(), Some(&first));
    region.host.pass(59_999);
    region.tick();
    assert_eq!(published().as_ref(), Some(&first));
    region.host.pass(1);
    region.tick();
    let second = published().unwrap();
    assert_ne!(second, first);
    // Nothing new: only to show that it is alive.
    for _ in 0..59 {
        region.host.pass(60_000);
        region.tick();
        assert_eq!(published().as_ref(), Some(&second));
    }
    region.host.pass(60_000);
    region.tick();
    assert_ne!(published().as_ref(), Some(&second));

    let edge = Edge::cold();
    edge.host.store.borrow_mut().insert("snapshot".into(), published().unwrap());
    edge.host.now_ms.set(region.host.now_ms.get());
    assert_eq!(edge.verify(&token()), 401);
    assert_eq!(header(&edge.get("/health/ready"), "x-state-seq"), "4");
}

#[test]
fn a_feed_of_another_issuer_is_not_followed() {
    let region = Region::following(&Feed::of_issuer("https://other.example"));
    assert!(region.newer(None).is_empty());
    assert!(region.host.log.borrow().iter().any(|line| line.contains("ISSUER")));
}
