//! An edge that begins while nobody answers it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use agentidp_tests::environment::{Host, edge_host};
use agentidp_tests::meddler::Fault;
use agentidp_tests::{Edge, eventually};

use crate::scene::{NOTHING_KNOWN, Scene, USUAL};
use crate::table::Table;

pub async fn rows(table: &mut Table, scene: &mut Scene) {
    let expected = format!("{}, from what was kept", USUAL.text());
    let mut row =
        Table::row("cold start, with what was kept", "edge restarted, control plane gone", expected.clone());
    begin_anew(scene, &[]).await;
    scene.watch(&mut row, 15, USUAL).await;
    scene.recover().await;
    table.add(row);

    if edge_host() == Host::Cloudflare {
        let mut row =
            Table::row("cold start, with KV alone", "the same, and the hub's storage is lost", expected);
        // One that has just begun puts into KV at once what it knows.
        begin_again(scene).await;
        let kv = own(scene, "workerd/kv");
        eventually("KV holds a snapshot", Duration::from_secs(15), async || {
            scene.reader().get("/verify").await;
            has_files(&kv).then_some(())
        })
        .await;
        begin_anew(scene, &["workerd/hub"]).await;
        scene.watch(&mut row, 15, USUAL).await;
        scene.recover().await;
        table.add(row);
    }

    let mut row =
        Table::row("cold start, with nothing", "the same, and everything kept is lost", NOTHING_KNOWN.text());
    begin_anew(scene, &["workerd", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm"]).await;
    scene.watch(&mut row, 15, NOTHING_KNOWN).await;
    for path in
        ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/health/ready", "/api/v1/agents"]
    {
        row.count("everything else", &scene.api.get(path).await.status.to_string(), &["503"]);
    }
    row.count("live", &scene.api.get("/health/live").await.status.to_string(), &["200"]);
    scene.recover().await;
    table.add(row);
}

/// A file or folder of the edge.
fn own(scene: &Scene, name: &str) -> PathBuf {
    scene.control_plane.of_edge(scene.control_plane.edge_name(), name)
}

/// Ends the edge, loses some of what it kept, and starts it while the feed cannot be had.
async fn begin_anew(scene: &mut Scene, lost: &[&str]) {
    scene.set_feed(&Fault::Status(500));
    scene.edge.stop();
    for name in lost {
        let path = own(scene, name);
        let _ = fs::remove_dir_all(&path);
        let _ = fs::remove_file(&path);
    }
    start(scene).await;
}

/// Restarts the edge with nothing kept and everything at hand.
async fn begin_again(scene: &mut Scene) {
    scene.edge.stop();
    let _ = fs::remove_dir_all(own(scene, "workerd"));
    start(scene).await;
    scene.recover().await;
}

async fn start(scene: &mut Scene) {
    scene.edge = Edge::start_faulty(scene.port, &scene.control_plane, scene.pull.url());
    eventually("it answers at all", Duration::from_secs(10), async || {
        scene.api.try_send(scene.api.request("GET", "/health/live")).await?.is(200).then_some(())
    })
    .await;
}

fn has_files(folder: &PathBuf) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            path.ends_with("blobs") && path.read_dir().is_ok_and(|mut blobs| blobs.next().is_some())
                || has_files(&path)
        } else {
            false
        }
    })
}
