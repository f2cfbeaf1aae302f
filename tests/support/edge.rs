//! The real edge, on the host that is tested: the built worker in workerd, or the built component in a host with Spin's interfaces.

use std::fs;
use std::path::PathBuf;
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

/// How an edge is started.
#[derive(Debug)]
pub struct Setting<'a> {
    pub host: Host,
    pub port: u16,
    /// Its name at its control plane, and the file with the key that proves it.
    pub name: String,
    pub key_file: PathBuf,
    pub control_plane: &'a ControlPlane,
    /// Where it reaches its control plane.
    pub origin: &'a str,
    /// The APIs behind its gateway, if there are any.
    pub upstreams: Value,
    /// Whether faults can be set in its platform.
    pub is_faulty: bool,
    /// The checkout of another version whose built worker is run; on Cloudflare only.
    pub checkout: Option<PathBuf>,
}

impl<'a> Setting<'a> {
    /// The control plane's own edge, on the host that is tested.
    pub fn new(port: u16, control_plane: &'a ControlPlane, origin: &'a str) -> Self {
        Self {
            host: environment::edge_host(),
            port,
            name: control_plane.edge_name().to_owned(),
            key_file: control_plane.edge_key_file(),
            control_plane,
            origin,
            upstreams: Value::Null,
            is_faulty: false,
            checkout: None,
        }
    }

    /// A file or folder of this edge.
    fn own(&self, name: &str) -> PathBuf {
        self.control_plane.of_edge(&self.name, name)
    }
}

impl Edge {
    /// Starts at `port` in front of `control_plane`, which it reaches at `origin`, and waits for its first knowledge.
    pub async fn start(port: u16, control_plane: &ControlPlane, origin: &str) -> Self {
        Self::start_with(Setting::new(port, control_plane, origin)).await
    }

    pub async fn start_with(setting: Setting<'_>) -> Self {
        let edge = Self::launch(&setting);
        let api = Api::new(&edge.url());
        eventually("the edge has state", Duration::from_mins(1), || async {
            api.get("/health/ready").await.is(200).then_some(())
        })
        .await;
        edge
    }

    /// Starts without waiting for knowledge.
    pub fn start_unready(port: u16, control_plane: &ControlPlane, origin: &str) -> Self {
        Self::launch(&Setting::new(port, control_plane, origin))
    }

    /// Starts one in whose platform faults can be set, without waiting for knowledge.
    pub fn start_faulty(port: u16, control_plane: &ControlPlane, origin: &str) -> Self {
        Self::launch(&Setting { is_faulty: true, ..Setting::new(port, control_plane, origin) })
    }

    /// Of its first process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sets faults in the platform; which there are is for the host to say.
    pub async fn set_faults(&self, faults: &Value) {
        let at = match self.process.ready["faultsUrl"].as_str() {
            Some(url) => format!("{url}/"),
            None => format!("{}/.faults", self.url()),
        };
        Api::new(&at).json("PUT", "", faults).await.expect(204);
    }

    fn launch(setting: &Setting<'_>) -> Self {
        let mut command = match setting.host {
            Host::Cloudflare => Self::on_cloudflare(setting),
            Host::Spin => Self::on_spin(setting),
        };
        match setting.host {
            Host::Cloudflare if setting.is_faulty => {
                command.arg("--around").arg(environment::root().join("tests/fault/worker.mjs"));
            }
            Host::Spin if setting.is_faulty => {
                command.args(["--faults", "127.0.0.1:0"]);
            }
            _ => {}
        }
        Self { process: Process::start("the edge", command, setting.own("edge.log")), port: setting.port }
    }

    fn on_cloudflare(setting: &Setting<'_>) -> Command {
        let control_plane = setting.control_plane;
        let mut command = Command::new(environment::node());
        command
            .current_dir(setting.checkout.clone().unwrap_or_else(environment::root))
            .arg(match &setting.checkout {
                Some(checkout) => checkout.join("edge/cloudflare/dev.mjs"),
                None => environment::edge_dev(),
            })
            .args(["--port", &setting.port.to_string()])
            .args(["--origin", setting.origin])
            .args(["--issuer", control_plane.issuer()])
            .args(["--feed-public-keys", &control_plane.feed_public_keys()])
            .args(["--edge-name", &setting.name])
            .arg("--edge-key-file")
            .arg(&setting.key_file)
            .arg("--persist")
            .arg(setting.own("workerd"));
        if !setting.upstreams.is_null() {
            let file = setting.own("upstreams.json");
            fs::write(&file, setting.upstreams.to_string()).unwrap();
            command.arg("--upstreams-file").arg(file);
        }
        command
    }

    fn on_spin(setting: &Setting<'_>) -> Command {
        let control_plane = setting.control_plane;
        // As an operator does who lets the gateway reach an API.
        let manifest = fs::read_to_string(environment::root().join("spin.toml")).unwrap();
        let manifest =
            manifest.replace(r#"["{{ origin_url }}"]"#, r#"["{{ origin_url }}", "http://127.0.0.1:*"]"#);
        fs::write(setting.own("spin.toml"), manifest).unwrap();
        let mut command = Command::new(environment::spin_host());
        command
            .current_dir(environment::root())
            .arg("--manifest")
            .arg(setting.own("spin.toml"))
            .arg("--component")
            .arg(environment::spin_component())
            .args(["--listen", &format!("127.0.0.1:{}", setting.port)])
            .arg("--store")
            .arg(setting.own("store.sqlite"))
            .arg("--cache")
            .arg(environment::spin_cache())
            .arg("--variable-file")
            .arg(format!("edge_key={}", setting.key_file.display()));
        let upstreams =
            if setting.upstreams.is_null() { String::new() } else { setting.upstreams.to_string() };
        for (name, value) in [
            ("issuer", control_plane.issuer()),
            ("origin_url", setting.origin),
            ("edge_name", &setting.name),
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
