//! Something else arrives in the place of the feed. Each would make the edge forget every revocation, were it believed.

use std::sync::Arc;
use std::time::Duration;

use agentidp_shared::feed::{Batch, Change};
use agentidp_shared::jwk::JwkSet;
use agentidp_tests::meddler::{Fault, Forger};
use uuid::Uuid;

use crate::scene::{Scene, USUAL, seconds};
use crate::table::Table;

const HOUR_MS: u64 = 3_600_000;

/// A snapshot of the same moment in which nothing is revoked.
fn forget(batch: &mut Batch) {
    batch.from = 0;
    batch.to += 1_000;
    batch.changes.retain(Change::concerns_all);
}

type Spoil = fn(&mut Batch);

pub async fn rows(table: &mut Table, scene: &Scene) {
    let snapshot = scene.pull.seen().first().expect("a snapshot was taken").clone();
    let forged: [(&str, &str, bool, Spoil); 7] = [
        ("batch, of somebody else", "a snapshot without revocations, by a key nobody knows", false, forget),
        ("batch, of another instance", "the same by the right key, of another instance", true, |batch| {
            forget(batch);
            batch.instance = Uuid::from_u128(7).into();
        }),
        ("batch, expired", "the same, an hour old", true, |batch| {
            forget(batch);
            batch.issued_at -= HOUR_MS;
            batch.expires_at -= HOUR_MS;
        }),
        ("batch, of the future", "the same, signed in an hour", true, |batch| {
            forget(batch);
            batch.issued_at += HOUR_MS;
            batch.expires_at += HOUR_MS;
        }),
        ("batch, without keys", "the same, with no key in it", true, |batch| {
            forget(batch);
            batch.changes.push(Change::Keys { jwks: JwkSet::default() });
        }),
        ("batch, with a gap", "changes that begin two later", true, |batch| {
            batch.from += 2;
            batch.to += 2;
        }),
        ("batch, that lost a change", "changes that number one more than there are", true, |batch| {
            batch.to += 1;
        }),
    ];
    for (name, injected, with_key, change) in forged {
        // Each on top of the snapshot, whose keys and issuer are the right ones.
        let (forger, base) = (with_key_or_not(scene, with_key), snapshot.clone());
        let is_snapshot = !matches!(name, "batch, with a gap" | "batch, that lost a change");
        let replace = move |sent: &str| {
            if is_snapshot {
                let now = moment_of(&forger, sent);
                forger.forge(&base, |batch| {
                    (batch.issued_at, batch.expires_at, batch.to) = now;
                    change(batch);
                })
            } else {
                // Whoever holds the key and counts right in a snapshot is the control plane.
                forger.forge(sent, |batch| {
                    if !batch.is_snapshot() {
                        change(batch);
                    }
                })
            }
        };
        row(table, scene, name, injected, Fault::Replace(Arc::new(replace))).await;
    }

    let altered = |sent: &str| {
        let mut bytes = sent.to_owned().into_bytes();
        let middle = bytes.len() / 2;
        bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    row(table, scene, "batch, altered", "one character of it is another", Fault::Replace(Arc::new(altered)))
        .await;
    let old = move |_: &str| snapshot.clone();
    row(
        table,
        scene,
        "batch, played again",
        "the first snapshot again and again",
        Fault::Replace(Arc::new(old)),
    )
    .await;
    let seen = scene.pull.seen();
    let late = std::sync::Mutex::new(seen);
    let reordered = move |sent: &str| {
        let mut held = late.lock().unwrap();
        held.push(sent.to_owned());
        held.remove(0)
    };
    row(
        table,
        scene,
        "batches, out of order",
        "each batch long after those that follow it",
        Fault::Replace(Arc::new(reordered)),
    )
    .await;
    row(
        table,
        scene,
        "batch, not one",
        "a page of HTML",
        Fault::Replace(Arc::new(|_| "<html></html>".to_owned())),
    )
    .await;
}

fn with_key_or_not(scene: &Scene, with_key: bool) -> Forger {
    if with_key { Forger::with_key_of(&scene.control_plane) } else { scene.forger.without_key() }
}

/// When a batch was signed, until when it is good, and where it ends.
fn moment_of(forger: &Forger, sealed: &str) -> (u64, u64, u64) {
    let mut moment = (0, 0, 0);
    forger.forge(sealed, |batch| moment = (batch.issued_at, batch.expires_at, batch.to));
    moment
}

async fn row(table: &mut Table, scene: &Scene, name: &'static str, injected: &'static str, fault: Fault) {
    let expected = format!("{}; nothing of it is believed", USUAL.text());
    let mut row = Table::row(name, injected, expected);
    let before = scene.sequence().await;
    scene.set_feed(&fault);
    let token = scene.revoke_one().await;
    scene.watch(&mut row, 18, USUAL).await;
    let during = scene.sequence().await;
    // A push that went through before the fault was set may still count.
    row.check((before..before + 10).contains(&during), format!("sequence {before} → {during}"));
    scene.set_feed(&Fault::None);
    let refused = scene.refused_after(&token, Duration::from_secs(8)).await;
    row.check(refused.is_some(), format!("revoked meanwhile 401 {} after the fault", seconds(refused)));
    scene.recover().await;
    table.add(row);
}
