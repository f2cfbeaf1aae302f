//! What is forwarded.

use agentidp_edge_core::host::OriginError;
use agentidp_shared::exceptions::Standing;
use http::Method;

use crate::support::*;

fn echoing() -> Edge {
    let edge = Edge::new();
    edge.host.answer_with(|request| Ok(answer(200, request.body().clone())));
    edge
}

#[test]
fn method_target_body_and_end_to_end_headers_go_on_and_come_back() {
    let edge = echoing();
    let mut asked = request(Method::PATCH, "/api/v1/agents/x?q=%C3%A4%20%2B&a=b");
    asked.headers_mut().insert("content-type", "application/json".parse().unwrap());
    asked.headers_mut().insert("x-request-id", "id-1".parse().unwrap());
    *asked.body_mut() = b"{\"a\":1}".to_vec();
    let answer = edge.send(with_token(asked, &token()));
    assert_eq!((answer.status().as_u16(), answer.body().as_slice()), (200, &b"{\"a\":1}"[..]));
    let heard = edge.host.origin_asked.borrow();
    assert_eq!(heard[0].method(), Method::PATCH);
    assert_eq!(heard[0].uri().to_string(), format!("{ORIGIN}/api/v1/agents/x?q=%C3%A4%20%2B&a=b"));
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-request-id", "id-1"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
    ] {
        assert_eq!(heard[0].headers()[name], value, "{name}");
    }
    assert!(heard[0].headers().contains_key("authorization"));
    assert!(!heard[0].headers().contains_key("host"));
}

#[test]
fn answers_of_any_status_are_passed_on_with_what_every_answer_of_the_edge_carries() {
    let edge = Edge::new();
    for status in [201, 204, 302, 404, 409, 418, 500, 503] {
        edge.host.answer_with(move |_| {
            let mut answer = answer(status, "body");
            answer.headers_mut().insert("location", "http://127.0.0.1:1/".parse().unwrap());
            answer.headers_mut().insert("x-request-id", "of the origin".parse().unwrap());
            answer.headers_mut().insert("x-state-seq", "999".parse().unwrap());
            answer.headers_mut().insert("connection", "x-hop".parse().unwrap());
            answer.headers_mut().insert("x-hop", "1".parse().unwrap());
            Ok(answer)
        });
        let answer = edge.get_with(&token(), "/api/v1/agents");
        assert_eq!((answer.status().as_u16(), answer.body().as_slice()), (status, &b"body"[..]));
        assert_eq!(header(&answer, "location"), "http://127.0.0.1:1/");
        assert_eq!(header(&answer, "x-request-id").len(), 36);
        assert_eq!(header(&answer, "x-state-seq"), "3");
        assert_eq!(header(&answer, "x-hop"), "");
        assert_eq!(header(&answer, "cache-control"), "no-store");
    }
}

#[test]
fn a_control_plane_that_is_away_is_502_and_one_that_is_silent_504_in_the_shape_of_the_path() {
    let edge = Edge::new();
    for (error, status) in [(OriginError::Unreachable, 502), (OriginError::TimedOut, 504)] {
        edge.host.answer_with(move |_| Err(error));
        let answer = edge.get_with(&token(), "/api/v1/agents");
        assert_eq!(answer.status(), status);
        assert!(json_of(&answer)["code"].is_string() && json_of(&answer)["message"].is_string());
        assert!(!String::from_utf8_lossy(answer.body()).contains("origin.example"));
        let answer = edge.form("/oauth2/token", Some("Basic eA=="), "grant_type=client_credentials");
        assert_eq!(answer.status(), status);
        assert_eq!(json_of(&answer)["error"], "temporarily_unavailable");
    }
}

#[test]
fn tokens_known_to_be_bad_do_not_reach_the_control_plane() {
    let edge = Edge::following(Feed::new().with(Feed::agent(OTHER_AGENT, Standing::Gone)));
    edge.host.answer_with(|_| Ok(answer(200, "{}")));
    let bad = [
        "nonsense".to_owned(),
        format!("{}A", token()),
        token_with(&[("exp", (NOW - 50).into())]),
        token_with(&[("aud", "https://api.example".into())]),
        token_with(&[("iss", "https://other.example".into())]),
        token_with(&[("sub", OTHER_AGENT.into())]),
        token_of(2, &claims()),
    ];
    for token in &bad {
        let answer = edge.get_with(token, "/api/v1/agents");
        assert_eq!(answer.status(), 401);
        assert_eq!(json_of(&answer)["code"], "INVALID_TOKEN");
        let metadata = format!("resource_metadata=\"{ISSUER}/.well-known/oauth-protected-resource\"");
        assert!(header(&answer, "www-authenticate").ends_with(&metadata));
        let answer = edge.form("/oauth2/revoke", Some(&format!("Bearer {token}")), "token=x");
        assert_eq!(
            (answer.status().as_u16(), json_of(&answer)["error"].as_str()),
            (401, Some("invalid_token"))
        );
    }
    assert!(edge.host.origin_asked.borrow().is_empty());
}

#[test]
fn what_is_not_a_bearer_token_is_for_the_control_plane_to_judge() {
    let edge = echoing();
    for authorization in [None, Some("Basic eDp5"), Some("Digest x")] {
        assert_eq!(edge.form("/oauth2/token", authorization, "a=b").status(), 200);
    }
    assert_eq!(edge.host.origin_asked.borrow().len(), 3);
}

#[test]
fn x_agent_header_spoofing_attack_does_not_reach_the_control_plane() {
    let edge = echoing();
    let mut spoofed = request(Method::GET, "/api/v1/agents");
    for name in ["x-agent-id", "x-agent-scopes", "x_agent_id", "x-edge-name", "x-real-ip", "cf-connecting-ip"]
    {
        spoofed.headers_mut().insert(name, "1".parse().unwrap());
    }
    spoofed.headers_mut().insert("x-forwarded-for", "198.51.100.1".parse().unwrap());
    assert_eq!(edge.send(spoofed).status(), 200);
    let heard = edge.host.origin_asked.borrow();
    let mut names: Vec<&str> = heard[0].headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["x-forwarded-for", "x-forwarded-proto", "x-request-id"]);
    assert_eq!(heard[0].headers()["x-forwarded-for"], "203.0.113.9");
}

#[test]
fn request_smuggling_attack_framing_is_never_copied() {
    let edge = echoing();
    let mut asked = request(Method::POST, "/api/v1/agents");
    for (name, value) in [
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        ("te", "trailers"),
        ("host", "evil.example"),
    ] {
        asked.headers_mut().insert(name, value.parse().unwrap());
    }
    edge.send(asked);
    let heard = edge.host.origin_asked.borrow();
    for name in ["content-length", "transfer-encoding", "te", "host"] {
        assert!(!heard[0].headers().contains_key(name), "{name}");
    }
    assert_eq!(heard[0].uri().authority().unwrap(), "origin.example");
}

#[test]
fn server_side_request_forgery_attack_no_target_leaves_the_control_plane() {
    let edge = echoing();
    for path in ["//evil.example/x", "/@evil.example", "/.evil.example", "/%2e%2e/x", "/\\evil.example"] {
        let Ok(uri) = format!("{ISSUER}{path}").parse::<http::Uri>() else { continue };
        let mut asked = request(Method::GET, "/");
        *asked.uri_mut() = uri;
        edge.send(asked);
    }
    for heard in edge.host.origin_asked.borrow().iter() {
        assert_eq!(heard.uri().authority().unwrap(), "origin.example", "{}", heard.uri());
    }
}
