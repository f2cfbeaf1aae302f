//! Identity documents behind TLS, checked by other people's tools.

use std::process::Command;

use agentidp_tests::process::{Folder, Process, free_port};
use agentidp_tests::relay::Relay;
use agentidp_tests::tenants::new_agent;
use agentidp_tests::{ControlPlane, Edge, Tenant, environment};
use serde_json::json;

#[tokio::test]
async fn did_resolver_the_a2a_sdk_and_jose_check_every_identity_document_over_https() {
    let (folder, port, edge_port) = (Folder::new(), free_port(), free_port());
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("certificate.pem"));
    let mut openssl = Command::new("openssl");
    openssl
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-noenc",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-keyout".as_ref(), key.as_os_str(), "-out".as_ref(), certificate.as_os_str()]);
    let made = openssl.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let issuer = format!("https://localhost:{port}");
    let control_plane = ControlPlane::start_behind(issuer.clone());
    let relay = Relay::to(&control_plane.url()).await;
    let edge = Edge::start(edge_port, &control_plane, relay.url()).await;
    let clients = environment::root().join("tests/e2e/clients");
    let mut proxy = Command::new(environment::node());
    proxy
        .arg(clients.join("tls-proxy.mjs"))
        .env("PORT", port.to_string())
        .env("KEY", &key)
        .env("CERT", &certificate)
        .env("TARGET", edge.url());
    let _proxy = Process::start("the TLS proxy", proxy, folder.path().join("proxy.log"));

    let api = agentidp_tests::Api::new(&edge.url());
    let platform = Tenant::log_in(&api, &control_plane.admin_credential()).await;
    let mut public = new_agent();
    public["scopes"] = json!(["agents:read", "openid"]);
    public["isPublic"] = json!(true);
    public["name"] = json!("Reader of reports – «ÄÖÜ» \u{1f916}");
    public["a2aUrl"] = json!("https://reader.example/a2a");
    let agent = platform.create_agent_as(&public).await;
    let private = platform.create_agent(&["agents:read"]).await;

    let mut client = Command::new(environment::node());
    client
        .arg(clients.join("identity.mjs"))
        .env("ISSUER", &issuer)
        .env("CLIENT_ID", &agent.id)
        .env("CLIENT_SECRET", &agent.secret)
        .env("ORGANIZATION_ID", &platform.organization_id)
        .env("PRIVATE_AGENT_ID", &private.id)
        .env("NODE_EXTRA_CA_CERTS", &certificate)
        .env("NO_PROXY", "localhost,127.0.0.1")
        .current_dir(environment::root());
    let output = tokio::task::spawn_blocking(move || client.output().unwrap()).await.unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
