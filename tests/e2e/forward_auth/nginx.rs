//! nginx, by `auth_request`.

use std::fs;
use std::path::Path;
use std::process::Command;

use agentidp_tests::environment;
use agentidp_tests::process::Process;

use super::{API, AUDIENCE, EDGE, Scene, set, snippet};

fn start(port: u16, origin: &str, edge: &str, folder: &Path) -> Process {
    let server = snippet("nginx", "auth_request");
    let server = set(&server, "listen 8000;", &format!("listen 127.0.0.1:{port};"));
    let server = set(&set(&server, EDGE, edge), API, origin);
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {}/{name};\n", folder.display()))
        .concat();
    let file = folder.join("nginx.conf");
    let text = format!(
        "daemon off;\nmaster_process off;\npid {0}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n    access_log off;\n{temporary}{server}}}\n",
        folder.display()
    );
    fs::write(&file, text).unwrap();
    let mut command = Command::new(environment::nginx());
    command.arg("-e").arg("stderr").arg("-p").arg(folder).arg("-c").arg(&file);
    Process::start_silent("nginx", command, folder.join("nginx.log"))
}

#[tokio::test]
async fn nginx_lets_through_what_the_edge_lets_through() {
    let mut scene = Scene::set(start).await;
    let (agent, token) = scene.agent(&["agents:read"], AUDIENCE).await;
    let (_, too_little) = scene.agent(&["agents:write"], AUDIENCE).await;
    let (_, for_the_issuer) = scene.agent(&["agents:read"], scene.stack.control_plane.issuer()).await;

    for method in ["GET", "POST", "DELETE"] {
        let refused = scene.ask(method, None).await.expect(401);
        assert_eq!(refused.header("www-authenticate"), Some(r#"Bearer realm="agentidp""#), "{method}");
    }
    let refused = scene.ask("GET", Some("nonsense")).await.expect(401);
    assert!(refused.header("www-authenticate").unwrap().contains("invalid_token"));
    let refused = scene.ask("POST", Some(&too_little)).await.expect(403);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("insufficient_scope") && challenge.contains(r#"scope="agents:read""#),
        "{challenge}"
    );
    scene.ask("GET", Some(&for_the_issuer)).await.expect(401);
    assert!(scene.origin.heard().is_empty(), "the API was reached");

    scene.is_passed_on(&agent, &token).await;
    assert!(scene.origin.heard().iter().all(|heard| !heard.headers.contains_key("authorization")));
    scene.is_refused_once_revoked(&agent, &token).await;
    // What the proxy asks is not for clients.
    scene.api.get("/_agentidp").await.expect(404);
    let (_, another) = scene.agent(&["agents:read"], AUDIENCE).await;
    scene.closes_without_its_edge(&another, 500).await;
}
