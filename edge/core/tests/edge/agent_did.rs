//! DID documents of agents.

use agentidp_edge_core::host::OriginError;
use agentidp_shared::exceptions::Standing;
use http::Method;
use serde_json::json;

use crate::support::*;

fn paths() -> [String; 2] {
    [format!("/agents/{AGENT}/did.json"), format!("/api/v1/agents/{AGENT}/did")]
}

fn document() -> String {
    json!({ "id": format!("did:web:id.example:agents:{AGENT}") }).to_string()
}

fn with_document(edge: Edge) -> Edge {
    edge.host.answer_with(|_| Ok(answer(200, document())));
    edge
}

#[test]
fn a_document_comes_from_the_origin_once_and_then_from_the_store() {
    let edge = with_document(Edge::new());
    for path in paths() {
        let answer = edge.get(&path);
        assert_eq!((answer.status().as_u16(), answer.body().as_slice()), (200, document().as_bytes()));
        assert_eq!(header(&answer, "content-type"), "application/did+json");
        edge.host.run_background();
    }
    assert_eq!(edge.host.origin_asked.borrow().len(), 1);
    assert_eq!(edge.host.origin_asked.borrow()[0].uri(), &*format!("{ORIGIN}{}", paths()[0]));
    // None of the caller's headers go along.
    assert!(!edge.host.origin_asked.borrow()[0].headers().contains_key("authorization"));
    let tag = header(&edge.get(&paths()[0]), "etag").to_owned();
    let mut held = request(Method::GET, &paths()[0]);
    held.headers_mut().insert("if-none-match", tag.parse().unwrap());
    assert_eq!(edge.send(held).status(), 304);
    assert_eq!(edge.send(request(Method::POST, &paths()[1])).status(), 405);
}

#[test]
fn a_copy_is_renewed_after_a_minute_and_stands_in_when_the_origin_is_away() {
    let edge = with_document(Edge::new());
    edge.get(&paths()[0]);
    edge.host.run_background();
    edge.host.pass(59_999);
    edge.get(&paths()[0]);
    assert_eq!(edge.host.origin_asked.borrow().len(), 1);
    edge.host.pass(1);
    for failure in [500, 503, 429] {
        edge.host.answer_with(move |_| Ok(answer(failure, "{}")));
        assert_eq!(edge.get(&paths()[0]).status(), 200);
    }
    edge.host.answer_with(|_| Err(OriginError::TimedOut));
    assert_eq!(edge.get(&paths()[0]).status(), 200);
    edge.host.store.borrow_mut().clear();
    assert_eq!(edge.get(&paths()[0]).status(), 503);
}

#[test]
fn a_decommissioned_agent_is_410_without_the_origin_and_whatever_the_store_holds() {
    let edge = with_document(Edge::new());
    edge.get(&paths()[0]);
    edge.host.run_background();
    let gone = Feed::new().with(Feed::agent(AGENT, Standing::Gone));
    assert_eq!(edge.push(&gone.after(3, NOW_MS)).status(), 204);
    for path in paths() {
        assert_eq!(edge.get(&path).status(), 410);
    }
    assert_eq!(edge.host.origin_asked.borrow().len(), 1);
    // A suspended agent's document still says which keys were its own.
    let edge = with_document(Edge::following(Feed::new().with(Feed::agent(AGENT, Standing::Suspended))));
    assert_eq!(edge.get(&paths()[0]).status(), 200);
}

#[test]
fn revoked_key_attack_a_copy_is_not_served_across_a_rotation_not_even_when_the_origin_is_away() {
    let edge = with_document(Edge::new());
    edge.get(&paths()[0]);
    edge.host.run_background();
    // The control plane's word that the agent's documents changed: it stands as it stood.
    let changed = Feed::new().with(Feed::agent(AGENT, Standing::Active));
    assert_eq!(edge.push(&changed.after(3, NOW_MS)).status(), 204);
    edge.host.answer_with(|_| Err(OriginError::TimedOut));
    assert_eq!(edge.get(&paths()[0]).status(), 503);
    let edge = with_document(edge);
    assert_eq!(edge.get(&paths()[0]).status(), 200);
    edge.host.run_background();
    let asked = edge.host.origin_asked.borrow().len();
    assert_eq!(edge.get(&paths()[0]).status(), 200);
    assert_eq!(edge.host.origin_asked.borrow().len(), asked, "the new copy is good");
}

#[test]
fn an_agent_that_does_not_exist_is_404_and_may_exist_the_next_moment() {
    let edge = Edge::new();
    for status in [404, 410] {
        edge.host.answer_with(move |_| Ok(answer(status, "{}")));
        let answer = edge.get(&paths()[0]);
        assert_eq!(answer.status(), status);
        assert_eq!(header(&answer, "cache-control"), "no-store");
        edge.host.run_background();
        assert!(!edge.host.store.borrow().contains_key(&format!("did/{AGENT}")));
    }
    assert_eq!(with_document(edge).get(&paths()[0]).status(), 200);
}

#[test]
fn id_alias_attack_other_spellings_name_nobody_and_reach_nothing() {
    let edge = with_document(Edge::new());
    for id in [AGENT.to_uppercase(), AGENT.replace('-', ""), "x".into(), "..%2f..".into(), "%00".into()] {
        assert_eq!(edge.get(&format!("/agents/{id}/did.json")).status(), 404, "{id}");
    }
    assert!(edge.host.origin_asked.borrow().is_empty() && edge.host.store.borrow().is_empty());
}

#[test]
fn a_document_that_is_not_the_agents_own_is_not_passed_on() {
    let edge = Edge::new();
    for body in ["", "not JSON", "{}", "[]", r#"{"id":"did:web:evil.example"}"#, &"x".repeat(70_000)] {
        let body = body.to_owned();
        edge.host.answer_with(move |_| Ok(answer(200, body.clone())));
        assert_eq!(edge.get(&paths()[0]).status(), 503);
    }
    edge.host.run_background();
    assert!(edge.host.store.borrow().is_empty());
    // Nor is what the store holds, if it is not what was put there.
    edge.host.store.borrow_mut().insert(format!("did/{AGENT}"), "nonsense".into());
    assert_eq!(with_document(edge).get(&paths()[0]).status(), 200);
}
