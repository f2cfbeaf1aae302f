//! Envoy, by `ext_authz` over HTTP.

use std::fs;
use std::path::Path;
use std::process::Command;

use agentidp_tests::process::Process;
use agentidp_tests::{environment, raw};

use super::{AUDIENCE, EDGE, Scene, set, snippet};

fn cluster(name: &str, url: &str) -> String {
    let (host, port) = url.trim_start_matches("http://").split_once(':').unwrap();
    format!(
        "  - name: {name}
    connect_timeout: 2s
    load_assignment:
      cluster_name: {name}
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {host}, port_value: {port}}}}}}}}}]}}]\n"
    )
}

fn start(port: u16, origin: &str, edge: &str, folder: &Path) -> Process {
    let filters = set(&snippet("yaml", "ext_authz"), EDGE, edge);
    let filters = format!("          {}\n", filters.trim_end().replace('\n', "\n          "));
    let text = format!(
        r#"static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: tests
          route_config:
            virtual_hosts:
            - {{name: api, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: api}}}}]}}
{filters}  clusters:
{}{}"#,
        cluster("agentidp", edge),
        cluster("api", origin)
    );
    let file = folder.join("envoy.yaml");
    fs::write(&file, text).unwrap();
    let mut command = Command::new(environment::envoy());
    command.arg("-c").arg(&file);
    command.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]);
    Process::start_silent("Envoy", command, folder.join("envoy.log"))
}

#[tokio::test]
async fn envoy_lets_through_what_the_edge_lets_through() {
    let mut scene = Scene::set(start).await;
    let (agent, token) = scene.agent(&["agents:read"], AUDIENCE).await;
    let (_, too_little) = scene.agent(&["agents:write"], AUDIENCE).await;
    let (_, for_the_issuer) = scene.agent(&["agents:read"], scene.stack.control_plane.issuer()).await;

    for method in ["GET", "POST", "DELETE", "OPTIONS"] {
        let refused = scene.ask(method, None).await.expect(401);
        assert_eq!(refused.header("www-authenticate"), Some(r#"Bearer realm="agentidp""#), "{method}");
    }
    scene.ask("PUT", Some("nonsense")).await.expect(401);
    let refused = scene.ask("PUT", Some(&too_little)).await.expect(403);
    assert!(refused.header("www-authenticate").unwrap().contains(r#"scope="agents:read""#));
    scene.ask("PUT", Some(&for_the_issuer)).await.expect(401);
    assert!(scene.origin.heard().is_empty(), "the API was reached");

    scene.is_passed_on(&agent, &token).await;
    scene.is_refused_once_revoked(&agent, &token).await;
    let (_, another) = scene.agent(&["agents:read"], AUDIENCE).await;
    scene.closes_without_its_edge(&another, 403).await;
}

/// What the edge would answer anybody must not answer for a path of the API.
#[tokio::test]
async fn path_traversal_attack_no_path_leads_envoy_to_another_answer_of_the_edge() {
    let scene = Scene::set(start).await;
    for path in
        ["/../health/live", "/a/../../health/live", "/%2e%2e/.well-known/jwks.json", "/..%2fhealth/live"]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n");
        let answer = raw::send(scene.api.base(), [request]).await;
        assert_eq!(answer.status(), Some(401), "{path}: {}", answer.text);
    }
    assert!(scene.origin.heard().is_empty(), "the API was reached");
}
