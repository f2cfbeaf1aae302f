//! The real `agentidp` binary.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use agentidp_shared::edge_keys::EdgeKeys;
use serde_json::Value;

use crate::database::Database;
use crate::process::{Folder, Process, free_port};
use crate::{Api, Tenant, environment, secrets};

const NAME: &str = "the control plane";

/// A control plane on a database of its own.
#[derive(Debug)]
pub struct ControlPlane {
    // Ended before its folder and its database go.
    process: Process,
    port: u16,
    metrics_port: u16,
    issuer: String,
    settings: Settings,
    folder: Folder,
    pub database: Database,
    /// Besides the one at the issuer's address.
    other_edges: Vec<OtherEdge>,
}

/// An edge that this control plane lets in by a name and a key of its own, and pushes to.
#[derive(Debug, Clone)]
pub struct OtherEdge {
    pub name: &'static str,
    pub url: String,
    key: String,
}

impl OtherEdge {
    pub fn new(name: &'static str, url: String) -> Self {
        let key = format!("{}{}{}", crate::unique(), crate::unique(), crate::unique());
        secrets::register("edge-key", &key);
        Self { name, url, key }
    }
}

/// Variables of the environment, over what tests usually set.
pub type Settings = Vec<(&'static str, String)>;

impl ControlPlane {
    /// One without an edge: it is its own issuer.
    pub fn start() -> Self {
        let port = free_port();
        Self::start_at(port, format!("http://127.0.0.1:{port}"), Settings::new(), Vec::new())
    }

    /// The same with some settings.
    pub fn start_with(settings: Settings) -> Self {
        let port = free_port();
        Self::start_at(port, format!("http://127.0.0.1:{port}"), settings, Vec::new())
    }

    /// One without an edge, on a database that was made for it.
    pub fn start_on(database: Database, settings: Settings) -> Self {
        let port = free_port();
        Self::start_over(database, port, format!("http://127.0.0.1:{port}"), settings, Vec::new())
    }

    /// One whose public address is `issuer`, an edge that will be started later.
    pub fn start_behind(issuer: String) -> Self {
        Self::start_behind_with(issuer, Settings::new())
    }

    /// The same with some settings.
    pub fn start_behind_with(issuer: String, settings: Settings) -> Self {
        Self::start_at(free_port(), issuer, settings, Vec::new())
    }

    /// One with other edges besides.
    pub fn start_behind_several(issuer: String, other_edges: Vec<OtherEdge>) -> Self {
        Self::start_at(free_port(), issuer, Settings::new(), other_edges)
    }

    fn start_at(port: u16, issuer: String, settings: Settings, other_edges: Vec<OtherEdge>) -> Self {
        Self::start_over(Database::create(), port, issuer, settings, other_edges)
    }

    fn start_over(
        database: Database,
        port: u16,
        issuer: String,
        settings: Settings,
        other_edges: Vec<OtherEdge>,
    ) -> Self {
        let (folder, metrics_port) = (Folder::new(), free_port());
        for edge in &other_edges {
            std::fs::write(key_file_of(edge.name, &folder), &edge.key).unwrap();
        }
        let command = command(port, metrics_port, &issuer, &settings, &folder, &database, &other_edges);
        let process = launch(command, &folder);
        Self { process, port, metrics_port, issuer, settings, folder, database, other_edges }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.metrics_port)
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// A file or folder of an edge of this control plane.
    pub fn of_edge(&self, edge: &str, name: &str) -> PathBuf {
        self.folder.path().join(format!("{edge}-{name}"))
    }

    pub fn feed_public_keys(&self) -> String {
        self.process.ready["feedPublicKeys"].to_string()
    }

    pub fn edge_name(&self) -> &str {
        self.process.ready("edgeName")
    }

    pub fn edge_key_file(&self) -> PathBuf {
        self.process.ready("edgeKeyFile").into()
    }

    /// The file with the key of another edge.
    pub fn key_file_of(&self, edge: &str) -> PathBuf {
        key_file_of(edge, &self.folder)
    }

    pub fn edge_key(&self) -> String {
        std::fs::read_to_string(self.edge_key_file()).unwrap().trim().to_owned()
    }

    /// What its own edge shows and asks: the keys derived from its secret.
    pub fn edge_keys(&self) -> EdgeKeys {
        EdgeKeys::derive(&self.edge_key())
    }

    /// What its own edge asks of whoever reads the edge's metrics.
    pub fn metrics_key(&self) -> String {
        self.edge_keys().metrics().to_owned()
    }

    /// The bootstrap admin's `{organizationId, agentId, clientId, clientSecret}`.
    pub fn admin_credential(&self) -> Value {
        let text = std::fs::read_to_string(self.process.ready("adminCredentialFile")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The platform's own organization, with its admin logged in.
    pub async fn platform(&self) -> Tenant {
        Tenant::log_in(&Api::new(&self.url()), &self.admin_credential()).await
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// As by `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// The same with other settings from now on.
    pub fn start_again_with(&mut self, settings: Settings) {
        self.settings = settings;
        self.start_again();
    }

    /// Runs another command of the binary with what this control plane runs with, but these settings instead of its own, and
    /// waits for its end. `dev` is the only one that makes keys by itself; others are given those, unless they use Vault.
    pub fn run(&self, arguments: &[&str], settings: &Settings) -> Output {
        let state = self.folder.path().join("state");
        let mut command = Command::new(environment::agentidp());
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("AGENTIDP_ENV", "development")
            .env("AGENTIDP_ISSUER", &self.issuer)
            .env("DATABASE_URL", self.database.url())
            .env("AGENTIDP_FEED_KEY_FILE", state.join("feed-key.pem"))
            .env("AGENTIDP_LOG_FORMAT", "json");
        forget_vault(&mut command);
        let key = state.join("keystore-key");
        if key.is_file() && !settings.iter().any(|(name, _)| *name == "VAULT_ADDR") {
            command.env("AGENTIDP_KEYSTORE_FILE", key);
        }
        let output = command.envs(settings.iter().map(|(name, value)| (name, value))).output().unwrap();
        secrets::keep_output("a command", &[&*output.stdout, &output.stderr].concat());
        output
    }

    /// Starts it again over the same database, at the same address, with nothing done in between.
    pub fn start_again(&mut self) {
        self.process.stop();
        self.process = launch(self.command(), &self.folder);
    }

    /// Starts it again, and kills it when that has gone on for so long.
    pub fn die_while_starting(&mut self, after: Duration) {
        self.process.stop();
        let mut process = Process::start_silent(NAME, self.command(), log_of(&self.folder));
        std::thread::sleep(after);
        process.kill();
    }

    fn command(&self) -> Command {
        let (issuer, settings, folder) = (&self.issuer, &self.settings, &self.folder);
        command(self.port, self.metrics_port, issuer, settings, folder, &self.database, &self.other_edges)
    }
}

/// Whoever runs the tests may use a Vault for something else.
fn forget_vault(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("VAULT_")) {
        command.env_remove(name);
    }
}

fn key_file_of(edge: &str, folder: &Folder) -> PathBuf {
    folder.path().join(format!("{edge}-key"))
}

/// Starts it, and notes the secrets it made.
fn launch(command: Command, folder: &Folder) -> Process {
    let process = Process::start(NAME, command, log_of(folder));
    secrets::register_files(&folder.path().join("state"));
    process
}

fn log_of(folder: &Folder) -> PathBuf {
    folder.path().join("control-plane.log")
}

fn command(
    port: u16,
    metrics_port: u16,
    issuer: &str,
    settings: &Settings,
    folder: &Folder,
    database: &Database,
    other_edges: &[OtherEdge],
) -> Command {
    let mut command = Command::new(environment::agentidp());
    command
        .current_dir(folder.path())
        .args(["dev", "--announce-json"])
        .args(["--port", &port.to_string()])
        .args(["--metrics-port", &metrics_port.to_string()])
        .arg("--state-dir")
        .arg(folder.path().join("state"))
        .args(["--issuer", issuer])
        .env("DATABASE_URL", database.url())
        .env("AGENTIDP_LOG_FORMAT", "json");
    forget_vault(&mut command);
    // Issuers of tests are on this machine, under an authority of the tests' own.
    let ca = folder.path().join("outbound-ca.pem");
    std::fs::write(&ca, crate::tls::authority()).unwrap();
    command.env("AGENTIDP_OUTBOUND_CA_FILE", ca).env("AGENTIDP_OUTBOUND_ALLOW_LOOPBACK", "true");
    // Tests ask faster than anyone should.
    for caller in ["ADDRESS", "CLIENT", "FREE", "PRO", "ENTERPRISE"] {
        command.env(format!("AGENTIDP_RATE_LIMIT_{caller}"), "100000/1");
    }
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    let pushes = settings.iter().any(|(name, _)| *name == "AGENTIDP_EDGE_PUSH_URLS");
    if issuer != format!("http://127.0.0.1:{port}") && !pushes {
        command.args(["--edge-push-url", &format!("{issuer}/edge/v1/push")]);
    }
    if !other_edges.is_empty() {
        let keys = other_edges.iter().map(|edge| format!("{}:{}", edge.name, edge.key));
        command.env("AGENTIDP_EDGE_KEYS", keys.collect::<Vec<_>>().join(","));
    }
    for edge in other_edges {
        command.args(["--edge-push-url", &format!("{}/edge/v1/push", edge.url)]);
    }
    command
}
