//! What is said of a subject that a change concerns which cannot be read, wherever the edge speaks of it.

use http::Method;
use serde_json::json;

use crate::support::*;
use crate::versions::principal;

/// Asks an edge about the subject that is in doubt, or about another.
type Ask = Box<dyn Fn(&Edge, bool) -> Answer>;

#[test]
fn what_cannot_be_read_of_a_subject_holds_wherever_the_edge_speaks_of_it_and_of_no_other() {
    let upstream = json!([{
        "name": "api", "match": {"pathPrefix": "/things"}, "origin": "https://api-origin.example", "audience": THINGS,
        "rules": [{"methods": ["GET"], "path": "/things/{*path}", "scopes": []}],
    }]);
    let organization = |id: &str| format!("/organizations/{id}/.well-known/openid-configuration");
    let introspected = |edge: &Edge, asked: &str| {
        edge.form("/oauth2/introspect", Some(&format!("Bearer {}", third())), &format!("token={asked}"))
    };
    let of_tokens = |ask: fn(&Edge, &str) -> Answer| -> Ask {
        Box::new(move |edge, is_doubted| ask(edge, &if is_doubted { token() } else { other() }))
    };
    let ways: Vec<(&str, String, Ask)> = vec![
        ("/verify", principal(), of_tokens(|edge, token| edge.get_with(token, "/verify"))),
        (
            "the gateway",
            principal(),
            Box::new(|edge, is_doubted| {
                let agent = if is_doubted { AGENT } else { OTHER_AGENT };
                let claims = [("sub", json!(agent)), ("client_id", json!(agent)), ("aud", json!(THINGS))];
                edge.get_with(&token_with(&claims), "/things/1")
            }),
        ),
        (
            "introspection",
            principal(),
            Box::new(move |edge, is_doubted| introspected(edge, &if is_doubted { token() } else { other() })),
        ),
        (
            "who asks for an introspection",
            principal(),
            Box::new(|edge, is_doubted| {
                let who = if is_doubted { token() } else { other() };
                edge.form("/oauth2/introspect", Some(&format!("Bearer {who}")), &format!("token={}", third()))
            }),
        ),
        (
            "a delegation",
            principal(),
            Box::new(|edge, is_doubted| {
                let mut request =
                    with_token(request(Method::POST, "/oauth2/token/verify-delegation"), &third());
                let delegated = if is_doubted { delegated_token() } else { other() };
                *request.body_mut() = json!({ "delegationToken": delegated }).to_string().into_bytes();
                edge.send(request)
            }),
        ),
        (
            "an agent's document",
            principal(),
            Box::new(|edge, is_doubted| {
                edge.get(&format!("/agents/{}/did.json", if is_doubted { AGENT } else { THIRD_AGENT }))
            }),
        ),
        (
            "an organization's metadata",
            format!("organization/{ORGANIZATION}"),
            Box::new(move |edge, is_doubted| {
                edge.get(&organization(if is_doubted { ORGANIZATION } else { OTHER_ORGANIZATION }))
            }),
        ),
        ("everyone's", "all".to_owned(), of_tokens(|edge, _| edge.get_with(&token(), "/verify"))),
    ];
    for (what, subject, ask) in ways {
        let told = |subject: &str| {
            let edge = Edge::cold_in_front_of(&upstream);
            edge.host.answer_with(|request| {
                let issuer =
                    format!("{ISSUER}{}", request.uri().path().split("/.well-known").next().unwrap());
                let did = format!("did:web:id.example:agents:{THIRD_AGENT}");
                Ok(answer(200, json!({ "issuer": issuer, "id": did }).to_string()))
            });
            let feed = Feed::new().in_version(2).with(Feed::unknown("later/1", &[subject], false));
            *edge.host.hub.borrow_mut() = HubIs::Following(feed);
            edge
        };
        let doubted = ask(&told(&subject), true);
        assert_eq!((what, doubted.status().as_u16()), (what, 503));
        assert!(doubted.headers().contains_key("retry-after"), "{what}");
        let text = String::from_utf8(doubted.into_body()).unwrap();
        assert!(
            text.contains("CHANGE_NOT_UNDERSTOOD") || text.contains("temporarily_unavailable"),
            "{what}: {text}"
        );
        if subject != "all" {
            assert_eq!((what, ask(&told(&subject), false).status().as_u16()), (what, 200));
        }
    }
}

const THINGS: &str = "https://id.example/things";
const THIRD_AGENT: &str = "0198c5a4-0000-7000-8000-00000000000c";

fn token_for(agent: &str) -> String {
    token_with(&[("sub", json!(agent)), ("client_id", json!(agent)), ("jti", json!(agent))])
}

pub fn other() -> String {
    token_for(OTHER_AGENT)
}

/// Of an agent that is in no doubt.
pub fn third() -> String {
    token_for(THIRD_AGENT)
}
