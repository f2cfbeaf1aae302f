//! The real edge, on the host that is tested: the built worker in workerd, or the built component in a host with Spin's interfaces.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::environment::Host;
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

    /// Starts one in whose platform faults can be set, without waiting for knowledge.
    pub fn start_faulty(port: u16, control_plane: &ControlPlane, origin: &str) -> Self {
        let mut command = Self::command(port, control_plane, origin, &Value::Null);
        match environment::edge_host() {
            Host::Cloudflare => {
                command.arg("--around").arg(environment::root().join("tests/fault/worker.mjs"))
            }
            Host::Spin => command.args(["--faults", "127.0.0.1:0"]),
        };
        let log = control_plane.folder().path().join("edge.log");
        Self { process: Process::start("the edge", command, log), port }
    }

    /// Sets faults in the platform; which there are is for the host to say.
    pub async fn set_faults(&self, faults: &Value) {
        let at = match self.process.ready["faultsUrl"].as_str() {
            Some(url) => format!("{url}/"),
            None => format!("{}/.faults", self.url()),
        };
        Api::new(&at).json("PUT", "", faults).await.expect(204);
    }

    fn launch(port: u16, control_plane: &ControlPlane, origin: &str, upstreams: &Value) -> Self {
        let command = Self::command(port, control_plane, origin, upstreams);
        let log = control_plane.folder().path().join("edge.log");
        Self { process: Process::start("the edge", command, log), port }
    }

    fn command(port: u16, control_plane: &ControlPlane, origin: &str, upstreams: &Value) -> Command {
        match environment::edge_host() {
            Host::Cloudflare => Self::on_cloudflare(port, control_plane, origin, upstreams),
            Host::Spin => Self::on_spin(port, control_plane, origin, upstreams),
        }
    }

    fn on_cloudflare(port: u16, control_plane: &ControlPlane, origin: &str, upstreams: &Value) -> Command {
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
        command
    }

    fn on_spin(port: u16, control_plane: &ControlPlane, origin: &str, upstreams: &Value) -> Command {
        let folder = control_plane.folder().path();
        // As an operator does who lets the gateway reach an API.
        let manifest = fs::read_to_string(environment::root().join("spin.toml")).unwrap();
        let manifest =
            manifest.replace(r#"["{{ origin_url }}"]"#, r#"["{{ origin_url }}", "http://127.0.0.1:*"]"#);
        fs::write(folder.join("spin.toml"), manifest).unwrap();
        let mut command = Command::new(environment::spin_host());
        command
            .current_dir(environment::root())
            .arg("--manifest")
            .arg(folder.join("spin.toml"))
            .arg("--component")
            .arg(environment::spin_component())
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .arg("--store")
            .arg(folder.join("store.sqlite"))
            .arg("--cache")
            .arg(environment::spin_cache())
            .arg("--variable-file")
            .arg(format!("edge_key={}", control_plane.edge_key_file().display()));
        let upstreams = if upstreams.is_null() { String::new() } else { upstreams.to_string() };
        for (name, value) in [
            ("issuer", control_plane.issuer()),
            ("origin_url", origin),
            ("edge_name", control_plane.edge_name()),
            ("feed_public_keys", &control_plane.feed_public_keys()),
            ("upstreams", &upstreams),
        ] {
            command.args(["--variable", &format!("{name}={value}")]);
        }
        command
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
