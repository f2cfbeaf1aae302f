//! One running stack: `agentidp dev` (control plane and its private PostgreSQL) and the edge on one of its hosts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::record::{Origin, Record};
use crate::demo::http;
use crate::host::{Edge, Settings};
use crate::process::Service;
use crate::{paths, ports, signals, ui};

/// The first start creates a database cluster; a busy machine takes its time.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// More than the control plane gives its own requests to finish.
const STOP_WITHIN: Duration = Duration::from_secs(25);

/// The programs a stack is made of.
#[derive(Debug, Clone)]
pub struct Programs {
    pub agentidp: PathBuf,
    pub edge: Edge,
    /// Folder with `initdb`; absent when `DATABASE_URL` is used.
    pub postgres: Option<PathBuf>,
}

/// Loopback ports, all chosen.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    edge: u16,
    control_plane: u16,
    metrics: u16,
}

impl Ports {
    pub fn choose(edge: u16, control_plane: u16, metrics: u16) -> Result<Self> {
        Ok(Self {
            edge: ports::choose(edge, "edge", "--port")?,
            control_plane: ports::choose(control_plane, "control plane", "--control-plane-port")?,
            metrics: ports::choose(metrics, "metrics", "--metrics-port")?,
        })
    }
}

/// The bootstrap admin's client credential.
pub struct AdminCredential {
    pub client_id: String,
    pub client_secret: String,
}

impl AdminCredential {
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let value: Value =
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
        Ok(Self { client_id: member(&value, "clientId")?, client_secret: member(&value, "clientSecret")? })
    }
}

#[derive(Debug)]
pub struct Stack {
    programs: Programs,
    ports: Ports,
    state: PathBuf,
    echo: bool,
    is_new: bool,
    ready: Ready,
    // Dropped (stopped) in this order: who asks before who answers.
    edge: Service,
    control_plane: Option<Service>,
}

/// What the control plane announced.
#[derive(Debug)]
struct Ready {
    url: String,
    metrics_url: String,
    edge_name: String,
    edge_key_file: String,
    feed_public_keys: String,
    admin_credential_file: PathBuf,
}

impl Ready {
    fn from_event(event: &Value) -> Result<Self> {
        Ok(Self {
            url: member(event, "url")?,
            metrics_url: member(event, "metricsUrl")?.trim_end_matches("/metrics").to_owned(),
            edge_name: member(event, "edgeName")?,
            edge_key_file: member(event, "edgeKeyFile")?,
            feed_public_keys: event.get("feedPublicKeys").context("no feedPublicKeys announced")?.to_string(),
            admin_credential_file: member(event, "adminCredentialFile")?.into(),
        })
    }
}

fn member(value: &Value, name: &str) -> Result<String> {
    value
        .get(name)
        .and_then(Value::as_str)
        .map(ToOwned::to_owned)
        .with_context(|| format!("`{name}` is missing"))
}

impl Stack {
    /// Starts everything and returns when the edge answers. `echo` shows the parts' own output.
    pub fn start(programs: Programs, ports: Ports, state: PathBuf, echo: bool) -> Result<Self> {
        let before = files_in(&state);
        let (control_plane, ready) = ui::step("starting PostgreSQL and the control plane", || {
            start_control_plane(&programs, ports, &state, echo)
        })?;
        let edge = ui::step("starting the edge", || start_edge(&programs, ports, &state, &ready, echo))?;
        let is_new = !before.contains(&ready.admin_credential_file);
        Ok(Self { programs, ports, state, echo, is_new, ready, edge, control_plane: Some(control_plane) })
    }

    /// Stops the control plane and its database; the edge stays.
    pub fn stop_control_plane(&mut self) -> Result<()> {
        match self.control_plane.take() {
            Some(mut service) => service.stop(STOP_WITHIN),
            None => Ok(()),
        }
    }

    /// Starts them again, at the same address, over the same data.
    pub fn start_control_plane(&mut self) -> Result<()> {
        if self.control_plane.is_none() {
            let (service, ready) = start_control_plane(&self.programs, self.ports, &self.state, self.echo)?;
            self.control_plane = Some(service);
            self.ready = ready;
        }
        Ok(())
    }

    /// An error when a part has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        self.edge.check()?;
        self.control_plane.as_mut().map_or(Ok(()), Service::check)
    }

    /// Stops everything, the edge first.
    pub fn stop(mut self) -> Result<()> {
        self.edge.stop(STOP_WITHIN)?;
        self.stop_control_plane()
    }

    pub fn edge_url(&self) -> String {
        edge_url(self.ports)
    }

    pub fn control_plane_url(&self) -> &str {
        &self.ready.url
    }

    pub fn metrics_url(&self) -> &str {
        &self.ready.metrics_url
    }

    pub fn admin_credential_file(&self) -> &Path {
        &self.ready.admin_credential_file
    }

    pub fn admin_credential(&self) -> Result<AdminCredential> {
        AdminCredential::read(self.admin_credential_file())
    }

    /// Whether this start created the admin credential.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The folder with its data.
    pub fn state(&self) -> &Path {
        &self.state
    }

    pub fn record(&self) -> Record {
        Record {
            pid: nix::unistd::getpid().as_raw(),
            edge_url: self.edge_url(),
            control_plane_url: self.ready.url.clone(),
            metrics_url: self.ready.metrics_url.clone(),
            admin_credential_file: self.ready.admin_credential_file.clone(),
            control_plane: if self.control_plane.is_some() { Origin::Running } else { Origin::Stopped },
        }
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn edge_url(ports: Ports) -> String {
    format!("http://127.0.0.1:{}", ports.edge)
}

fn start_control_plane(
    programs: &Programs,
    ports: Ports,
    state: &Path,
    echo: bool,
) -> Result<(Service, Ready)> {
    let mut command = Command::new(&programs.agentidp);
    command
        .current_dir(paths::root())
        .args(["dev", "--announce-json"])
        .args(["--port", &ports.control_plane.to_string()])
        .args(["--metrics-port", &ports.metrics.to_string()])
        .arg("--state-dir")
        .arg(state)
        .args(["--issuer", &edge_url(ports)])
        .args(["--edge-push-url", &format!("{}/edge/v1/push", edge_url(ports))]);
    if let Some(postgres) = &programs.postgres {
        command.env("AGENTIDP_POSTGRES_BIN", postgres);
    }
    let mut service = Service::start("control plane", &command, echo)?;
    let event = service.wait_ready(READY_WITHIN)?;
    let ready = Ready::from_event(&event).context("the control plane announced something unexpected")?;
    Ok((service, ready))
}

fn start_edge(programs: &Programs, ports: Ports, state: &Path, ready: &Ready, echo: bool) -> Result<Service> {
    let folder = state.join("edge");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let command = programs.edge.command(&Settings {
        port: ports.edge,
        origin: &ready.url,
        issuer: &edge_url(ports),
        feed_public_keys: &ready.feed_public_keys,
        edge_name: &ready.edge_name,
        edge_key_file: &ready.edge_key_file,
        folder: &folder,
    });
    let mut service = Service::start("edge", &command, echo)?;
    service.wait_ready(READY_WITHIN)?;
    let deadline = Instant::now() + READY_WITHIN;
    while !http::is_ready(&edge_url(ports)) {
        service.check()?;
        if signals::stop_requested() {
            bail!("stopped");
        }
        if Instant::now() > deadline {
            bail!("the edge runs but has no state from the control plane after {}", ui::human(READY_WITHIN));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(service)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_announcement_is_read_in_full_or_the_missing_member_is_named() {
        let event = json!({
            "event": "ready", "url": "http://127.0.0.1:8080", "metricsUrl": "http://127.0.0.1:9464/metrics",
            "edgeName": "dev", "edgeKeyFile": "/k", "feedPublicKeys": {"keys": []}, "adminCredentialFile": "/a",
        });
        let ready = Ready::from_event(&event).unwrap();
        assert_eq!(ready.metrics_url, "http://127.0.0.1:9464");
        assert_eq!(ready.feed_public_keys, r#"{"keys":[]}"#);
        let mut lacking = event;
        lacking.as_object_mut().unwrap().remove("edgeName");
        assert!(Ready::from_event(&lacking).unwrap_err().to_string().contains("edgeName"));
    }
}
