//! Cards of agents and of the instance.

use agentidp_edge_core::host::OriginError;
use agentidp_shared::exceptions::Standing;
use agentidp_shared::strict::encode_base64url;
use http::Method;
use serde_json::json;

use crate::support::*;

fn did() -> String {
    format!("did:web:id.example:agents:{AGENT}")
}

/// Each kind of document: its path, and one that is about the agent.
fn documents() -> [(String, String); 4] {
    let a2a = json!({
        "capabilities": {"extensions": [{"params": {"did": did()}}]},
        "signatures": [{"protected": "h", "signature": "s"}],
    });
    let badge = json!({"credentialSubject": {"id": did()}}).to_string();
    [
        (format!("/agents/{AGENT}/agent-card.json"), a2a.to_string()),
        (format!("/api/v1/agents/{AGENT}/did/card"), json!({"did": did()}).to_string()),
        (format!("/agents/{AGENT}/oasf.json"), json!({"annotations": {"did": did()}}).to_string()),
        (format!("/agents/{AGENT}/badge.jwt"), format!("h.{}.s", encode_base64url(badge.as_bytes()))),
    ]
}

fn answering(edge: &Edge, text: &str) {
    let text = text.to_owned();
    edge.host.answer_with(move |_| Ok(answer(200, text.clone())));
}

#[test]
fn a_card_comes_from_the_origin_once_and_then_from_the_store() {
    for (path, text) in documents() {
        let edge = Edge::new();
        answering(&edge, &text);
        let first = edge.get(&path);
        assert_eq!((first.status().as_u16(), first.body().as_slice()), (200, text.as_bytes()), "{path}");
        edge.host.run_background();
        let mut held = request(Method::GET, &path);
        held.headers_mut().insert("if-none-match", header(&first, "etag").parse().unwrap());
        assert_eq!(edge.send(held).status(), 304, "{path}");
        assert_eq!(edge.host.origin_asked.borrow().len(), 1, "{path}");
        assert_eq!(edge.host.origin_asked.borrow()[0].uri(), &*format!("{ORIGIN}{path}"));
    }
}

#[test]
fn whoever_brings_a_token_is_answered_by_the_control_plane_and_nothing_of_it_is_kept() {
    for (path, text) in documents() {
        let edge = Edge::new();
        answering(&edge, &text);
        let mut with_token = request(Method::GET, &path);
        with_token.headers_mut().insert("authorization", "Basic x".parse().unwrap());
        assert_eq!(edge.send(with_token).status(), 200, "{path}");
        edge.host.run_background();
        assert!(edge.host.origin_asked.borrow()[0].headers().contains_key("authorization"));
        assert!(edge.host.store.borrow().is_empty(), "{path}");
    }
}

#[test]
fn no_card_of_a_suspended_or_decommissioned_agent_is_served_whatever_the_store_holds() {
    for (path, text) in documents() {
        for (standing, status) in [(Standing::Suspended, 404), (Standing::Gone, 410)] {
            let edge = Edge::new();
            answering(&edge, &text);
            edge.get(&path);
            edge.host.run_background();
            let changed = Feed::new().with(Feed::agent(AGENT, standing));
            assert_eq!(edge.push(&changed.after(3, NOW_MS)).status(), 204);
            assert_eq!(edge.get(&path).status(), status, "{path}");
        }
    }
}

#[test]
fn stale_card_attack_a_copy_is_not_served_once_the_agent_changed() {
    for (path, text) in documents() {
        let edge = Edge::new();
        answering(&edge, &text);
        edge.get(&path);
        edge.host.run_background();
        let changed = Feed::new().with(Feed::agent(AGENT, Standing::Active));
        assert_eq!(edge.push(&changed.after(3, NOW_MS)).status(), 204);
        // It is not public any more.
        edge.host.answer_with(|_| Ok(answer(404, "{}")));
        assert_eq!(edge.get(&path).status(), 404, "{path}");
        edge.host.answer_with(|_| Err(OriginError::TimedOut));
        assert_eq!(edge.get(&path).status(), 503, "{path}");
    }
}

#[test]
fn a_card_of_another_agent_is_not_passed_on() {
    let documents = documents();
    for (position, (path, _)) in documents.iter().enumerate() {
        let edge = Edge::new();
        let another = documents[(position + 1) % 4].1.clone();
        for text in ["", "{}", "a.b.c", &another] {
            answering(&edge, text);
            assert_eq!(edge.get(path).status(), 503, "{path}: {text}");
        }
        edge.host.run_background();
        assert!(edge.host.store.borrow().is_empty());
    }
}

#[test]
fn the_instances_card_is_kept_until_its_keys_change() {
    let path = "/.well-known/agent-card.json";
    let card =
        json!({"capabilities": {"extensions": [{"params": {"did": "did:web:id.example"}}]}}).to_string();
    let edge = Edge::new();
    answering(&edge, &card);
    assert_eq!(edge.get(path).body().as_slice(), card.as_bytes());
    edge.host.run_background();
    edge.host.answer_with(|_| Err(OriginError::TimedOut));
    assert_eq!(edge.get(path).status(), 200);
    edge.host.pass(60_000);
    assert_eq!(edge.get(path).status(), 200, "an old copy stands in");
    edge.host.store.borrow_mut().clear();
    assert_eq!(edge.get(path).status(), 503);
    answering(&edge, &json!({"name": "another's"}).to_string());
    assert_eq!(edge.get(path).status(), 503);
}
