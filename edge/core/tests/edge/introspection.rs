//! Introspection (RFC 7662).

use agentidp_edge_core::host::OriginError;
use agentidp_shared::exceptions::Standing;
use http::Method;
use serde_json::{Value, json};

use crate::support::*;

const PATHS: [&str; 2] = ["/oauth2/introspect", "/api/v1/token/introspect"];

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn ask(edge: &Edge, requester: &str, token: &str) -> Value {
    let answer = edge.form(PATHS[0], Some(&bearer(requester)), &format!("token={token}"));
    assert_eq!(answer.status(), 200);
    json_of(&answer)
}

#[test]
fn an_active_token_is_described_whatever_its_audience() {
    let edge = Edge::new();
    let asked = token_with(&[("aud", "https://api.example".into()), ("scope", "agents:read".into())]);
    for path in PATHS {
        let answer =
            edge.form(path, Some(&bearer(&token())), &format!("token={asked}&x=y&token_type_hint=z"));
        let body = json_of(&answer);
        assert_eq!((&body["active"], &body["token_type"]), (&json!(true), &json!("Bearer")));
        assert_eq!((&body["aud"], &body["scope"]), (&json!("https://api.example"), &json!("agents:read")));
        assert_eq!(header(&answer, "cache-control"), "no-store");
    }
}

#[test]
fn anything_else_is_only_inactive() {
    let edge = Edge::following(Feed::new().with(Feed::agent(OTHER_AGENT, Standing::Suspended)));
    for asked in [
        "nonsense".to_owned(),
        format!("{}A", token()),
        token_with(&[("exp", (NOW - 50).into())]),
        token_with(&[("sub", OTHER_AGENT.into())]),
        token_with(&[("iss", "https://other.example".into())]),
        token_of(2, &claims()),
        token_with(&[("organization_id", OTHER_ORGANIZATION.into())]),
    ] {
        assert_eq!(ask(&edge, &token(), &asked), json!({"active": false}), "{asked}");
    }
}

#[test]
fn it_is_for_those_who_may_ask() {
    let edge = Edge::new();
    let form = format!("token={}", token());
    let answer = edge.form(PATHS[0], None, &form);
    assert_eq!((answer.status().as_u16(), json_of(&answer)["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!(answer.headers().get_all("www-authenticate").iter().count(), 2);
    let without_scope = token_with(&[("scope", "agents:read".into())]);
    let answer = edge.form(PATHS[0], Some(&bearer(&without_scope)), &form);
    assert_eq!(answer.status(), 403);
    assert!(header(&answer, "www-authenticate").contains("scope=\"tokens:read\""));
    for bad in ["x", &token_with(&[("aud", "https://api.example".into())])] {
        assert_eq!(edge.form(PATHS[0], Some(&bearer(bad)), &form).status(), 401);
    }
    assert!(edge.host.origin_asked.borrow().is_empty());
}

#[test]
fn a_clients_credentials_are_exchanged_at_the_origin_and_kept_nowhere() {
    let edge = Edge::new();
    edge.host.answer_with(|_| Ok(answer(200, json!({ "access_token": token() }).to_string())));
    let basic = edge.form(PATHS[0], Some("Basic eDp5"), &format!("token={}", token()));
    assert_eq!(json_of(&basic)["active"], true);
    let posted = edge.form(PATHS[0], None, &format!("client_id=a%20b&client_secret=s%26t&token={}", token()));
    assert_eq!(json_of(&posted)["active"], true);
    let heard = edge.host.origin_asked.borrow();
    for (asked, form, authorization) in [
        (&heard[0], "grant_type=client_credentials&scope=tokens%3Aread", Some("Basic eDp5")),
        (
            &heard[1],
            "grant_type=client_credentials&scope=tokens%3Aread&client_id=a%20b&client_secret=s%26t",
            None,
        ),
    ] {
        assert_eq!(asked.uri().to_string(), format!("{ORIGIN}/oauth2/token"));
        assert_eq!(String::from_utf8_lossy(asked.body()), form);
        let sent = asked.headers().get("authorization").map(|value| value.to_str().unwrap());
        assert_eq!(sent, authorization);
        assert_eq!(asked.headers()["x-forwarded-for"], "203.0.113.9");
    }
    assert!(edge.host.store.borrow().is_empty() && edge.host.log.borrow().is_empty());
}

#[test]
fn an_assertion_is_exchanged_at_the_origin_like_a_secret_and_never_beside_a_token() {
    let edge = Edge::new();
    edge.host.answer_with(|_| Ok(answer(200, json!({ "access_token": token() }).to_string())));
    let proof = "client_assertion_type=urn%3Ax&client_assertion=a.b.c";
    let posted = edge.form(PATHS[0], None, &format!("{proof}&token={}", token()));
    assert_eq!(json_of(&posted)["active"], true);
    // What half of it means, or two methods at once, is the control plane's to say.
    edge.form(PATHS[0], Some("Basic eDp5"), &format!("client_assertion=a.b.c&token={}", token()));
    let heard = edge.host.origin_asked.borrow();
    let bodies: Vec<_> =
        heard.iter().map(|asked| String::from_utf8_lossy(asked.body()).into_owned()).collect();
    let grant = "grant_type=client_credentials&scope=tokens%3Aread";
    assert_eq!(
        bodies,
        [
            format!("{grant}&client_assertion=a.b.c&client_assertion_type=urn%3Ax"),
            format!("{grant}&client_assertion=a.b.c"),
        ]
    );
    assert!(heard[1].headers().contains_key("authorization"));
    drop(heard);
    for half in ["client_assertion=a.b.c", "client_assertion_type=urn%3Ax", proof] {
        let both = edge.form(PATHS[0], Some(&bearer(&token())), &format!("{half}&token={}", token()));
        assert_eq!(
            (both.status().as_u16(), json_of(&both)["error"].as_str()),
            (400, Some("invalid_request"))
        );
    }
    assert_eq!(edge.host.origin_asked.borrow().len(), 2);
    assert!(edge.host.store.borrow().is_empty() && edge.host.log.borrow().is_empty());
}

#[test]
fn what_the_origin_says_of_a_client_is_passed_on() {
    let edge = Edge::new();
    let ask = || edge.form(PATHS[0], Some("Basic eDp5"), &format!("token={}", token()));
    for (status, error) in [(401, "invalid_client"), (400, "unauthorized_client"), (429, "slow_down")] {
        edge.host.answer_with(move |_| {
            let mut refused = answer(status, json!({ "error": error }).to_string());
            refused.headers_mut().insert("retry-after", "7".parse().unwrap());
            refused.headers_mut().insert("set-cookie", "a=b".parse().unwrap());
            Ok(refused)
        });
        let answer = ask();
        assert_eq!((answer.status().as_u16(), json_of(&answer)["error"].as_str()), (status, Some(error)));
        assert_eq!((header(&answer, "retry-after"), header(&answer, "set-cookie")), ("7", ""));
    }
    edge.host.answer_with(|_| Ok(answer(400, r#"{"error":"invalid_scope"}"#)));
    assert_eq!(
        (ask().status().as_u16(), json_of(&ask())["error"].as_str()),
        (403, Some("insufficient_scope"))
    );
    for body in ["", "{}", "[]", r#"{"access_token":7}"#, "not JSON"] {
        edge.host.answer_with(move |_| Ok(answer(200, body)));
        assert_eq!(ask().status(), 502, "{body}");
    }
    edge.host.answer_with(|_| Ok(answer(500, "{}")));
    assert_eq!(ask().status(), 502);
    edge.host.answer_with(|_| Err(OriginError::TimedOut));
    assert_eq!(ask().status(), 504);
    // A token of the control plane's that is not good here is not the caller's fault.
    edge.host.answer_with(|_| Ok(answer(200, json!({ "access_token": "x" }).to_string())));
    assert_eq!(ask().status(), 503);
}

#[test]
fn two_kinds_of_authentication_at_once_are_refused() {
    let edge = Edge::new();
    let form = "token=x&client_id=a&client_secret=b";
    assert_eq!(edge.form(PATHS[0], Some(&bearer(&token())), form).status(), 400);
    assert!(edge.host.origin_asked.borrow().is_empty());
}

#[test]
fn requests_that_are_none_are_refused() {
    let edge = Edge::new();
    for form in ["", "token=", "token=a&token=b", "x=y", "token=%ff", "token=%0", "{\"token\":\"x\"}"] {
        let answer = edge.form(PATHS[0], Some(&bearer(&token())), form);
        assert_eq!(answer.status(), 400, "{form}");
        assert_eq!(json_of(&answer)["error"], "invalid_request");
    }
    let large = format!("token={}", "x".repeat(40_000));
    assert_eq!(edge.form(PATHS[0], Some(&bearer(&token())), &large).status(), 413);
    let mut json = with_token(request(Method::POST, PATHS[0]), &token());
    json.headers_mut().insert("content-type", "application/json".parse().unwrap());
    assert_eq!(edge.send(json).status(), 400);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = edge.send(with_token(request(method, PATHS[1]), &token()));
        assert_eq!((answer.status().as_u16(), header(&answer, "allow")), (405, "POST"));
    }
}

#[test]
fn with_old_knowledge_neither_answer_is_given_where_it_could_be_wrong() {
    let edge = Edge::following(Feed::new().with(Feed::revocation(OTHER_AGENT)));
    *edge.host.hub.borrow_mut() = HubIs::Giving(vec![]);
    edge.host.pass(61_000);
    let answer = edge.form(PATHS[0], Some(&bearer(&token())), &format!("token={}", token()));
    assert_eq!(
        (json_of(&answer)["active"].as_bool(), header(&answer, "x-state-stale")),
        (Some(true), "true")
    );
    let revoked = token_with(&[("jti", OTHER_AGENT.into())]);
    assert_eq!(ask(&edge, &token(), &revoked), json!({"active": false}));
    for unknowable in [writer_token(), token_of(2, &claims())] {
        let answer = edge.form(PATHS[0], Some(&bearer(&token())), &format!("token={unknowable}"));
        assert_eq!(answer.status(), 503);
    }
    let writer = token_with(&[("scope", "tokens:read agents:write".into())]);
    assert_eq!(edge.form(PATHS[0], Some(&bearer(&writer)), "token=x").status(), 503);
}
