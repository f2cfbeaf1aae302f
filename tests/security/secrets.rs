//! Secrets are shown once, to whom they belong, and are nowhere else.

use agentidp_shared::wire::{self, WireVersions};
use agentidp_tests::{Api, ControlPlane, Stack};
use serde_json::json;

#[tokio::test]
async fn secrets_and_tokens_are_in_no_log_and_no_second_answer() {
    let control_plane = ControlPlane::start();
    let platform = control_plane.platform().await;
    let tenant = platform.create_organization().await;
    let agent = tenant.create_agent(&["agents:read", "agents:write", "tokens:read"]).await;
    let token = agent.token(&tenant.api).await;
    let own = tenant.api.with_token(&token);
    let rotated = own
        .post(&format!("/api/v1/agents/{}/credentials/{}/rotate", agent.id, agent.credential_id), &json!({}))
        .await
        .expect(200)
        .text("clientSecret");
    // Wrong places for a secret, and an error on the way.
    own.get(&format!("/api/v1/agents?q={}", agent.secret)).await;
    own.get(&format!("/api/v1/agents/{}", agent.secret)).await;
    own.anonymous().token(&agent.secret, &agent.id, None).await;
    own.anonymous().get(&format!("/api/v1/agents?access_token={token}")).await;
    own.post("/api/v1/agents", &json!({"clientSecret": agent.secret, "email": agent.secret})).await;
    own.form("/oauth2/introspect", &[("token", &token)]).await;
    own.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);

    let edge = control_plane.edge_keys();
    let edge_api = Api::new(&control_plane.url()).with_token(edge.feed());
    let malformed = edge_api
        .request("GET", "/edge/v1/changes?after=x")
        .header("x-edge-name", control_plane.edge_name())
        .header(wire::HEADER, WireVersions::CURRENT.to_string());
    edge_api.send(malformed).await.expect(400);
    let of_edge = [&control_plane.edge_key(), edge.feed(), edge.usage(), edge.metrics()].map(str::to_owned);
    let secrets = [&agent.secret, &rotated, &platform.admin.secret, &tenant.admin.secret, &token];
    let secrets: Vec<&String> = secrets.into_iter().chain(&of_edge).collect();
    let log = control_plane.log();
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "a secret is in the log");
        let signature = secret.rsplit('.').next().unwrap();
        assert!(!log.contains(signature), "a token's signature is in the log");
    }
    for path in [
        format!("/api/v1/agents/{}", agent.id),
        format!("/api/v1/agents/{}/credentials", agent.id),
        "/api/v1/agents?limit=100".to_owned(),
        "/api/v1/audit?limit=100".to_owned(),
    ] {
        let answer = tenant.api.get(&path).await.expect(200);
        for secret in &secrets {
            assert!(!answer.body.contains(secret.as_str()), "{path} shows a secret");
        }
        assert!(!answer.body.contains("clientSecret"), "{path}: {}", answer.body);
    }
    let metrics = Api::new("").at(&control_plane.metrics_url()).get("").await.expect(200).body;
    for secret in &secrets {
        assert!(!metrics.contains(secret.as_str()));
    }
    assert!(metrics.contains("agentidp_"), "{metrics}");
    assert!(!metrics.contains(&agent.id), "raw ids in labels");
}

#[tokio::test]
async fn answers_with_tokens_or_secrets_are_not_to_be_stored() {
    let control_plane = ControlPlane::start();
    let tenant = control_plane.platform().await.create_organization().await;
    let agent = tenant.create_agent(&["agents:read", "tokens:read"]).await;
    let api = &tenant.api;
    let credentials = format!("/api/v1/agents/{}/credentials", agent.id);
    let token = api.anonymous().token(&agent.id, &agent.secret, None).await.expect(200);
    let access_token = token.text("access_token");
    for answer in [
        token,
        api.post(&credentials, &json!({})).await.expect(201),
        api.post(&format!("{credentials}/{}/rotate", agent.credential_id), &json!({})).await.expect(200),
        api.with_token(&access_token)
            .form("/oauth2/introspect", &[("token", &access_token)])
            .await
            .expect(200),
        api.anonymous().token(&agent.id, "wrong", None).await.expect(401),
    ] {
        let header = answer.header("cache-control").unwrap_or_default();
        assert!(header.contains("no-store"), "{}: cache-control {header:?}", answer.asked);
    }
}

#[tokio::test]
async fn files_that_hold_secrets_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let control_plane = ControlPlane::start();
    let state = control_plane.folder().path().join("state");
    let mut seen = 0;
    for entry in std::fs::read_dir(&state).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", entry.path().display());
            seen += 1;
        }
    }
    assert!(seen >= 3, "only {seen} files in {}", state.display());
}

#[tokio::test]
async fn the_edge_writes_no_tokens_to_its_log() {
    let stack = Stack::start().await;
    let platform = stack.platform().await;
    let agent = platform.create_agent(&["agents:read", "tokens:read"]).await;
    let token = agent.token(&platform.api).await;
    platform.api.with_token(&token).get("/verify").await.expect(200);
    platform.api.with_token(&format!("{token}x")).get("/verify").await.expect(401);
    platform.api.with_token(&token).form("/oauth2/introspect", &[("token", &token)]).await.expect(200);
    let log = stack.edge.log();
    let edge = stack.control_plane.edge_keys();
    let of_edge = [&stack.control_plane.edge_key(), edge.feed(), edge.usage(), edge.metrics()];
    for secret in [token.rsplit('.').next().unwrap(), &agent.secret].into_iter().chain(of_edge) {
        assert!(!log.contains(secret), "a secret is in the edge's log");
    }
}
