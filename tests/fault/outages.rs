//! The feed does not arrive, or late, or seldom.

use std::time::Duration;

use agentidp_tests::meddler::Fault;

use crate::scene::{MAX_STALENESS, STALE, STALE_IF_ERROR, Scene, TOO_OLD, USUAL, seconds};
use crate::table::Table;

const A_WHILE: Duration = Duration::from_secs(10);

pub async fn rows(table: &mut Table, scene: &Scene) {
    let mut row =
        Table::row("control plane, for a moment", "every request of the feed answers 500", USUAL.text());
    scene.set_feed(&Fault::Status(500));
    scene.watch(&mut row, 20, USUAL).await;
    table.add(row);

    let mut row =
        Table::row("control plane, past maxStaleness", "the same, longer (maxStaleness 5 s)", STALE.text());
    scene.until(&mut row, "writer", "503", MAX_STALENESS + A_WHILE).await;
    scene.watch(&mut row, 30, STALE).await;
    row.count("ready", &scene.api.get("/health/ready").await.json()["status"].to_string(), &["\"stale\""]);
    table.add(row);

    let mut row = Table::row(
        "control plane, past staleIfError",
        "the same, longer (staleIfError 14 s)",
        TOO_OLD.text(),
    );
    scene.until(&mut row, "reader", "503", STALE_IF_ERROR + A_WHILE).await;
    scene.watch(&mut row, 30, TOO_OLD).await;
    row.count("ready", &scene.api.get("/health/ready").await.status.to_string(), &["503"]);
    row.count("live", &scene.api.get("/health/live").await.status.to_string(), &["200"]);
    row.count("no token", &scene.api.get("/verify").await.status.to_string(), &["401"]);
    scene.recover().await;
    table.add(row);

    for (name, injected, fault) in [
        ("control plane, silent", "the feed is taken and never answered", Fault::Silence),
        (
            "network, slow",
            "every answer of the feed takes 1.5 s more",
            Fault::Delay(Duration::from_millis(1_500)),
        ),
        ("network, lossy", "of three requests of the feed one arrives", Fault::OneOf(3)),
    ] {
        let mut row =
            Table::row(name, injected, format!("{}; revoked meanwhile 401 soon after", USUAL.text()));
        scene.set_feed(&fault);
        scene.watch(&mut row, 15, USUAL).await;
        let token = scene.revoke_one().await;
        if matches!(fault, Fault::Silence) {
            scene.set_feed(&Fault::None);
        }
        let refused = scene.refused_after(&token, A_WHILE).await;
        row.check(refused.is_some(), format!("revoked meanwhile 401 after {}", seconds(refused)));
        scene.recover().await;
        table.add(row);
    }

    let mut row = Table::row(
        "an unknown kid",
        "400 tokens of a key nobody knows",
        "401; at most one refresh in 10 s for all",
    );
    let unknown = scene.api.with_token(&scene.of_unknown_key());
    scene.watch(&mut row, 3, USUAL).await;
    // Whoever asks, the feed is asked for about once a second; what unknown keys cause comes on top.
    let (asked, started) = (scene.pull.asked(), std::time::Instant::now());
    for _ in 0..400 {
        row.count("unknown kid", &unknown.get("/verify").await.status.to_string(), &["401"]);
    }
    let (asked, took) = (scene.pull.asked() - asked, started.elapsed());
    let usual = usize::try_from(2 * took.as_secs()).unwrap() + 4;
    row.check(asked <= usual, format!("feed asked {asked} times in {took:.1?}"));
    table.add(row);
}
