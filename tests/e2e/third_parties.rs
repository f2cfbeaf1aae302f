//! Third-party clients that discover everything at the edge, each in a program of its own under `clients/`.

use std::path::PathBuf;
use std::process::Command;

use agentidp_tests::process::{Folder, Process};
use agentidp_tests::{Stack, Tenant, environment};
use serde_json::json;

/// What the clients' agent may ask for.
const SCOPES: [&str; 2] = ["agents:read", "tokens:read"];

/// Runs a client with who it is and where to go; it says what it did, and ends with 0 if all of it held.
async fn run(program: PathBuf, script: &str) {
    run_against(Stack::start().await, program, script, &SCOPES, &[]).await;
}

async fn run_against(
    stack: Stack,
    program: PathBuf,
    script: &str,
    scopes: &[&str],
    variables: &[(&str, String)],
) {
    let platform = stack.platform().await;
    run_as(&platform, &stack.url(), program, script, scopes, variables).await;
}

/// As an agent of this organization, which knows this issuer.
async fn run_as(
    organization: &Tenant,
    issuer: &str,
    program: PathBuf,
    script: &str,
    scopes: &[&str],
    variables: &[(&str, String)],
) {
    let agent = organization.create_agent(scopes).await;
    let script = clients().join(script);
    let mut command = Command::new(program);
    command
        .arg(&script)
        .env("ISSUER", issuer)
        .env("CLIENT_ID", &agent.id)
        .env("CLIENT_SECRET", &agent.secret)
        .env("ORGANIZATION_ID", &organization.organization_id)
        .env("NO_PROXY", "127.0.0.1")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .current_dir(environment::root());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}\n{}", script.display(), String::from_utf8_lossy(&output.stderr));
}

fn clients() -> PathBuf {
    environment::root().join("tests/e2e/clients")
}

#[tokio::test]
async fn openid_client_discovers_and_gets_introspects_exchanges_and_revokes_a_token() {
    run(environment::node(), "openid-client.mjs").await;
}

#[tokio::test]
async fn openid_client_discovers_an_organizations_own_issuer_and_does_the_same_there() {
    let stack = Stack::start().await;
    let platform = stack.platform().await;
    platform.create_resource("https://api.example.com", &[], &json!("all")).await;
    let organization = platform.create_organization().await;
    let path = format!("/api/v1/organizations/{}", organization.organization_id);
    for algorithm in ["EdDSA", "RS256"] {
        let choice = json!({ "issuerKind": "organization", "signingAlgorithm": algorithm });
        organization.api.patch(&path, &choice).await.expect(200);
        let issuer = format!("{}/organizations/{}", stack.url(), organization.organization_id);
        run_as(&organization, &issuer, environment::node(), "openid-client.mjs", &SCOPES, &[]).await;
    }
}

#[tokio::test]
async fn openid_client_proves_itself_with_a_key_of_each_algorithm() {
    let scopes = ["agents:read", "agents:write", "tokens:read"];
    run_against(Stack::start().await, environment::node(), "private-key-jwt.mjs", &scopes, &[]).await;
}

#[tokio::test]
async fn jose_verifies_our_tokens_with_the_remote_key_set() {
    run(environment::node(), "jose.mjs").await;
}

#[tokio::test]
async fn the_mcp_sdk_finds_its_way_to_a_server_behind_the_gateway_and_not_to_those_that_are_not_for_it() {
    let folder = Folder::new();
    let mut command = Command::new(environment::node());
    command.arg(clients().join("mcp-server.mjs"));
    let server = Process::start("the MCP server", command, folder.path().join("mcp-server.log"));
    let origin = server.ready("url");
    let stack = Stack::start_in_front_of(|edge| {
        let servers = [("mcp", "agents:read"), ("forbidden", "agents:read"), ("closed", "audit:read")];
        let upstream = |(name, scope): &(&str, &str)| {
            json!({
                "name": name, "match": {"pathPrefix": format!("/{name}")}, "origin": origin, "audience": format!("{edge}/{name}"),
                "rules": [{"methods": ["GET", "POST", "DELETE"], "path": format!("/{name}"), "scopes": [scope]}],
            })
        };
        json!(servers.iter().map(upstream).collect::<Vec<_>>())
    })
    .await;
    let [open, forbidden, closed] =
        ["mcp", "forbidden", "closed"].map(|name| format!("{}/{name}", stack.url()));
    let platform = stack.platform().await;
    let organization = platform.create_organization().await;
    let path = format!("/api/v1/organizations/{}", organization.organization_id);
    organization.api.patch(&path, &json!({ "issuerKind": "organization" })).await.expect(200);
    let served = json!([organization.organization_id]);
    for (identifier, served) in [(&open, &served), (&closed, &served), (&forbidden, &json!([]))] {
        platform.create_resource(identifier, &[], served).await;
    }
    let variables = [("MCP_URL", open), ("FORBIDDEN_MCP_URL", forbidden), ("CLOSED_MCP_URL", closed)];
    // It registers its own key.
    let scopes = ["agents:read", "agents:write"];
    run_as(&organization, &stack.url(), environment::node(), "mcp.mjs", &scopes, &variables).await;
}

#[tokio::test]
async fn pyjwt_verifies_our_tokens_with_the_remote_key_set() {
    run(environment::python(), "pyjwt_client.py").await;
}
