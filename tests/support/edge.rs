//! The real edge: the built worker in workerd. Another host would be started here, and nothing else would change.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::process::Process;
use crate::{Api, ControlPlane, environment, eventually};

#[derive(Debug)]
pub struct Edge {
    process: Process,
    port: u16,
}

impl Edge {
    /// Starts at `port` in front of `control_plane`, which it reaches at `origin`, and waits for its first knowledge.
    pub async fn start(port: u16, control_plane: &ControlPlane, origin: &str) -> Self {
        Self::start_in_front_of(port, control_plane, origin, &Value::Null).await
    }

    /// The same with `upstreams` behind its gateway.
    pub async fn start_in_front_of(
        port: u16,
        control_plane: &ControlPlane,
        origin: &str,
        upstreams: &Value,
    ) -> Self {
        let edge = Self::launch(port, control_plane, origin, upstreams);
        let api = Api::new(&edge.url());
        eventually("the edge has state", Duration::from_mins(1), || async {
            api.get("/health/ready").await.is(200).then_some(())
        })
        .await;
        edge
    }

    /// Starts without waiting for knowledge.
    pub fn start_unready(port: u16, control_plane: &ControlPlane, origin: &str) -> Self {
        Self::launch(port, control_plane, origin, &Value::Null)
    }

    fn launch(port: u16, control_plane: &ControlPlane, origin: &str, upstreams: &Value) -> Self {
        let mut command = Command::new(environment::node());
        command
            .current_dir(environment::root())
            .arg(environment::edge_dev())
            .args(["--port", &port.to_string()])
            .args(["--origin", origin])
            .args(["--issuer", control_plane.issuer()])
            .args(["--feed-public-keys", &control_plane.feed_public_keys()])
            .args(["--edge-name", control_plane.edge_name()])
            .arg("--edge-key-file")
            .arg(control_plane.edge_key_file())
            .arg("--persist")
            .arg(control_plane.folder().path().join("edge"));
        if !upstreams.is_null() {
            let file = control_plane.folder().path().join("upstreams.json");
            fs::write(&file, upstreams.to_string()).unwrap();
            command.arg("--upstreams-file").arg(file);
        }
        let log = control_plane.folder().path().join("edge.log");
        Self { process: Process::start("the edge", command, log), port }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn stop(&mut self) {
        self.process.stop();
    }

    pub fn log(&self) -> String {
        self.process.log()
    }
}
