//! `/verify`.

use agentidp_shared::exceptions::Standing;
use http::Method;
use serde_json::json;

use crate::support::*;

#[test]
fn a_good_token_says_who_it_is_by_any_method_a_proxy_uses() {
    let edge = Edge::new();
    for method in [Method::GET, Method::POST, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = edge.send(with_token(request(method, "/verify"), &token()));
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "x-agent-id"), AGENT);
        assert_eq!(header(&answer, "x-agent-scopes"), "agents:read tokens:read");
        assert_eq!(header(&answer, "x-agent-organization"), ORGANIZATION);
        assert_eq!(header(&answer, "cache-control"), "no-store");
        assert_eq!((header(&answer, "x-state-seq"), header(&answer, "x-state-age")), ("3", "0.000"));
        assert!(!answer.headers().contains_key("x-state-stale"));
    }
}

/// As Envoy asks.
#[test]
fn below_verify_the_method_the_path_and_the_query_are_another_requests() {
    let edge = Edge::new();
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        for path in ["/verify/", "/verify/orders/1?scope=admin:orgs&x=1&x=2", "/verify/oauth2/introspect"] {
            let answer = edge.send(with_token(request(method.clone(), path), &token()));
            assert_eq!((answer.status().as_u16(), header(&answer, "x-agent-id")), (200, AGENT), "{path}");
            assert_eq!(edge.send(request(method.clone(), path)).status(), 401, "{path}");
        }
    }
    assert!(edge.host.origin_asked.borrow().is_empty());
    edge.get_with(&token(), "/verifyx");
    assert_eq!(edge.host.origin_asked.borrow().len(), 1);
}

#[test]
fn without_a_token_there_is_a_challenge_without_an_error() {
    let edge = Edge::new();
    let mut basic = request(Method::GET, "/verify");
    basic.headers_mut().insert("authorization", "Basic eA==".parse().unwrap());
    for answer in [edge.get("/verify"), edge.send(basic)] {
        assert_eq!(answer.status(), 401);
        assert_eq!(header(&answer, "www-authenticate"), "Bearer realm=\"agentidp\"");
    }
}

#[test]
fn a_bad_token_is_401_and_never_shown() {
    let edge = Edge::new();
    let good = token();
    for bad in [format!("{good}A"), good.replace('.', ""), "a.b.c".into(), "-".into(), "x".repeat(9_000)] {
        let answer = edge.get_with(&bad, "/verify");
        assert_eq!(answer.status(), 401, "{bad}");
        assert!(header(&answer, "www-authenticate").contains("error=\"invalid_token\""));
        assert_eq!(json_of(&answer)["error"], "invalid_token");
        assert!(!answer.headers().contains_key("x-agent-id"));
        assert!(bad.len() < 10 || !String::from_utf8_lossy(answer.body()).contains(&bad));
    }
}

#[test]
fn two_authorization_headers_attack_neither_counts() {
    let edge = Edge::new();
    let mut request = with_token(request(Method::GET, "/verify"), &token());
    request.headers_mut().append("authorization", "Bearer x".parse().unwrap());
    let answer = edge.send(request);
    assert_eq!(answer.status(), 400);
    assert!(header(&answer, "www-authenticate").contains("invalid_request"));
}

#[test]
fn x_agent_header_spoofing_attack_the_clients_own_headers_do_not_become_an_identity() {
    let edge = Edge::new();
    let mut spoofed = request(Method::GET, "/verify");
    spoofed.headers_mut().insert("x-agent-id", AGENT.parse().unwrap());
    assert_eq!(edge.send(spoofed.clone()).status(), 401);
    let other = token_with(&[("sub", OTHER_AGENT.into()), ("client_id", OTHER_AGENT.into())]);
    let answer = edge.send(with_token(spoofed, &other));
    assert_eq!(header(&answer, "x-agent-id"), OTHER_AGENT);
    assert_eq!(answer.headers().get_all("x-agent-id").iter().count(), 1);
}

#[test]
fn demanded_scopes_are_held_or_named() {
    let edge = Edge::new();
    for scope in ["agents:read", "tokens:read+agents:read", "agents%3Aread%20tokens%3Aread", ""] {
        assert_eq!(edge.get_with(&token(), &format!("/verify?scope={scope}")).status(), 200, "{scope}");
    }
    let answer = edge.get_with(&token(), "/verify?scope=agents:write+agents:read");
    assert_eq!(answer.status(), 403);
    assert!(header(&answer, "www-authenticate").contains("scope=\"agents:read agents:write\""));
    assert_eq!(json_of(&answer)["error"], "insufficient_scope");
}

/// A demand that is misspelt and ignored would let everyone through.
#[test]
fn ignored_demand_attack_what_is_not_understood_is_refused() {
    let edge = Edge::new();
    for query in [
        "scopes=admin:orgs",
        "Scope=admin:orgs",
        "scope=a&scope=b",
        "scope=a%22b",
        "scope=a%20%20b",
        "scope=%ff",
        "scope=%00",
        "access_token=x",
        "organization=",
        "organization",
        "organizations=0198c5a4-0000-7000-8000-0000000000f0",
        "organization=*",
        "organization=acme",
        "organization=0198c5a4-0000-7000-8000-0000000000f0,0198c5a4-0000-7000-8000-0000000000f1",
        &format!("audience={}", "x".repeat(3_000)),
        &"&".repeat(20_000),
    ] {
        let answer = edge.get_with(&token(), &format!("/verify?{query}"));
        assert_eq!(answer.status(), 400, "{query}");
        assert_eq!(json_of(&answer)["error"], "invalid_request");
    }
}

#[test]
fn an_api_can_demand_whose_agent_it_is() {
    let edge = Edge::new();
    let other = token_with(&[("organization_id", OTHER_ORGANIZATION.into())]);
    let at = |token: &str, organization: &str| {
        edge.get_with(token, &format!("/verify?scope=agents:read&organization={organization}"))
    };
    assert_eq!(at(&token(), ORGANIZATION).status(), 200);
    assert_eq!(at(&token(), &format!("{OTHER_ORGANIZATION}+{ORGANIZATION}")).status(), 200);
    assert_eq!(at(&other, OTHER_ORGANIZATION).status(), 200);
    let refused = at(&other, ORGANIZATION);
    assert_eq!((refused.status().as_u16(), header(&refused, "x-agent-id")), (403, ""));
    assert_eq!(json_of(&refused)["error"], "access_denied");
    assert!(header(&refused, "www-authenticate").starts_with("Bearer "));
}

/// An agent of a served organization that acts for one of another is an agent of both.
#[test]
fn borrowed_organization_attack_every_organization_a_token_goes_through_is_served() {
    let edge = Edge::new();
    let hop = json!({"sub": AGENT, "jti": "0198c5a4-0000-7000-8000-00000000003d", "iat": NOW - 200});
    let act = json!({"sub": OTHER_AGENT, "organization_id": OTHER_ORGANIZATION});
    let abroad = token_with(&[
        ("client_id", OTHER_AGENT.into()),
        ("act", act),
        ("delegation_chain", json!([hop])),
        ("may_act", json!({"sub": OTHER_AGENT})),
    ]);
    let at =
        |organization: &str| edge.get_with(&abroad, &format!("/verify?organization={organization}")).status();
    assert_eq!(at(ORGANIZATION), 403);
    assert_eq!(at(OTHER_ORGANIZATION), 403);
    assert_eq!(at(&format!("{ORGANIZATION}+{OTHER_ORGANIZATION}")), 200);
}

#[test]
fn a_token_is_good_for_its_audience_only() {
    let edge = Edge::new();
    let other = token_with(&[("aud", "https://api.example/reports".into())]);
    assert_eq!(edge.verify(&other), 401);
    let at = |audience: &str| edge.get_with(&other, &format!("/verify?audience={audience}")).status();
    assert_eq!(at("https%3A%2F%2Fapi.example%2Freports"), 200);
    assert_eq!(at("https://api.example"), 401);
    assert_eq!(at("*"), 401);
    assert_eq!(edge.get_with(&token(), "/verify?audience=https://id.example").status(), 200);
}

#[test]
fn a_remembered_token_is_judged_anew_at_every_use() {
    let edge = Edge::new();
    let soon = token_with(&[("exp", (NOW + 5).into())]);
    assert_eq!((edge.verify(&soon), edge.verify(&token())), (200, 200));
    assert_eq!((edge.verify(&soon), edge.verify(&token())), (200, 200));
    assert_eq!(edge.host.tokens_checked(), 2, "each signature is checked once");
    // Scopes and audience are asked anew.
    assert_eq!(edge.get_with(&token(), "/verify?scope=agents:write").status(), 403);
    assert_eq!(edge.get_with(&token(), "/verify?audience=x").status(), 401);
    // Time goes on: 5 s and the leeway.
    edge.host.pass(15_000);
    assert_eq!((edge.verify(&soon), edge.verify(&token())), (401, 200));
    // Its key is withdrawn, its agent suspended, itself revoked.
    let revoked = token_with(&[("jti", "0198c5a4-0000-7000-8000-00000000002d".into())]);
    assert_eq!(edge.verify(&revoked), 200);
    let feed = Feed::new().with(Feed::revocation("0198c5a4-0000-7000-8000-00000000002d"));
    assert_eq!(edge.push(&feed.after(3, edge.host.now_ms.get())).status(), 204);
    assert_eq!((edge.verify(&revoked), edge.verify(&token())), (401, 200));
    let feed = feed.with(Feed::agent(AGENT, Standing::Suspended));
    assert_eq!(edge.push(&feed.after(4, edge.host.now_ms.get())).status(), 204);
    assert_eq!(edge.verify(&token()), 401);
    let feed = feed.with(Feed::agent(AGENT, Standing::Active)).with(Feed::keys(&[2]));
    assert_eq!(edge.push(&feed.after(5, edge.host.now_ms.get())).status(), 204);
    assert_eq!(edge.verify(&token()), 401);
}

#[test]
fn signature_swap_attack_the_memory_knows_whole_tokens_only() {
    let edge = Edge::new();
    let good = token();
    assert_eq!(edge.verify(&good), 200);
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    let other = token_with(&[("scope", "admin:orgs".into())]);
    let (other_unsigned, _) = other.rsplit_once('.').unwrap();
    for forged in [
        format!("{other_unsigned}.{signature}"),
        format!("{unsigned}.{}", "A".repeat(86)),
        format!("{unsigned}."),
        token_of(9, &claims()).replace("key-9", "key-1"),
    ] {
        assert_eq!(edge.verify(&forged), 401);
    }
}

#[test]
fn request_ids_are_kept_if_harmless_and_every_answer_has_one() {
    let edge = Edge::new();
    let mut given = request(Method::GET, "/verify");
    given.headers_mut().insert("x-request-id", "mine-1".parse().unwrap());
    assert_eq!(header(&edge.send(given), "x-request-id"), "mine-1");
    let ids: Vec<String> = ["/verify", "/health/live", "/nothing", "/edge/v1/x"]
        .map(|path| header(&edge.get(path), "x-request-id").to_owned())
        .into();
    assert!(ids.iter().all(|id| id.len() == 36));
    assert_ne!(ids[0], ids[1]);
}
