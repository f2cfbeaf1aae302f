//! Rate limits: who is counted for what, and what is said of it.

use std::net::IpAddr;
use std::rc::Rc;

use agentidp_edge_core::host::Peer;
use agentidp_edge_core::knowledge::ReadingStore;
use agentidp_edge_core::{Node, handle};
use agentidp_shared::feed::Change;
use agentidp_shared::rate_limit::{RateLimit, RateLimits};
use agentidp_shared::tier::Tier;
use futures_util::FutureExt as _;
use http::Method;
use serde_json::json;

use crate::support::*;

fn limit(text: &str) -> Option<RateLimit> {
    text.parse().ok()
}

fn limited(limits: RateLimits) -> Feed {
    Feed::new().with(Change::RateLimits { limits })
}

fn of_client(text: &str) -> RateLimits {
    RateLimits { client: limit(text), ..RateLimits::default() }
}

fn of_address(text: &str) -> RateLimits {
    RateLimits { address: limit(text), ..RateLimits::default() }
}

fn statuses(edge: &Edge, token: &str, count: usize) -> Vec<u16> {
    (0..count).map(|_| edge.verify(token)).collect()
}

#[test]
fn a_client_over_its_limit_is_told_how_long_to_wait_and_then_served() {
    let edge = Edge::following(limited(of_client("2/60:2")));
    let first = edge.get_with(&token(), "/verify");
    assert_eq!(header(&first, "ratelimit-policy"), r#""client";q=2;w=60"#);
    assert_eq!(header(&first, "ratelimit"), r#""client";r=1;t=30"#);
    assert_eq!(header(&first, "x-ratelimit-limit"), "2");
    assert_eq!(header(&first, "x-ratelimit-remaining"), "1");
    assert_eq!(header(&first, "x-ratelimit-reset"), (NOW + 30).to_string());
    assert_eq!(edge.verify(&token()), 200);
    let refused = edge.get_with(&token(), "/verify");
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), "30");
    assert_eq!(header(&refused, "ratelimit"), r#""client";r=0;t=60"#);
    assert_eq!(json_of(&refused)["error"], "temporarily_unavailable");
    assert!(!refused.headers().contains_key("x-agent-id"));
    edge.host.pass(30_000);
    assert_eq!(statuses(&edge, &token(), 2), [200, 429]);
}

#[test]
fn all_tokens_of_a_client_count_together_and_those_of_others_do_not() {
    let edge = Edge::following(limited(of_client("1/60:1")));
    let another = token_with(&[("jti", "0198c5a4-0000-7000-8000-00000000002d".into())]);
    let other = token_with(&[("sub", OTHER_AGENT.into()), ("client_id", OTHER_AGENT.into())]);
    assert_eq!(edge.verify(&token()), 200);
    assert_eq!(edge.verify(&another), 429);
    assert_eq!(edge.verify(&other), 200);
}

#[test]
fn an_organization_is_limited_by_its_tier_as_the_feed_says() {
    let limits = RateLimits { free: limit("1/60:1"), pro: limit("3/60:3"), ..RateLimits::default() };
    let free = Edge::following(limited(limits));
    assert_eq!(statuses(&free, &token(), 2), [200, 429]);
    let tier = |tier| Change::Tier { organization_id: ORGANIZATION.parse().unwrap(), tier };
    let pro = Edge::following(limited(limits).with(tier(Tier::Pro)));
    assert_eq!(statuses(&pro, &token(), 4), [200, 200, 200, 429]);
    let enterprise = Edge::following(limited(limits).with(tier(Tier::Enterprise)));
    assert_eq!(statuses(&enterprise, &token(), 9), [200; 9]);
    assert!(!enterprise.get_with(&token(), "/verify").headers().contains_key("ratelimit"));
}

#[test]
fn a_client_over_its_own_limit_takes_nothing_from_its_organization() {
    let limits = RateLimits { client: limit("1/60:1"), free: limit("2/60:2"), ..RateLimits::default() };
    let edge = Edge::following(limited(limits));
    assert_eq!(statuses(&edge, &token(), 5), [200, 429, 429, 429, 429]);
    let other = token_with(&[("sub", OTHER_AGENT.into()), ("client_id", OTHER_AGENT.into())]);
    let answer = edge.get_with(&other, "/verify");
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "ratelimit-policy"), r#""client";q=1;w=60, "organization";q=2;w=60"#);
    assert_eq!(header(&answer, "ratelimit"), r#""client";r=0;t=60, "organization";r=0;t=60"#);
}

#[test]
fn requests_without_a_good_token_count_for_their_address_and_good_ones_never() {
    let edge = Edge::following(limited(of_address("2/60:2")));
    edge.host.answer_with(|_| Ok(answer(200, "[]")));
    for status in [401, 401, 429] {
        assert_eq!(edge.get_with("a.b.c", "/api/v1/agents").status(), status);
    }
    assert_eq!(edge.get("/api/v1/marketplace/agents").status(), 429);
    assert_eq!(edge.form("/oauth2/introspect", Some("Basic eA=="), "token=x").status(), 429);
    assert_eq!(edge.form("/oauth2/introspect", Some("Bearer a.b.c"), "token=x").status(), 429);
    assert_eq!(edge.get(&format!("/agents/{AGENT}/did.json")).status(), 429);
    assert_eq!(edge.host.origin_asked.borrow().len(), 0);
    for path in ["/api/v1/agents", "/verify"] {
        assert_eq!(edge.get_with(&token(), path).status(), 200);
    }
    // What says whether the edge works, and what everyone must be able to read, is for everyone.
    for path in ["/health/live", "/health/ready", "/.well-known/jwks.json"] {
        assert_eq!(edge.get(path).status(), 200);
    }
}

#[test]
fn address_rotation_attack_a_network_is_one_caller() {
    let edge = Edge::following(limited(of_address("1/60:1")));
    edge.host.answer_with(|_| Ok(answer(200, "[]")));
    let from = |address: &str| {
        let mut request = request(Method::GET, "/anything");
        request.extensions_mut().insert(Peer { address: Some(address.parse::<IpAddr>().unwrap()) });
        edge.send(request).status().as_u16()
    };
    for (address, status) in [
        ("2001:db8::1", 200),
        ("2001:db8::ffff:1", 429),
        ("2001:db8:0:1::1", 200),
        ("192.0.2.1", 200),
        ("::ffff:192.0.2.1", 429),
        ("192.0.2.2", 200),
    ] {
        assert_eq!(from(address), status, "{address}");
    }
}

#[test]
fn spoofed_address_attack_headers_do_not_say_where_a_request_comes_from() {
    let edge = Edge::following(limited(of_address("1/60:1")));
    edge.host.answer_with(|_| Ok(answer(200, "[]")));
    let asked = |number: u8| {
        let mut request = request(Method::GET, "/anything");
        for name in ["x-forwarded-for", "x-real-ip", "forwarded", "cf-connecting-ip"] {
            request.headers_mut().insert(name, format!("192.0.2.{number}").parse().unwrap());
        }
        edge.send(request).status().as_u16()
    };
    assert_eq!([asked(1), asked(2), asked(3)], [200, 429, 429]);
}

#[test]
fn without_its_shard_a_node_goes_on_and_limits_alone() {
    let edge = Edge::following(limited(of_client("3/60:3")));
    edge.host.shard.take();
    assert_eq!(statuses(&edge, &token(), 5), [200, 200, 200, 429, 429]);
    assert_eq!(edge.host.leases_asked.get(), 1);
    assert!(edge.host.log.borrow().iter().any(|line| line.contains("counts alone")));
}

#[test]
fn most_requests_wait_for_no_shard() {
    let edge = Edge::following(limited(of_client("10000/1:10000")));
    for _ in 0..2_000 {
        assert_eq!(edge.verify(&token()), 200);
        edge.host.run_background();
        edge.host.pass(1);
    }
    assert!(edge.host.leases_asked.get() < 100, "{}", edge.host.leases_asked.get());
}

#[test]
fn an_api_behind_the_gateway_may_have_a_limit_of_its_own() {
    let edge = Edge::in_front_of(&json!([{
        "name": "reports", "match": {"pathPrefix": "/reports"}, "origin": "https://reports.internal",
        "audience": "https://reports.example", "rateLimit": {"requests": 1, "seconds": 60},
        "rules": [{"methods": ["GET"], "path": "/reports/mine", "scopes": ["agents:read"]},
                  {"methods": ["GET"], "path": "/reports/public", "public": true}],
    }]));
    edge.host.answer_with(|_| {
        let mut answer = answer(200, "[]");
        answer.headers_mut().insert("ratelimit", "\"theirs\";r=1".parse().unwrap());
        Ok(answer)
    });
    let token = token_with(&[("aud", "https://reports.example".into())]);
    let first = edge.get_with(&token, "/reports/mine");
    assert_eq!((first.status().as_u16(), header(&first, "ratelimit")), (200, r#""upstream";r=0;t=60"#));
    assert_eq!(edge.get_with(&token, "/reports/mine").status(), 429);
    assert_eq!(edge.get("/reports/public").status(), 200);
    assert_eq!(edge.get("/reports/public").status(), 429);
    assert_eq!(edge.host.origin_asked.borrow().len(), 2);
}

/// Instances that live for one request, one after the other.
fn on_a_store(feed: &Feed) -> (Rc<TestHost<ReadingStore>>, impl Fn(&str, &str) -> u16) {
    let host = TestHost::<ReadingStore>::new();
    let origin = feed.clone();
    host.answer_with(move |_| Ok(answer(200, origin.after(0, NOW_MS))));
    let instances = Rc::clone(&host);
    let ask = move |token: &str, path: &str| {
        let node = Rc::new(Node::new(config(), [7; 16]));
        let request = with_token(request(Method::GET, path), token);
        let answer = handle(&node, &instances, request).now_or_never().unwrap();
        answer.status().as_u16()
    };
    (host, ask)
}

#[test]
fn instances_count_together_in_their_store() {
    let limits = RateLimits { client: limit("3/60:3"), free: limit("1/60:1"), ..RateLimits::default() };
    let tier = Change::Tier { organization_id: ORGANIZATION.parse().unwrap(), tier: Tier::Pro };
    let feed = limited(limits).with(tier);
    let (host, ask) = on_a_store(&feed);
    assert_eq!([0; 5].map(|_| ask(&token(), "/verify")), [200, 200, 200, 429, 429]);
    host.pass(20_000);
    assert_eq!([0; 2].map(|_| ask(&token(), "/verify")), [200, 429]);
    // What nobody uses takes no room.
    host.pass(120_000);
    host.answer_with(|_| Ok(answer(200, limited(of_client("3/60:3")).after(0, NOW_MS + 140_000))));
    assert_eq!(ask(&token(), "/verify"), 200);
}
