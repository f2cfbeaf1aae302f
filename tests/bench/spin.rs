//! The edge on Spin, in the host that the tests use.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use agentidp_tests::process::{Folder, Process, free_port};
use agentidp_tests::{Api, eventually};

use crate::environment;
use crate::ground::{EDGE_KEY, EDGE_NAME, Ground};
use crate::load::Server;

#[derive(Debug)]
pub struct Edge {
    process: Process,
    port: u16,
    _folder: Folder,
}

impl Edge {
    pub async fn start(ground: &Ground, origin: SocketAddr) -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let key = folder.path().join("key");
        fs::write(&key, EDGE_KEY).unwrap();
        let feed_keys = serde_json::to_string(&ground.feed_public_keys()).unwrap();
        let mut command = Command::new(environment::spin_host());
        command
            .current_dir(environment::root())
            .args(["--manifest", "spin.toml", "--component"])
            .arg(environment::spin_component())
            .args(["--listen", &format!("127.0.0.1:{port}"), "--store"])
            .arg(folder.path().join("store.sqlite"))
            .arg("--cache")
            .arg(environment::spin_cache())
            .args(["--variable-file", &format!("edge_key={}", key.display())]);
        for (name, value) in [
            ("issuer", ground.issuer()),
            ("origin_url", &format!("http://{origin}")),
            ("edge_name", EDGE_NAME),
            ("feed_public_keys", &feed_keys),
        ] {
            command.args(["--variable", &format!("{name}={value}")]);
        }
        let process = Process::start_silent("the edge", command, folder.path().join("log"));
        let edge = Self { process, port, _folder: folder };
        let api = Api::new(&format!("http://127.0.0.1:{port}"));
        eventually("the edge is ready", Duration::from_mins(2), || async {
            api.try_send(api.request("GET", "/health/ready")).await.filter(|answer| answer.is(200)).map(drop)
        })
        .await;
        edge
    }

    pub fn server(&self) -> Server {
        let target = SocketAddr::from(([127, 0, 0, 1], self.port));
        Server { target, processes: vec![("spin", self.process.id())] }
    }
}
