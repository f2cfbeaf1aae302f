//! The peer of the control plane: node-oidc-provider in a process of its own.

use std::net::SocketAddr;
use std::process::Command;

use agentidp_tests::process::{Folder, Process, free_port};
use agentidp_tests::{Api, unique};

use crate::environment;
use crate::load::{Request, Server};

#[derive(Debug)]
pub struct Provider {
    process: Process,
    port: u16,
    secret: String,
    _folder: Folder,
}

const CLIENT: &str = "client";

impl Provider {
    pub fn start() -> Self {
        let (folder, port, secret) = (Folder::new(), free_port(), format!("{}{}", unique(), unique()));
        let mut command = Command::new(environment::node());
        command.current_dir(environment::root()).arg("tests/bench/peers/provider.mjs").args([
            &port.to_string(),
            CLIENT,
            &secret,
        ]);
        let process = Process::start("the peer", command, folder.path().join("log"));
        Self { process, port, secret, _folder: folder }
    }

    pub fn server(&self) -> Server {
        let target = SocketAddr::from(([127, 0, 0, 1], self.port));
        Server { target, processes: vec![("node", self.process.id())] }
    }

    /// For a token as ours are: a JWT, signed with ES256.
    pub fn token_request(&self) -> Request {
        Request::form("/token", self.form("jwt"))
    }

    fn form(&self, resource: &str) -> String {
        let secret = &self.secret;
        format!(
            "grant_type=client_credentials&client_id={CLIENT}&client_secret={secret}&scope=agents:read&resource=urn:{resource}"
        )
    }

    pub async fn introspections(&self, count: usize) -> Vec<Request> {
        let api = Api::new(&format!("http://127.0.0.1:{}", self.port));
        let mut requests = Vec::new();
        for _ in 0..count {
            let form = "application/x-www-form-urlencoded";
            let token =
                api.body("POST", "/token", form, self.form("opaque")).await.expect(200).text("access_token");
            let body = format!("client_id={CLIENT}&client_secret={}&token={token}", self.secret);
            requests.push(Request::form("/token/introspection", body));
        }
        requests
    }
}
