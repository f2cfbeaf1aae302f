//! What an edge of the first version left in a store that one of today uses.

use agentidp_edge_core::host::Store as _;
use futures_util::FutureExt as _;
use http::Method;
use serde_json::json;

use crate::store::Stored;
use crate::support::*;

const OF_AN_OLDER_EDGE: [&str; 3] = ["head", "contact", "shard/3/1/0000000000000001"];

/// An edge that has taken over from one of 0.1.0, of which the store still has these keys.
fn upgraded(keys: &[&str]) -> Stored {
    let edge = Stored::new();
    use_older(&edge, keys);
    assert_eq!(edge.verify(&token()), 200);
    edge
}

/// What instances of 0.1.0 write when they follow the feed.
fn use_older(edge: &Stored, keys: &[&str]) {
    let now_ms = edge.host.now_ms.get();
    let entries = keys.iter().map(|key| {
        let value = match *key {
            "head" => json!({ "sequence": 3, "issuedAt": now_ms }),
            "contact" => json!({ "askedAt": now_ms, "answeredAt": now_ms }),
            _ => json!([]),
        };
        ((*key).to_owned(), value.to_string().into_bytes())
    });
    edge.host.instances.set(entries.collect()).now_or_never().unwrap().unwrap();
}

fn held_of(edge: &Stored, keys: &[&str]) -> usize {
    keys.iter().filter(|key| edge.host.instances.value(key).is_some()).count()
}

#[test]
fn an_older_edges_store_is_left_alone_until_nobody_uses_it() {
    let minutes = 60_000;
    let edge = upgraded(&OF_AN_OLDER_EDGE);
    // A healthy edge, which never takes a snapshot again.
    edge.host.origin_asked.take();
    let pass = |milliseconds| {
        edge.host.pass(milliseconds);
        edge.send(request(Method::GET, "/health/ready"));
    };
    pass(50 * minutes);
    use_older(&edge, &OF_AN_OLDER_EDGE);
    pass(50 * minutes);
    assert_eq!(held_of(&edge, &OF_AN_OLDER_EDGE), 3);
    pass(61 * minutes);
    assert_eq!(held_of(&edge, &OF_AN_OLDER_EDGE), 0);
    assert!(edge.host.origin_asked.take().iter().all(|asked| asked.uri().path() != "/edge/v1/snapshot"));
    assert_eq!(edge.verify(&token()), 200);
}

#[test]
fn what_an_older_edge_left_without_its_head_is_deleted_too() {
    let keys = ["contact", "shard/3/1/0000000000000001"];
    let edge = upgraded(&keys);
    assert_eq!(held_of(&edge, &keys), 2);
    edge.host.pass(61 * 60_000);
    edge.send(request(Method::GET, "/health/ready"));
    assert_eq!(held_of(&edge, &keys), 0);
}

#[test]
fn a_store_is_searched_for_what_is_out_of_use_once_an_hour() {
    let edge = upgraded(&[]);
    let orphan = ["shard-2/1/1/0000000000000001"];
    let mut deleted_after = Vec::new();
    for minute in 1..=3 * 60 {
        use_older(&edge, &orphan);
        edge.host.pass(60_000);
        edge.send(request(Method::GET, "/health/ready"));
        if held_of(&edge, &orphan) == 0 {
            deleted_after.push(minute);
        }
    }
    assert_eq!(deleted_after, [60, 120, 180]);
}
