//! workerd as it is, without the tools around it: the worker that ships, or a peer, each in a process of its own.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use agentidp_tests::process::{Folder, Process, free_port};
use agentidp_tests::{Api, eventually};

use crate::environment;
use crate::ground::{EDGE_KEY, EDGE_NAME, Ground};
use crate::load::Server;

/// As in wrangler.toml.
const COMPATIBILITY_DATE: &str = "2026-03-31";
const COMPATIBILITY_FLAGS: &str = r#""nodejs_compat", "nodejs_compat_do_not_populate_process_env""#;

/// A worker in a workerd of its own.
#[derive(Debug)]
pub struct Worker {
    process: Process,
    port: u16,
    _folder: Folder,
}

impl Worker {
    pub fn server(&self) -> Server {
        Server { target: self.address(), processes: vec![("workerd", self.process.id())] }
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The edge that ships, before a control plane whose feed comes from `origin`; returns when it is ready.
    pub async fn edge(ground: &Ground, origin: SocketAddr) -> Self {
        let worker = Self::start_edge(ground, origin);
        worker.wait_until("/health/ready").await;
        worker
    }

    pub fn start_edge(ground: &Ground, origin: SocketAddr) -> Self {
        let feed_keys = serde_json::to_string(&ground.feed_public_keys()).unwrap();
        let bindings = [
            text("ISSUER", ground.issuer()),
            text("ORIGIN_URL", &format!("http://{origin}")),
            text("EDGE_NAME", EDGE_NAME),
            text("EDGE_KEY", EDGE_KEY),
            text("FEED_PUBLIC_KEYS", &feed_keys),
            r#"(name = "STORE", kvNamespace = "kv")"#.to_owned(),
            r#"(name = "STATE_HUB", durableObjectNamespace = "StateHub")"#.to_owned(),
            r#"(name = "RATE_LIMITER", durableObjectNamespace = "RateLimiter")"#.to_owned(),
        ];
        let more = r#"
  durableObjectNamespaces = [
    (className = "StateHub", uniqueKey = "hub", enableSql = true),
    (className = "RateLimiter", uniqueKey = "limiter", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "objects"),"#;
        Self::start(modules(&environment::edge_build()), &bindings, more)
    }

    /// A peer from the folder beside this file, bundled as its users would.
    pub async fn peer(name: &str, bindings: &[(&str, String)], ready_at: &str) -> Self {
        let folder = Folder::new();
        let bundle = folder.path().join("worker.mjs");
        let status = Command::new(environment::esbuild())
            .current_dir(environment::root())
            .arg(format!("tests/bench/peers/{name}.mjs"))
            .args([
                "--bundle",
                "--format=esm",
                "--minify",
                "--conditions=workerd,worker",
                "--log-level=warning",
            ])
            .arg(format!("--outfile={}", bundle.display()))
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{name} cannot be bundled");
        let bindings: Vec<String> = bindings.iter().map(|(name, value)| text(name, value)).collect();
        let worker = Self::start(modules(folder.path()), &bindings, "");
        worker.wait_until(ready_at).await;
        worker
    }

    fn start(modules: Vec<PathBuf>, bindings: &[String], more: &str) -> Self {
        let (folder, port) = (Folder::new(), free_port());
        fs::create_dir(folder.path().join("objects")).unwrap();
        let mut listed = String::new();
        for module in modules {
            let name = module.file_name().unwrap().to_string_lossy().into_owned();
            let kind = if module.extension().is_some_and(|extension| extension == "wasm") {
                "wasm"
            } else {
                "esModule"
            };
            fs::copy(&module, folder.path().join(&name)).unwrap();
            writeln!(listed, r#"    (name = "{name}", {kind} = embed "{name}"),"#).unwrap();
        }
        fs::copy(environment::root().join("tests/bench/peers/kv.mjs"), folder.path().join("kv.mjs")).unwrap();
        let config = format!(
            r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "kv", worker = .kv),
    (name = "internet", network = (allow = ["private", "local"])),
    (name = "objects", disk = (path = "{objects}", writable = true)),
  ],
  sockets = [ (name = "http", address = "127.0.0.1:{port}", http = (), service = "main") ],
);
const main :Workerd.Worker = (
  modules = [
{listed}  ],
  compatibilityDate = "{COMPATIBILITY_DATE}",
  compatibilityFlags = [{COMPATIBILITY_FLAGS}],
  bindings = [{bindings}],{more}
);
const kv :Workerd.Worker = (
  modules = [ (name = "kv.mjs", esModule = embed "kv.mjs") ],
  compatibilityDate = "{COMPATIBILITY_DATE}",
);
"#,
            objects = folder.path().join("objects").display(),
            bindings = bindings.join(", "),
        );
        fs::write(folder.path().join("config.capnp"), config).unwrap();
        let mut command = Command::new(environment::workerd());
        command.current_dir(folder.path()).args(["serve", "config.capnp"]);
        let log = folder.path().join("log");
        let process = Process::start_silent("workerd", command, log);
        Self { process, port, _folder: folder }
    }

    async fn wait_until(&self, path: &str) {
        let api = Api::new(&self.url());
        eventually("the worker answers", Duration::from_secs(30), || async {
            api.try_send(api.request("GET", path)).await.filter(|answer| answer.is(200)).map(drop)
        })
        .await;
    }
}

/// The modules of a folder; the first is the one that is run.
fn modules(folder: &Path) -> Vec<PathBuf> {
    let mut modules: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "js" || extension == "mjs" || extension == "wasm")
        })
        .collect();
    modules.sort_by_key(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    modules
}

fn text(name: &str, value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!(r#"(name = "{name}", text = "{escaped}")"#)
}
