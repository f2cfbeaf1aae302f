//! The failure table of the edge's contract, row by row.

use agentidp_shared::exceptions::Standing;
use http::Method;
use serde_json::json;

use crate::support::*;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// An edge whose hub, control plane and store have been gone for `age_ms`, and what it knew of before.
fn abandoned(feed: Feed, age_ms: u64) -> Edge {
    let edge = Edge::following(feed);
    *edge.host.hub.borrow_mut() = HubIs::Giving(vec![]);
    edge.host.pass(age_ms);
    edge
}

#[test]
fn control_plane_down_and_state_younger_than_a_minute_everything_as_usual() {
    let edge = abandoned(Feed::new().with(Feed::agent(OTHER_AGENT, Standing::Suspended)), MINUTE);
    assert_eq!((edge.verify(&token()), edge.verify(&writer_token())), (200, 200));
    let answer = edge.get_with(&token(), "/verify");
    assert_eq!(header(&answer, "x-state-age"), "60.000");
    assert!(!answer.headers().contains_key("x-state-stale"));
    assert_eq!(edge.verify(&token_with(&[("sub", OTHER_AGENT.into())])), 401);
    assert_eq!(json_of(&edge.get("/health/ready"))["status"], "ready");
}

#[test]
fn state_older_reading_goes_on_marked_and_writing_is_503_never_401() {
    for age in [MINUTE + 1, DAY] {
        let edge = abandoned(Feed::new(), age);
        let stale = edge.get_with(&token(), "/verify");
        assert_eq!((stale.status().as_u16(), header(&stale, "x-state-stale")), (200, "true"));
        let delegated = delegated_token();
        for unknowable in [writer_token(), token_with(&[("scope", "admin:orgs".into())]), delegated] {
            let answer = edge.get_with(&unknowable, "/verify");
            assert_eq!(answer.status(), 503);
            assert!(answer.headers().contains_key("retry-after"));
            assert!(!answer.headers().contains_key("www-authenticate"));
            assert!(!answer.headers().contains_key("x-agent-id"));
        }
        assert_eq!(json_of(&edge.get("/health/ready"))["status"], "stale");
        assert_eq!(edge.get("/.well-known/jwks.json").status(), 200);
    }
}

#[test]
fn state_older_than_a_day_decides_on_nothing() {
    let edge = abandoned(Feed::new(), DAY + 1);
    for path in ["/verify", "/health/ready", "/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        let answer = edge.get_with(&token(), path);
        assert_eq!(answer.status(), 503, "{path}");
        assert!(answer.headers().contains_key("retry-after"));
    }
    assert_eq!(edge.get("/health/live").status(), 200);
}

#[test]
fn what_is_known_to_be_bad_stays_401_however_old_the_state() {
    let feed = Feed::new().with(Feed::revocation(TOKEN_ID));
    for age in [0, MINUTE + 1, DAY + 1] {
        let edge = abandoned(feed.clone(), age);
        let expired = token_with(&[("exp", (NOW - 50).into()), ("jti", OTHER_AGENT.into())]);
        for bad in [token(), writer_token(), "a.b.c".into(), expired, format!("{}A", token())] {
            assert_eq!(edge.verify(&bad), 401, "{age} {bad}");
        }
        assert_eq!(edge.get_with(&token(), "/api/v1/agents").status(), 401);
    }
}

/// The key may be newer than what is known: with old knowledge that is no reason to refuse.
#[test]
fn an_unknown_key_is_401_with_fresh_and_503_with_old_state() {
    let unknown = token_of(2, &claims());
    assert_eq!(Edge::new().verify(&unknown), 401);
    let edge = abandoned(Feed::new(), MINUTE + 1);
    assert_eq!(edge.verify(&unknown), 503);
    edge.host.answer_with(|_| Ok(answer(200, "{}")));
    assert_eq!(edge.get_with(&unknown, "/api/v1/agents").status(), 200, "the control plane can decide");
}

#[test]
fn no_state_at_all_is_503_for_everything_but_liveness() {
    let edge = Edge::cold();
    let live = edge.get("/health/live");
    assert_eq!((live.status().as_u16(), header(&live, "x-state-seq")), (200, "0"));
    for path in [
        "/verify",
        "/health/ready",
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
        "/.well-known/did.json",
        "/agents/0198c5a4-0000-7000-8000-00000000000a/did.json",
        "/api/v1/agents",
        "/anything",
    ] {
        let answer = edge.get_with("a.b.c", path);
        assert_eq!(answer.status(), 503, "{path}");
        assert!(answer.headers().contains_key("retry-after"), "{path}");
        assert!(!answer.headers().contains_key("www-authenticate"), "{path}");
        assert!(json_of(&answer).is_object());
    }
    assert_eq!(edge.form("/oauth2/introspect", None, "token=x").status(), 503);
    assert!(edge.host.origin_asked.borrow().is_empty());
    // And it recovers by itself.
    *edge.host.hub.borrow_mut() = HubIs::Following(Feed::new());
    edge.host.pass(500);
    assert_eq!(edge.verify(&token()), 200);
}

#[test]
fn store_down_verification_is_unaffected_and_did_documents_come_from_the_origin_then_503() {
    let edge = Edge::new();
    edge.host.store_is_down.set(true);
    assert_eq!(edge.verify(&token()), 200);
    let path = format!("/agents/{AGENT}/did.json");
    let document = json!({ "id": format!("did:web:id.example:agents:{AGENT}") }).to_string();
    edge.host.answer_with(move |_| Ok(answer(200, document.clone())));
    assert_eq!(edge.get(&path).status(), 200);
    edge.host.answer_with(|_| Err(agentidp_edge_core::host::OriginError::Unreachable));
    let answer = edge.get(&path);
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
}

#[test]
fn clock_backwards_attack_time_never_runs_behind_the_feed() {
    let edge = Edge::new();
    let expired = token_with(&[("exp", (NOW - 50).into())]);
    assert_eq!(edge.verify(&expired), 401);
    edge.host.now_ms.set(NOW_MS - 3_600_000);
    assert_eq!(edge.verify(&expired), 401, "an expired token came back to life");
    assert_eq!(edge.verify(&token()), 200);
    assert_eq!(header(&edge.get("/health/live"), "x-state-age"), "0.000");
}

#[test]
fn other_methods_than_get_are_refused_on_health() {
    let edge = Edge::new();
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(edge.send(request(Method::POST, path)).status(), 405);
        assert!(edge.send(request(Method::HEAD, path)).body().is_empty());
    }
}
