//! APIs behind the gateway: whose a request is, what it must bring, and what goes on.

use agentidp_edge_core::host::OriginError;
use agentidp_shared::exceptions::Standing;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::support::*;

pub const AUDIENCE: &str = "https://api.example";
pub const ORDERS: &str = "https://id.example/orders";

/// One upstream with a host of its own, and one below a path.
pub fn upstreams() -> Value {
    json!([
        {
            "name": "api", "match": {"host": "api.example"}, "origin": "https://api-origin.example/base", "audience": AUDIENCE,
            "rules": [
                {"methods": ["GET"], "path": "/users/{id}", "scopes": ["agents:read"]},
                {"methods": ["GET", "PUT", "DELETE", "POST", "OPTIONS"], "path": "/things/{*path}", "scopes": []},
                {"methods": ["GET", "POST"], "path": "/users/admin", "scopes": ["agents:write"]},
                {"methods": ["GET"], "path": "/public", "public": true},
                {"methods": ["GET"], "path": "/verify", "scopes": ["agents:read"]},
            ],
            "maxBodyBytes": 1_000, "timeoutMs": 5_000, "retries": 2,
        },
        {
            "name": "orders", "match": {"pathPrefix": "/orders"}, "origin": "https://orders-origin.example",
            "audience": ORDERS, "rules": [{"methods": ["GET"], "path": "/orders/{*path}", "scopes": ["agents:read"]}],
            "stripPrefix": true, "cors": "pass", "forwardToken": true,
        },
    ])
}

pub fn edge() -> Edge {
    let edge = Edge::in_front_of(&upstreams());
    edge.host.answer_with(|request| Ok(answer(200, request.body().clone())));
    edge
}

pub fn at(method: Method, uri: &str) -> Request<Vec<u8>> {
    let mut request = request(method, "/");
    *request.uri_mut() = uri.parse().unwrap();
    request
}

/// A token for an audience, with the good scopes.
pub fn token_for(audience: &str) -> String {
    token_with(&[("aud", audience.into())])
}

pub fn get(edge: &Edge, audience: &str, uri: &str) -> Answer {
    edge.send(with_token(at(Method::GET, uri), &token_for(audience)))
}

/// Where the APIs were asked, in order.
pub fn asked(edge: &Edge) -> Vec<String> {
    edge.host.origin_asked.borrow().iter().map(|request| request.uri().to_string()).collect()
}

pub fn code(answer: &Answer) -> String {
    json_of(answer)["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_request_goes_to_its_upstream_by_host_or_by_path() {
    let edge = edge();
    for (audience, uri, expected) in [
        (AUDIENCE, "https://api.example/users/1?q=%20+a", "https://api-origin.example/base/users/1?q=%20+a"),
        (AUDIENCE, "https://API.Example:8443/users/1", "https://api-origin.example/base/users/1"),
        (AUDIENCE, "https://api.example/verify", "https://api-origin.example/base/verify"),
        (ORDERS, "https://id.example/orders/1/a%20b", "https://orders-origin.example/1/a%20b"),
        (ORDERS, "https://id.example/orders", "https://orders-origin.example/"),
        (ORDERS, "https://id.example/orders/", "https://orders-origin.example/"),
        (ORDERS, "https://id.example/orders?a=/x", "https://orders-origin.example/?a=/x"),
    ] {
        assert_eq!(get(&edge, audience, uri).status(), 200, "{uri}");
        assert_eq!(asked(&edge).last().unwrap(), expected);
    }
    // And the edge's own paths stay its own.
    assert_eq!(edge.verify(&token()), 200);
    assert_eq!(asked(&edge).len(), 7);
}

#[test]
fn the_api_learns_who_it_is_and_not_the_token() {
    let edge = edge();
    let mut request = with_token(at(Method::GET, "https://api.example:8443/users/1"), &token_for(AUDIENCE));
    request.headers_mut().insert("x-request-id", "id-1".parse().unwrap());
    request.headers_mut().insert("accept", "text/plain".parse().unwrap());
    assert_eq!(edge.send(request).status(), 200);
    let heard = edge.host.origin_asked.borrow();
    let mut headers: Vec<(&str, &str)> =
        heard[0].headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    headers.sort_unstable();
    assert_eq!(
        headers,
        [
            ("accept", "text/plain"),
            ("cdn-loop", "id.example"),
            ("x-agent-client", AGENT),
            ("x-agent-id", AGENT),
            ("x-agent-organization", ORGANIZATION),
            ("x-agent-scopes", "agents:read tokens:read"),
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-host", "api.example:8443"),
            ("x-forwarded-proto", "https"),
            ("x-request-id", "id-1"),
        ]
    );
}

#[test]
fn the_token_goes_on_only_where_that_is_wanted() {
    let edge = edge();
    get(&edge, ORDERS, "https://id.example/orders/1");
    let heard = edge.host.origin_asked.borrow();
    assert_eq!(heard[0].headers()["authorization"], format!("Bearer {}", token_for(ORDERS)));
}

#[test]
fn what_no_rule_names_is_403_and_the_log_says_so() {
    let edge = edge();
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/users"),
        (Method::GET, "/users/1/2"),
        (Method::POST, "/users/1"),
        (Method::OPTIONS, "/users/1"),
        (Method::GET, "/health/live"),
        (Method::POST, "/edge/v1/push"),
        (Method::GET, "/.well-known/openid-configuration"),
    ] {
        let answer = edge.send(with_token(
            at(method.clone(), &format!("https://api.example{path}")),
            &token_for(AUDIENCE),
        ));
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (403, "NO_RULE"), "{method} {path}");
        assert!(header(&answer, "www-authenticate").contains("resource_metadata="));
    }
    assert!(asked(&edge).is_empty());
    let log = edge.host.log.borrow();
    assert!(log.iter().all(|line| line.contains("upstream `api`: no rule for")), "{log:?}");
}

#[test]
fn public_paths_need_no_token_and_pass_none_on() {
    let edge = edge();
    assert_eq!(edge.send(at(Method::GET, "https://api.example/public")).status(), 200);
    assert_eq!(edge.send(at(Method::HEAD, "https://api.example/public")).status(), 200);
    assert_eq!(get(&edge, AUDIENCE, "https://api.example/public").status(), 200);
    for heard in edge.host.origin_asked.borrow().iter() {
        assert!(
            !heard.headers().contains_key("authorization") && !heard.headers().contains_key("x-agent-id")
        );
    }
    // Even for an edge that knows nothing.
    let cold = Edge::cold_in_front_of(&upstreams());
    cold.host.answer_with(|_| Ok(answer(200, "")));
    assert_eq!(cold.send(at(Method::GET, "https://api.example/public")).status(), 200);
}

#[test]
fn challenges_point_to_the_metadata_and_name_the_scopes() {
    let edge = edge();
    let metadata = "resource_metadata=\"https://api.example/.well-known/oauth-protected-resource\"";
    let anonymous = edge.send(at(Method::GET, "https://api.example/users/1"));
    assert_eq!(anonymous.status(), 401);
    let challenge = header(&anonymous, "www-authenticate");
    assert_eq!(challenge, format!("Bearer realm=\"agentidp\", {metadata}, scope=\"agents:read\""));
    let bad = edge.send(with_token(at(Method::GET, "https://api.example/users/1"), "nonsense"));
    assert_eq!((bad.status().as_u16(), code(&bad).as_str()), (401, "INVALID_TOKEN"));
    assert!(header(&bad, "www-authenticate").contains("error=\"invalid_token\""));
    assert!(header(&bad, "www-authenticate").contains(metadata));
    let poor = get(&edge, AUDIENCE, "https://api.example/users/admin");
    assert_eq!((poor.status().as_u16(), code(&poor).as_str()), (403, "INSUFFICIENT_SCOPE"));
    let challenge = header(&poor, "www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains(metadata));
    assert_eq!(challenge.matches("scope=\"agents:write\"").count(), 1);
    let below = edge.send(at(Method::GET, "https://id.example/orders/1"));
    assert!(
        header(&below, "www-authenticate")
            .contains("resource_metadata=\"https://id.example/.well-known/oauth-protected-resource/orders\"")
    );
}

#[test]
fn verify_points_to_the_metadata_of_an_upstream_it_is_asked_for() {
    let edge = edge();
    let metadata = "resource_metadata=\"https://id.example/.well-known/oauth-protected-resource/orders\"";
    for answer in [
        edge.get(&format!("/verify?scope=agents:write&audience={ORDERS}")),
        edge.get_with(&token(), &format!("/verify?scope=agents:write&audience={ORDERS}")),
        edge.get_with(&token_for(ORDERS), &format!("/verify?scope=agents:write&audience={ORDERS}")),
    ] {
        assert!(header(&answer, "www-authenticate").contains(metadata));
        assert!(header(&answer, "www-authenticate").contains("scope=\"agents:write\""));
    }
    assert_eq!(header(&edge.get("/verify"), "www-authenticate"), "Bearer realm=\"agentidp\"");
    let other = edge.get("/verify?audience=https://other.example");
    assert_eq!(header(&other, "www-authenticate"), "Bearer realm=\"agentidp\"");
}

#[test]
fn knowledge_too_old_is_503_and_never_401() {
    let edge = edge();
    let writer = token_with(&[("aud", AUDIENCE.into()), ("scope", "agents:read agents:write".into())]);
    *edge.host.hub.borrow_mut() = HubIs::Down;
    edge.host.pass(61_000);
    let stale = get(&edge, AUDIENCE, "https://api.example/users/1");
    assert_eq!((stale.status().as_u16(), header(&stale, "x-state-stale")), (200, "true"));
    let answer = edge.send(with_token(at(Method::POST, "https://api.example/users/admin"), &writer));
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (503, "STATE_TOO_OLD"));
    assert!(
        !answer.headers().contains_key("www-authenticate") && answer.headers().contains_key("retry-after")
    );
    let cold = Edge::cold_in_front_of(&upstreams());
    let answer = get(&cold, AUDIENCE, "https://api.example/users/1");
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (503, "NO_STATE"));
    assert!(asked(&cold).is_empty());
}

#[test]
fn the_suspended_do_not_pass() {
    let edge = edge();
    let feed = Feed::new().with(Feed::agent(AGENT, Standing::Suspended));
    assert_eq!(get(&edge, AUDIENCE, "https://api.example/users/1").status(), 200);
    assert_eq!(edge.push(&feed.after(3, NOW_MS)).status(), 204);
    assert_eq!(get(&edge, AUDIENCE, "https://api.example/users/1").status(), 401);
}

#[test]
fn answers_come_back_without_what_only_the_edge_says() {
    let edge = edge();
    edge.host.answer_with(|_| {
        let mut answer = answer(302, "body");
        for (name, value) in [
            ("location", "https://elsewhere.example/"),
            ("x-state-seq", "999"),
            ("x-state-stale", "true"),
            ("x-agent-id", "forged"),
            ("x_agent_id", "forged"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("x-own", "2"),
            ("cache-control", "max-age=60"),
        ] {
            answer.headers_mut().insert(name, value.parse().unwrap());
        }
        Ok(answer)
    });
    let answer = get(&edge, AUDIENCE, "https://api.example/users/1");
    assert_eq!((answer.status().as_u16(), answer.body().as_slice()), (302, &b"body"[..]));
    assert_eq!(header(&answer, "location"), "https://elsewhere.example/");
    assert_eq!((header(&answer, "x-own"), header(&answer, "cache-control")), ("2", "max-age=60"));
    assert_eq!(header(&answer, "x-state-seq"), "3");
    for name in ["x-state-stale", "x-agent-id", "x_agent_id", "connection", "x-hop", "keep-alive"] {
        assert_eq!(header(&answer, name), "", "{name}");
    }
}

#[test]
fn retries_are_for_what_may_be_repeated_and_end_with_the_time() {
    let edge = edge();
    let send = |method: Method, body: &str| {
        edge.host.origin_asked.borrow_mut().clear();
        let mut request = at(method, "https://api.example/things/1");
        *request.body_mut() = body.as_bytes().to_vec();
        let status = edge.send(with_token(request, &token_for(AUDIENCE))).status().as_u16();
        (status, asked(&edge).len())
    };
    edge.host.answer_with(|_| Err(OriginError::Unreachable));
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE] {
        assert_eq!(send(method.clone(), ""), (502, 3), "{method}");
    }
    assert_eq!(send(Method::PUT, "x"), (502, 1));
    assert_eq!(send(Method::POST, ""), (502, 1));
    edge.host.answer_with(|_| Err(OriginError::TimedOut));
    assert_eq!(send(Method::GET, ""), (504, 1));
    edge.host.answer_with(|_| Ok(answer(503, "")));
    assert_eq!(send(Method::GET, ""), (503, 1));
    // Two seconds per attempt, five in all.
    let host = std::rc::Rc::downgrade(&edge.host);
    edge.host.answer_with(move |_| {
        host.upgrade().unwrap().pass(2_600);
        Err(OriginError::Unreachable)
    });
    assert_eq!(send(Method::GET, ""), (502, 2));
    assert_eq!(*edge.host.limits_ms.borrow().last().unwrap(), 2_400);
}

/// An API whose upstream serves two organizations, with a rule for one of them.
fn serving() -> Edge {
    let mut upstreams = upstreams();
    let rule = |path: &str| json!({"methods": ["GET"], "path": path, "scopes": []});
    let (mut own, public) = (rule("/own"), json!({"methods": ["GET"], "path": "/public", "public": true}));
    own["organizations"] = json!([ORGANIZATION]);
    upstreams[0]["organizations"] = json!([ORGANIZATION, OTHER_ORGANIZATION]);
    upstreams[0]["rules"] = json!([rule("/both"), own, public]);
    let edge = Edge::in_front_of(&upstreams);
    edge.host.answer_with(|_| Ok(answer(200, "")));
    edge
}

#[test]
fn an_api_serves_the_organizations_that_its_upstream_and_its_rule_name() {
    const THIRD: &str = "0198c5a4-0000-7000-8000-0000000000f2";
    let edge = serving();
    let at_path = |organization: &str, path: &str| {
        let token = token_with(&[("aud", AUDIENCE.into()), ("organization_id", organization.into())]);
        edge.send(with_token(at(Method::GET, &format!("https://api.example{path}")), &token))
    };
    for (organization, path, status) in [
        (ORGANIZATION, "/both", 200),
        (OTHER_ORGANIZATION, "/both", 200),
        (THIRD, "/both", 403),
        (ORGANIZATION, "/own", 200),
        (OTHER_ORGANIZATION, "/own", 403),
        (THIRD, "/own", 403),
        (THIRD, "/public", 200),
    ] {
        let answer = at_path(organization, path);
        assert_eq!(answer.status().as_u16(), status, "{organization} {path}");
        if status == 403 {
            assert_eq!(code(&answer), "ORGANIZATION_NOT_SERVED");
            assert!(header(&answer, "www-authenticate").contains("resource_metadata="));
        }
    }
    assert_eq!(asked(&edge).len(), 4);
}

#[test]
fn an_edge_that_cannot_upgrade_says_so() {
    let edge = edge();
    let mut request = with_token(at(Method::GET, "https://api.example/users/1"), &token_for(AUDIENCE));
    request.headers_mut().insert("upgrade", "WebSocket".parse().unwrap());
    request.headers_mut().insert("connection", "Upgrade".parse().unwrap());
    let answer = edge.send(request);
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (501, "UPGRADE_NOT_SUPPORTED"));
    assert!(asked(&edge).is_empty());
}

#[test]
fn preflights_pass_without_a_token_only_where_that_is_wanted_and_only_for_what_a_rule_names() {
    let edge = edge();
    let preflight = |uri: &str, method: &str| {
        let mut request = with_token(at(Method::OPTIONS, uri), "nonsense");
        request.headers_mut().insert("origin", "https://page.example".parse().unwrap());
        request.headers_mut().insert("access-control-request-method", method.parse().unwrap());
        edge.send(request).status().as_u16()
    };
    assert_eq!(preflight("https://id.example/orders/1", "GET"), 200);
    assert!(!edge.host.origin_asked.borrow()[0].headers().contains_key("authorization"));
    assert_eq!(preflight("https://id.example/orders/1", "DELETE"), 403);
    assert_eq!(preflight("https://api.example/users/1", "GET"), 403);
    assert_eq!(preflight("https://api.example/things/1", "GET"), 401);
    assert_eq!(asked(&edge).len(), 1);
    // Refusals are for scripts to read in the same places.
    let readable =
        |uri: &str| header(&edge.send(at(Method::GET, uri)), "access-control-allow-origin").to_owned();
    assert_eq!(readable("https://id.example/orders/1"), "*");
    assert_eq!(readable("https://api.example/users/1"), "");
}

#[test]
fn an_edge_without_upstreams_is_as_it_was() {
    let edge = Edge::new();
    edge.host.answer_with(|_| Ok(answer(200, "")));
    assert_eq!(edge.send(at(Method::GET, "https://api.example./orders/1")).status(), 200);
    assert_eq!(asked(&edge), ["https://origin.example/orders/1"]);
}
