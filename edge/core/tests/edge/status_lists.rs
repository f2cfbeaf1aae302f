//! Token status lists.

use agentidp_edge_core::host::OriginError;
use agentidp_shared::strict::encode_base64url;
use http::Method;
use serde_json::{Value, json};

use crate::support::*;

const LIST: &str = "0198c5a4-0000-7000-8000-000000000051";

fn path() -> String {
    format!("/status-lists/{LIST}")
}

fn token(claims: &Value) -> String {
    format!("e30.{}.c2lnbmF0dXJl", encode_base64url(claims.to_string().as_bytes()))
}

fn list(exp: u64) -> String {
    token(&json!({ "sub": format!("{ISSUER}{}", path()), "exp": exp }))
}

fn with_list(exp: u64) -> Edge {
    let edge = Edge::new();
    edge.host.answer_with(move |_| Ok(answer(200, list(exp))));
    edge
}

#[test]
fn a_list_comes_from_the_origin_and_may_be_kept_for_as_long_as_it_says() {
    let edge = with_list(NOW + 600);
    let first = edge.get(&path());
    assert_eq!((first.status().as_u16(), first.body().as_slice()), (200, list(NOW + 600).as_bytes()));
    assert_eq!(header(&first, "content-type"), "application/statuslist+jwt");
    assert_eq!(header(&first, "cache-control"), "public, max-age=30");
    assert_eq!(header(&first, "access-control-allow-origin"), "*");
    edge.host.run_background();
    let mut held = request(Method::GET, &path());
    held.headers_mut().insert("if-none-match", header(&first, "etag").parse().unwrap());
    assert_eq!(edge.send(held).status(), 304);
    assert_eq!(edge.host.origin_asked.borrow().len(), 1);
    assert_eq!(edge.host.origin_asked.borrow()[0].uri(), &*format!("{ORIGIN}{}", path()));
    edge.host.pass(5_000);
    assert_eq!(edge.get(&path()).status(), 200);
    assert_eq!(edge.host.origin_asked.borrow().len(), 2);
    assert_eq!(edge.send(request(Method::OPTIONS, &path())).status(), 204);
    assert_eq!(edge.send(request(Method::POST, &path())).status(), 405);
}

#[test]
fn an_expired_list_is_never_given_whoever_has_it() {
    let edge = with_list(NOW + 20);
    assert_eq!(edge.get(&path()).status(), 200);
    edge.host.run_background();
    edge.host.answer_with(|_| Err(OriginError::TimedOut));
    edge.host.pass(19_000);
    assert_eq!(edge.get(&path()).status(), 200);
    edge.host.pass(1_000);
    assert_eq!(edge.get(&path()).status(), 503);
    // Nor by an origin whose clock stands still.
    edge.host.answer_with(|_| Ok(answer(200, list(NOW + 20))));
    assert_eq!(edge.get(&path()).status(), 503);
}

#[test]
fn what_is_not_the_list_that_was_asked_for_is_not_passed_on() {
    let other = token(&json!({ "sub": format!("{ISSUER}/status-lists/other"), "exp": NOW + 600 }));
    let foreign = token(&json!({ "sub": format!("https://other.example{}", path()), "exp": NOW + 600 }));
    let endless = token(&json!({ "sub": format!("{ISSUER}{}", path()) }));
    for answered in [other, foreign, endless, "<html>".to_owned(), "a.b.c".to_owned(), String::new()] {
        let edge = Edge::new();
        edge.host.answer_with(move |_| Ok(answer(200, answered.clone())));
        assert_eq!(edge.get(&path()).status(), 503);
    }
    let edge = Edge::new();
    edge.host.answer_with(|_| Ok(answer(404, "{}")));
    assert_eq!(edge.get(&path()).status(), 404);
    for id in ["x", "%2e%2e", &LIST.to_uppercase()] {
        assert_eq!(edge.get(&format!("/status-lists/{id}")).status(), 404);
    }
    assert_eq!(edge.host.origin_asked.borrow().len(), 1);
}
