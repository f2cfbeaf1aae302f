//! Third-party clients that discover everything at the edge, each in a program of its own under `clients/`.

use std::path::PathBuf;
use std::process::Command;

use agentidp_tests::{Stack, environment};

/// Runs a client with who it is and where to go; it says what it did, and ends with 0 if all of it held.
async fn run(program: PathBuf, script: &str) {
    let stack = Stack::start().await;
    let platform = stack.platform().await;
    let agent = platform.create_agent(&["agents:read", "tokens:read"]).await;
    let script = environment::root().join("tests/e2e/clients").join(script);
    let mut command = Command::new(program);
    command
        .arg(&script)
        .env("ISSUER", stack.url())
        .env("CLIENT_ID", &agent.id)
        .env("CLIENT_SECRET", &agent.secret)
        .env("ORGANIZATION_ID", &platform.organization_id)
        .env("NO_PROXY", "127.0.0.1")
        .current_dir(environment::root());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}\n{}", script.display(), String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn openid_client_discovers_and_gets_introspects_and_revokes_a_token() {
    run(environment::node(), "openid-client.mjs").await;
}

#[tokio::test]
async fn jose_verifies_our_tokens_with_the_remote_key_set() {
    run(environment::node(), "jose.mjs").await;
}

#[tokio::test]
async fn pyjwt_verifies_our_tokens_with_the_remote_key_set() {
    run(environment::python(), "pyjwt_client.py").await;
}
