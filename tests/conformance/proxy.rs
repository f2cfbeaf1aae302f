//! What the edge does not answer itself goes to the control plane, as HTTP says a proxy forwards (RFC 9110 §7.6).

use agentidp_tests::raw;
use agentidp_tests::relay::Wire;
use agentidp_tests::shape::{Shape, assert_documented};
use agentidp_tests::tenants::new_agent;
use serde_json::json;

use crate::differences;
use crate::tokens::{Scene, bad_tokens};

#[tokio::test]
async fn requests_and_answers_go_through_unchanged() {
    let scene = Scene::set().await;
    let created = scene.tenant.api.post("/api/v1/agents", &new_agent()).await.expect(201);
    assert!(created.header("location").is_some());
    let path = format!("/api/v1/agents/{}", created.text("agentId"));
    let edge = scene.tenant.api.get(&path).await.expect(200);
    let origin = scene.tenant.api.at(&scene.stack.control_plane.url()).get(&path).await.expect(200);
    assert_eq!(edge.body, origin.body);
    assert_eq!(edge.header("content-type"), origin.header("content-type"));
    let refused = scene.tenant.api.post("/api/v1/agents", &json!({"email": 1})).await.expect(400);
    assert_eq!(refused.code(), "VALIDATION_ERROR");
    scene.tenant.api.delete(&path).await.expect(204);
    scene.tenant.api.get("/api/v1/nothing").await.expect(404);
    let query = "/api/v1/agents?q=%C3%A4%20%2B&limit=1";
    let (edge, origin) = (
        scene.tenant.api.get(query).await,
        scene.tenant.api.at(&scene.stack.control_plane.url()).get(query).await,
    );
    assert_eq!(edge.expect(200).body, origin.expect(200).body);
    for path in ["/health", "/openapi.json"] {
        scene.api.get(path).await.expect(200);
    }
}

#[tokio::test]
async fn hop_by_hop_headers_stop_here_and_the_rest_goes_on() {
    let scene = Scene::set().await;
    let request = format!(
        "GET /api/v1/agents?limit=1 HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close, X-Hop\r\nX-Hop: one\r\n\
         Keep-Alive: timeout=7\r\nTE: trailers\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\n\
         X-End-To-End: two\r\nX-Agent-Id: 0198c5a4-0000-7000-8000-00000000000a\r\nX-Agent-Scopes: admin:orgs\r\n\
         X-Request-Id: hop-test-1\r\n\r\n",
        scene.api.base().trim_start_matches("http://"),
        scene.token,
    );
    let answer = raw::send(scene.api.base(), [request]).await;
    assert_eq!(answer.status(), Some(200), "{}", answer.head());
    let heard = scene.stack.relay.heard().to_ascii_lowercase();
    let head = heard
        .split("\r\n\r\n")
        .find(|head| head.contains("get /api/v1/agents?limit=1 "))
        .expect("the request reached the control plane");
    for expected in ["x-end-to-end: two", "x-request-id: hop-test-1", "authorization: bearer"] {
        assert!(head.contains(expected), "{expected} is missing:\n{head}");
    }
    for refused in [
        "keep-alive: timeout=7",
        "\nte:",
        "proxy-authorization:",
        "proxy-connection:",
        "x-agent-id:",
        "x-agent-scopes:",
    ] {
        assert!(!head.contains(refused), "{refused} went through:\n{head}");
    }
    assert_eq!(head.contains("x-hop:"), !differences::shows_connection_header(), "{head}");
    assert!(answer.head().to_ascii_lowercase().contains("x-request-id: hop-test-1"));
}

#[tokio::test]
async fn hop_by_hop_headers_of_the_answer_stop_here_too() {
    let scene = Scene::set().await;
    scene.stack.relay.set(Wire::Answering(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close, X-Hop\r\nX-Hop: one\r\n\
         Keep-Alive: timeout=7\r\nProxy-Authenticate: Basic\r\nX-End-To-End: two\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n{}",
    ));
    let answer = scene.with_token().get("/api/v1/agents").await.expect(200);
    assert_eq!(answer.header("x-end-to-end"), Some("two"));
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    for refused in ["keep-alive", "proxy-authenticate"] {
        assert!(answer.header(refused).is_none(), "{refused}");
    }
    assert_eq!(answer.header("x-hop").is_some(), !differences::shows_connection_header());
}

#[tokio::test]
async fn redirects_and_unusual_statuses_are_passed_on_not_followed() {
    let scene = Scene::set().await;
    for (status, wire) in [
        (302, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
        (418, "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n"),
        (204, "HTTP/1.1 204 No Content\r\n\r\n"),
    ] {
        scene.stack.relay.set(Wire::Answering(wire));
        assert_eq!(scene.with_token().get("/api/v1/agents").await.status, status);
    }
}

#[tokio::test]
async fn tokens_known_to_be_bad_do_not_reach_the_control_plane() {
    let scene = Scene::set().await;
    for (what, token) in bad_tokens(&scene.token) {
        let path = format!("/api/v1/agents?marker={}", what.replace(' ', "-"));
        let answer = scene.api.with_token(&token).get(&path).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        assert_documented(&answer, Shape::Management);
        assert!(answer.header("www-authenticate").is_some(), "{what}");
        assert!(!scene.stack.relay.heard().contains(&path), "{what} went through");
    }
}

#[tokio::test]
async fn a_control_plane_that_is_away_is_502_and_one_that_is_silent_504() {
    let scene = Scene::set().await;
    scene.stack.relay.set(Wire::Cut);
    let answer = scene.with_token().get("/api/v1/agents").await.expect(502);
    assert_documented_gateway(&answer);
    scene.stack.relay.set(Wire::Answering("this is not HTTP\r\n\r\n"));
    let answer = scene.with_token().get("/api/v1/agents").await.expect(502);
    assert_documented_gateway(&answer);
    scene.stack.relay.set(Wire::Hanging);
    let answer = scene.with_token().get("/api/v1/agents").await.expect(504);
    assert_documented_gateway(&answer);
    scene.stack.relay.set(Wire::Whole);
    scene.with_token().get("/api/v1/agents").await.expect(200);
}

#[track_caller]
fn assert_documented_gateway(answer: &agentidp_tests::Answer) {
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
    assert!(!answer.code().is_empty() && !answer.text("message").is_empty(), "{}", answer.body);
    assert!(!answer.body.contains("127.0.0.1"), "{}", answer.body);
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test]
async fn large_bodies_pass_both_ways_and_too_large_ones_are_refused() {
    let scene = Scene::set().await;
    let mut body = new_agent();
    body["capabilities"] = json!((0..40).map(|n| format!("resource{n}:read")).collect::<Vec<_>>());
    scene.tenant.api.post("/api/v1/agents", &body).await.expect(201);
    let huge = format!("{{\"description\":\"{}\"}}", "x".repeat(10 * 1_024 * 1_024));
    let request = scene
        .tenant
        .api
        .request("POST", "/api/v1/agents")
        .header("content-type", "application/json")
        .body(huge);
    if let Some(answer) = scene.tenant.api.try_send(request).await {
        assert_eq!(answer.status, 413, "{}", answer.body);
        assert_documented(&answer, Shape::Management);
    }
}
