//! What attackers try at a gateway.

use http::{Method, Uri};

use crate::gateway::*;
use crate::support::*;

#[test]
fn header_smuggling_attack_no_spelling_of_an_identity_or_address_reaches_the_api() {
    let edge = edge();
    for uri in ["https://api.example/users/1", "https://api.example/public"] {
        let mut request = with_token(at(Method::GET, uri), &token_for(AUDIENCE));
        for name in [
            "x-agent-id",
            "x_agent_id",
            "x-agent_scopes",
            "x-agent-organization",
            "x-agent-anything",
            "x-forwarded-for",
            "x-forwarded-host",
            "x_forwarded_host",
            "forwarded",
            "x-real-ip",
            "x-original-url",
            "x-rewrite-url",
            "x-edge-name",
            "cf-connecting-ip",
            "te",
            "transfer-encoding",
            "proxy-authorization",
            "host",
            "expect",
        ] {
            request.headers_mut().append(name, "forged".parse().unwrap());
        }
        // What the edge adds cannot be named away.
        request.headers_mut().append("connection", "x-agent-id, x-forwarded-for, cdn-loop".parse().unwrap());
        assert_eq!(edge.send(request).status(), 200);
    }
    let heard = edge.host.origin_asked.borrow();
    assert!(heard.iter().flat_map(|request| request.headers().values()).all(|value| value != "forged"));
    assert_eq!(heard[0].headers()["x-agent-id"], AGENT);
    assert_eq!(heard[0].headers()["x-forwarded-for"], "203.0.113.9");
    assert_eq!(heard[0].headers()["cdn-loop"], "id.example");
    assert!(!heard[1].headers().contains_key("x-agent-id"));
}

#[test]
fn path_confusion_attack_what_can_be_read_in_two_ways_is_400() {
    let edge = edge();
    for path in [
        "/users/../admin",
        "/users/%2e%2e/admin",
        "/users/%2E./admin",
        "/users/./1",
        "/users/..;/admin",
        "/users/1;a=b",
        "/users/a%2fb",
        "/users/a%5cb",
        "/users/a\\b",
        "/users//1",
        "//users/1",
        "/users/1//",
        "/users/%252e%252e",
        "/users/a%252fb",
        "/users/%00",
        "/users/%0d%0a",
        "/users/%ff",
        "/users/%c0%af",
        "/users/%",
        "/things/a/%2e%2e/%2e%2e/users/admin",
    ] {
        let answer = get(&edge, AUDIENCE, &format!("https://api.example{path}"));
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (400, "INVALID_PATH"), "{path}");
    }
    let below = get(&edge, ORDERS, "https://id.example/orders/../verify");
    assert_eq!((below.status().as_u16(), code(&below).as_str()), (400, "INVALID_PATH"));
    assert!(asked(&edge).is_empty());
}

#[test]
fn path_confusion_attack_an_encoded_letter_does_not_lead_around_a_rule() {
    let edge = edge();
    for path in ["/users/admin", "/users/%61dmin", "/users/%61%64%6d%69%6e"] {
        let answer = get(&edge, AUDIENCE, &format!("https://api.example{path}"));
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (403, "INSUFFICIENT_SCOPE"), "{path}");
    }
}

#[test]
fn prefix_confusion_attack_a_prefix_ends_at_a_slash() {
    let edge = edge();
    for path in [
        "/ordersX",
        "/orders2/1",
        "/orders-internal",
        "/Orders/1",
        "/orders%2f1",
        "/%6frders/1",
        "/x/orders/1",
    ] {
        get(&edge, ISSUER, &format!("https://id.example{path}"));
    }
    assert!(asked(&edge).iter().all(|uri| uri.starts_with("https://origin.example/")), "{:?}", asked(&edge));
    assert_eq!(asked(&edge).len(), 7);
}

#[test]
fn host_confusion_attack_no_header_chooses_the_upstream() {
    let edge = edge();
    let mut request = with_token(at(Method::GET, "https://id.example/users/1"), &token());
    for name in ["host", "x-forwarded-host", "x-host", "x-original-host", "forwarded"] {
        request.headers_mut().insert(name, "api.example".parse().unwrap());
    }
    edge.send(request);
    assert_eq!(asked(&edge), ["https://origin.example/users/1"]);
    // And other spellings of a host choose none at all.
    for uri in [
        "https://api.example./users/1",
        "https://api.example@evil.example/users/1",
        "https://evil.example@api.example/",
    ] {
        let answer = get(&edge, AUDIENCE, uri);
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (400, "INVALID_HOST"), "{uri}");
    }
    for uri in [
        "https://xapi.example/users/1",
        "https://api.example.evil.example/users/1",
        "https://example/users/1",
    ] {
        get(&edge, ISSUER, uri);
        assert_eq!(asked(&edge).last().unwrap(), "https://origin.example/users/1", "{uri}");
    }
}

#[test]
fn scope_downgrade_attack_the_narrower_rule_counts() {
    let edge = edge();
    assert_eq!(get(&edge, AUDIENCE, "https://api.example/users/1").status(), 200);
    assert_eq!(get(&edge, AUDIENCE, "https://api.example/users/admin").status(), 403);
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let request = at(method.clone(), "https://api.example/users/admin");
        let answer = edge.send(with_token(request, &token_for(AUDIENCE)));
        assert_eq!(code(&answer), "NO_RULE", "{method}");
    }
    for name in ["x-http-method-override", "x-method-override", "x-http-method"] {
        let mut request = with_token(at(Method::GET, "https://api.example/users/1"), &token_for(AUDIENCE));
        request.headers_mut().insert(name, "DELETE".parse().unwrap());
        edge.send(request);
        assert!(!edge.host.origin_asked.borrow().last().unwrap().headers().contains_key(name), "{name}");
    }
}

#[test]
fn audience_confusion_attack_a_token_is_good_at_one_place_only() {
    let edge = edge();
    let places = [
        (AUDIENCE, "https://api.example/users/1"),
        (ORDERS, "https://id.example/orders/1"),
        (ISSUER, "https://id.example/api/v1/agents"),
    ];
    for (position, (audience, _)) in places.iter().enumerate() {
        for (other, (_, uri)) in places.iter().enumerate() {
            let expected = if position == other { 200 } else { 401 };
            assert_eq!(get(&edge, audience, uri).status(), expected, "{audience} at {uri}");
        }
    }
    for audience in ["https://api.example/", "HTTPS://API.EXAMPLE", "https://api.example/users", "*", "api"] {
        assert_eq!(get(&edge, audience, "https://api.example/users/1").status(), 401, "{audience}");
    }
}

#[test]
fn request_loop_attack_a_request_that_comes_back_is_refused() {
    let edge = edge();
    for value in ["id.example", "cloudflare; subreqs=1, id.example", "other, id.example;a=b"] {
        let mut request = with_token(at(Method::GET, "https://api.example/users/1"), &token_for(AUDIENCE));
        request.headers_mut().append("cdn-loop", "cloudflare".parse().unwrap());
        request.headers_mut().append("cdn-loop", value.parse().unwrap());
        let answer = edge.send(request);
        assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (508, "LOOP_DETECTED"), "{value}");
    }
    assert!(asked(&edge).is_empty());
    let mut request = with_token(at(Method::GET, "https://api.example/users/1"), &token_for(AUDIENCE));
    request.headers_mut().append("cdn-loop", "other.example".parse().unwrap());
    assert_eq!(edge.send(request).status(), 200);
}

#[test]
fn server_side_request_forgery_attack_no_target_leaves_the_upstream() {
    let edge = edge();
    for path in [
        "//evil.example/x",
        "/@evil.example",
        "/.evil.example",
        "/:80@evil.example/",
        "/things/@evil.example",
        "/things/http://evil.example",
        "/things/x?@evil.example/",
        "/things/x?u=//evil.example",
        "/things/\\evil.example",
    ] {
        let Ok(uri) = format!("https://api.example{path}").parse::<Uri>() else { continue };
        get(&edge, AUDIENCE, &uri.to_string());
    }
    for path in
        ["/orders@evil.example", "/orders//evil.example", "/orders/@evil.example", "/orders:80@evil.example"]
    {
        get(&edge, ORDERS, &format!("https://id.example{path}"));
    }
    let heard = edge.host.origin_asked.borrow();
    assert!(!heard.is_empty());
    for heard in heard.iter() {
        let host = heard.uri().authority().unwrap().as_str();
        assert!(["api-origin.example", "orders-origin.example", "origin.example"].contains(&host), "{host}");
    }
}

#[test]
fn oversize_body_attack_a_body_ends_at_its_limit_with_and_without_a_length() {
    let edge = edge();
    let send = |length: usize, declared: Option<&str>| {
        let mut request = with_token(at(Method::POST, "https://api.example/things/1"), &token_for(AUDIENCE));
        *request.body_mut() = vec![b'x'; length];
        if let Some(declared) = declared {
            request.headers_mut().insert("content-length", declared.parse().unwrap());
        }
        edge.send(request).status().as_u16()
    };
    assert_eq!((send(1_000, None), send(1_000, Some("1000"))), (200, 200));
    assert_eq!((send(1_001, None), send(1_001, Some("1001"))), (413, 413));
    // Lengths that are none.
    for declared in ["+1", "-1", "1, 1", "0x1", "", "99999999999999999999999"] {
        assert_eq!(send(1_001, Some(declared)), 413, "{declared}");
    }
    assert_eq!(asked(&edge).len(), 2);
}

#[test]
fn request_smuggling_attack_a_length_beside_a_transfer_encoding_is_not_believed() {
    let edge = edge();
    let mut request = with_token(at(Method::POST, "https://api.example/things/1"), &token_for(AUDIENCE));
    *request.body_mut() = vec![b'x'; 1_001];
    request.headers_mut().insert("content-length", "5".parse().unwrap());
    request.headers_mut().insert("transfer-encoding", "chunked".parse().unwrap());
    assert_eq!(edge.send(request).status(), 413);
}

#[test]
fn slow_origin_attack_the_api_is_given_up_in_time() {
    let edge = edge();
    edge.host.answer_with(|_| Err(agentidp_edge_core::host::OriginError::TimedOut));
    let answer = get(&edge, AUDIENCE, "https://api.example/users/1");
    assert_eq!((answer.status().as_u16(), code(&answer).as_str()), (504, "UPSTREAM_TIMEOUT"));
    assert!(!String::from_utf8_lossy(answer.body()).contains("api-origin"));
    assert_eq!(*edge.host.limits_ms.borrow().last().unwrap(), 5_000);
}

#[test]
fn two_authorization_headers_attack_neither_counts() {
    let edge = edge();
    let mut request = with_token(at(Method::GET, "https://api.example/users/1"), &token_for(AUDIENCE));
    request.headers_mut().append("authorization", "Bearer x".parse().unwrap());
    assert_eq!(edge.send(request).status(), 400);
    let mut basic = at(Method::GET, "https://api.example/users/1");
    basic.headers_mut().insert("authorization", "Basic eA==".parse().unwrap());
    assert_eq!(edge.send(basic).status(), 401);
    let query = format!("https://api.example/users/1?access_token={}", token_for(AUDIENCE));
    assert_eq!(edge.send(at(Method::GET, &query)).status(), 401);
    assert!(asked(&edge).is_empty());
}

#[cfg(feature = "rego")]
mod policies {
    use serde_json::json;

    use super::*;

    fn edge_with(policy: &str) -> Edge {
        let mut upstreams = upstreams();
        upstreams[0]["policy"] = json!({"modules": {"own.rego": policy}, "entrypoint": "data.own.allow"});
        let edge = Edge::in_front_of(&upstreams);
        edge.host.answer_with(|_| Ok(answer(200, "")));
        edge
    }

    #[test]
    fn a_policy_sees_the_request_and_has_the_last_word() {
        let edge = edge_with(&format!(
            "package own\nimport rego.v1\nallow if {{\n input.upstream == \"api\"\n input.method == \"GET\"\n input.host == \"api.example\"\n \
             input.path == \"/users/a b\"\n input.agent.id == \"{AGENT}\"\n input.agent.client == \"{AGENT}\"\n \
             input.agent.organization == \"{ORGANIZATION}\"\n \"tokens:read\" in input.agent.scopes\n}}\n\
             allow if {{ input.path == \"/public\"; input.agent == null }}",
        ));
        assert_eq!(get(&edge, AUDIENCE, "https://API.example/users/a%20b").status(), 200);
        assert_eq!(edge.send(at(Method::GET, "https://api.example/public")).status(), 200);
        let refused = get(&edge, AUDIENCE, "https://api.example/users/other");
        assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (403, "DENIED_BY_POLICY"));
        assert!(header(&refused, "www-authenticate").contains("resource_metadata="));
        // It opens nothing that scopes or rules do not.
        assert_eq!(edge.send(at(Method::GET, "https://api.example/users/a%20b")).status(), 401);
        assert_eq!(code(&get(&edge, AUDIENCE, "https://api.example/users")), "NO_RULE");
    }

    #[test]
    fn policy_error_attack_whatever_goes_wrong_is_no() {
        for policy in [
            "package own\nimport rego.v1\nallow := 1",
            "package own\nimport rego.v1\nallow := \"true\"",
            "package own\nimport rego.v1\nallow := x if { x := input.missing.member }",
            "package own\nimport rego.v1\nallow := true if input.agent.id\nallow := false if input.path",
            "package own\nimport rego.v1\nallow if { some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); a + b == 0 }",
        ] {
            let edge = edge_with(policy);
            let answer = get(&edge, AUDIENCE, "https://api.example/users/1");
            assert_eq!(
                (answer.status().as_u16(), code(&answer).as_str()),
                (403, "DENIED_BY_POLICY"),
                "{policy}"
            );
            assert!(asked(&edge).is_empty());
        }
    }
}
