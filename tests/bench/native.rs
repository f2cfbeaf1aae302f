//! What the edge on Spin is compared with: the same verification, by the same pure Rust, in a native process.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use agentidp_shared::exceptions::Exceptions;
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::jwk::{JwkSet, KeySet};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::verify::{self, Expectation, Verdict};
use agentidp_tests::now;
use agentidp_tests::process::{Folder, Process, free_port};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;

use crate::ground::Ground;
use crate::load;

#[derive(Debug)]
pub struct Server {
    process: Process,
    port: u16,
    _folder: Folder,
}

impl Server {
    /// This program once more, as a server.
    pub fn start(ground: &Ground) -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let mut command = Command::new(std::env::current_exe().unwrap());
        let jwks = serde_json::to_string(&ground.jwks()).unwrap();
        command.args(["--serve", &port.to_string(), "--issuer", ground.issuer(), "--jwks", &jwks]);
        let process = Process::start("the native process", command, folder.path().join("log"));
        Self { process, port, _folder: folder }
    }

    pub fn server(&self) -> load::Server {
        let target = SocketAddr::from(([127, 0, 0, 1], self.port));
        load::Server { target, processes: vec![("native", self.process.id())] }
    }
}

struct Rules {
    keys: KeySet,
    exceptions: Exceptions,
    issuer: String,
}

/// Serves `/verify` until it is ended.
pub async fn serve(port: u16, issuer: String, jwks: &str) {
    let jwks: JwkSet = serde_json::from_str(jwks).unwrap();
    let exceptions = Exceptions::new(SeededHasher::new([3; 16]));
    let rules = Arc::new(Rules { keys: KeySet::from_jwks(&jwks).unwrap(), exceptions, issuer });
    let router = Router::new().route("/verify", get(verify_token)).with_state(rules);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    println!(r#"{{"event":"ready"}}"#);
    axum::serve(listener, router).await.unwrap();
}

type Answer = (StatusCode, [(&'static str, String); 3]);

async fn verify_token(State(rules): State<Arc<Rules>>, headers: HeaderMap) -> Result<Answer, StatusCode> {
    let token = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
    let scopes = ScopeSet::empty();
    let expected = Expectation { issuer: &rules.issuer, audience: &rules.issuer, scopes: &scopes };
    let now = u64::try_from(now()).unwrap();
    match verify::verify(token, &rules.keys, &rules.exceptions, now, &expected) {
        Verdict::Accepted(claims) => Ok((
            StatusCode::OK,
            [
                ("x-agent-id", claims.sub.to_string()),
                ("x-agent-scopes", claims.scopes.to_string()),
                ("x-agent-organization", claims.organization_id.to_string()),
            ],
        )),
        Verdict::Refused(_) => Err(StatusCode::UNAUTHORIZED),
    }
}
