//! Delegated tokens, judged without the origin.

use agentidp_shared::exceptions::{Standing, SubjectException};
use agentidp_shared::feed::Change;
use http::Method;
use serde_json::{Value, json};

use crate::support::*;

const PATH: &str = "/oauth2/token/verify-delegation";
/// Who asks: nobody of the chain.
const ASKING: &str = "0198c5a4-0000-7000-8000-00000000000c";

fn asking_token() -> String {
    token_with(&[("sub", ASKING.into()), ("client_id", ASKING.into()), ("jti", ASKING.into())])
}

fn ask(edge: &Edge, caller: &str, body: &str) -> Answer {
    let mut request = with_token(request(Method::POST, PATH), caller);
    *request.body_mut() = body.as_bytes().to_vec();
    edge.send(request)
}

fn verify(edge: &Edge, token: &str) -> Value {
    let answer = ask(edge, &asking_token(), &json!({ "delegationToken": token }).to_string());
    assert_eq!((answer.status().as_u16(), header(&answer, "cache-control")), (200, "no-store"));
    assert!(edge.host.origin_asked.borrow().is_empty(), "the origin is not asked");
    json_of(&answer)
}

#[test]
fn an_upstream_is_told_who_acts_and_for_whom() {
    let answer = Edge::new().get_with(&delegated_token(), "/verify");
    assert_eq!((answer.status().as_u16(), header(&answer, "x-agent-id")), (200, OTHER_AGENT));
    assert_eq!(header(&answer, "x-agent-on-behalf-of"), AGENT);
    assert_eq!(header(&answer, "x-agent-delegation"), format!("{AGENT} {OTHER_AGENT}"));
    let own = Edge::new().get_with(&token(), "/verify");
    assert!(!own.headers().contains_key("x-agent-on-behalf-of"));
}

#[test]
fn a_delegated_token_is_verified_without_the_origin() {
    let edge = Edge::new();
    let verified = verify(&edge, &delegated_token());
    assert_eq!((&verified["valid"], &verified["agents"]), (&json!(true), &json!([AGENT, OTHER_AGENT])));
    assert_eq!(verify(&edge, &token())["reason"], "the token was not delegated");
    let unknown = json!({"valid": false, "reason": "it is no token of this organization"});
    for token in ["nonsense".to_owned(), token_with(&[("organization_id", OTHER_ORGANIZATION.into())])] {
        assert_eq!(verify(&edge, &token), unknown);
    }
}

#[test]
fn revoked_hop_attack_what_ends_any_of_the_chain_ends_the_token() {
    let hop = hop();
    for change in [
        Feed::revocation(hop["jti"].as_str().unwrap()),
        Feed::revocation(OTHER_AGENT),
        Feed::agent(AGENT, Standing::Suspended),
        Feed::agent(AGENT, Standing::Gone),
        Feed::agent(OTHER_AGENT, Standing::Suspended),
        Feed::agent(OTHER_AGENT, Standing::Gone),
    ] {
        let edge = Edge::following(Feed::new().with(change.clone()));
        assert_eq!(edge.verify(&delegated_token()), 401, "{change:?}");
        assert_eq!(verify(&edge, &delegated_token())["valid"], false, "{change:?}");
    }
    let unrelated =
        Edge::following(Feed::new().with(Feed::revocation("0198c5a4-0000-7000-8000-00000000000e")));
    assert_eq!(unrelated.verify(&delegated_token()), 200);
}

#[test]
fn foreign_organization_attack_an_agents_own_organization_must_stand_too() {
    let abroad = token_with(&[
        ("client_id", OTHER_AGENT.into()),
        ("jti", OTHER_AGENT.into()),
        ("act", json!({ "sub": OTHER_AGENT, "organization_id": OTHER_ORGANIZATION })),
        ("delegation_chain", json!([hop()])),
    ]);
    let answer = Edge::new().get_with(&abroad, "/verify");
    assert_eq!((answer.status().as_u16(), header(&answer, "x-agent-organization")), (200, ORGANIZATION));
    assert_eq!(header(&answer, "x-agent-home-organization"), OTHER_ORGANIZATION);
    for standing in [Standing::Suspended, Standing::Gone] {
        let exception = SubjectException { standing, not_before: None, expires_at: NOW + 500_000 };
        let organization_id = OTHER_ORGANIZATION.parse().unwrap();
        let edge = Edge::following(Feed::new().with(Change::Organization { organization_id, exception }));
        assert_eq!(edge.verify(&abroad), 401, "{standing:?}");
        assert_eq!(edge.verify(&delegated_token()), 200, "{standing:?}");
    }
}

#[test]
fn forged_chain_attacks_are_refused() {
    let edge = Edge::new();
    let act = json!({ "sub": OTHER_AGENT });
    let base = [("client_id", json!(OTHER_AGENT)), ("jti", json!(OTHER_AGENT))];
    for members in [
        vec![("act", act.clone())],
        vec![("delegation_chain", json!([hop()]))],
        vec![("act", json!({ "sub": ASKING })), ("delegation_chain", json!([hop()]))],
        vec![("act", act.clone()), ("delegation_chain", json!([]))],
        vec![("act", act), ("delegation_chain", json!([{ "sub": ASKING, "jti": ASKING, "iat": 1 }]))],
    ] {
        let token = token_with(&[&base[..], &members].concat());
        assert_eq!(edge.verify(&token), 401, "{members:?}");
    }
    assert_eq!(edge.verify(&delegated_token()), 200);
}

#[test]
fn a_request_that_is_none_is_refused() {
    let edge = Edge::new();
    let asking = asking_token();
    for body in [
        "",
        "[]",
        "{}",
        r#"{"delegationToken": 1}"#,
        r#"{"delegationToken": ""}"#,
        r#"{"delegationToken": "a", "x": 1}"#,
    ] {
        assert_eq!(ask(&edge, &asking, body).status(), 400, "{body}");
    }
    let good = json!({ "delegationToken": delegated_token() }).to_string();
    assert_eq!(ask(&edge, "nonsense", &good).status(), 401);
    assert_eq!(edge.send(request(Method::POST, PATH)).status(), 401);
    assert_eq!(edge.get_with(&asking, PATH).status(), 405);
    assert_eq!(ask(&edge, &asking, &"x".repeat(20_000)).status(), 413);
}
