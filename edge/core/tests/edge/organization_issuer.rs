//! Organizations' own issuers: their tokens, and their metadata.

use agentidp_edge_core::host::OriginError;
use agentidp_shared::exceptions::Standing;
use serde_json::{Value, json};

use crate::support::*;

fn issuer() -> String {
    format!("{ISSUER}/organizations/{ORGANIZATION}")
}

fn documents() -> [String; 3] {
    [
        format!("/organizations/{ORGANIZATION}/.well-known/openid-configuration"),
        format!("/.well-known/openid-configuration/organizations/{ORGANIZATION}"),
        format!("/.well-known/oauth-authorization-server/organizations/{ORGANIZATION}"),
    ]
}

#[test]
fn a_token_in_its_organizations_name_is_as_good_as_one_in_the_instances() {
    let edge = Edge::new();
    assert_eq!(edge.verify(&token()), 200);
    assert_eq!(edge.verify(&token_with(&[("iss", issuer().into())])), 200);
}

#[test]
fn mix_up_attack_a_token_in_another_organizations_name_is_refused() {
    let edge = Edge::new();
    let mixed = token_with(&[("iss", format!("{ISSUER}/organizations/{OTHER_ORGANIZATION}").into())]);
    assert_eq!(edge.verify(&mixed), 401);
}

#[test]
fn the_documents_are_those_of_the_instance_under_the_organizations_name() {
    let edge = Edge::new();
    edge.host.answer_with(|_| Ok(answer(200, json!({ "issuer": issuer() }).to_string())));
    let instance: Value =
        serde_json::from_slice(edge.get("/.well-known/openid-configuration").body()).unwrap();
    for path in documents() {
        let answer = edge.get(&path);
        assert_eq!(answer.status(), 200, "{path}");
        let mut expected = instance.clone();
        expected["issuer"] = issuer().into();
        assert_eq!(serde_json::from_slice::<Value>(answer.body()).unwrap(), expected);
        edge.host.run_background();
    }
    assert_eq!(edge.host.origin_asked.borrow().len(), 1);
}

#[test]
fn an_organization_without_an_issuer_is_answered_like_none() {
    let edge = Edge::new();
    edge.host.answer_with(|_| Ok(answer(404, "{}")));
    for path in documents() {
        let absent = edge.get(&path);
        assert_eq!(absent.status(), 404);
        let malformed = edge.get(&path.replace(ORGANIZATION, "nobody"));
        assert_eq!((malformed.status(), malformed.body()), (absent.status(), absent.body()));
    }
    edge.host.answer_with(|_| Ok(answer(200, json!({ "issuer": ISSUER }).to_string())));
    assert_eq!(edge.get(&documents()[0]).status(), 503, "the instance's issuer is not the organization's");
    edge.host.answer_with(|_| Err(OriginError::TimedOut));
    assert_eq!(edge.get(&documents()[0]).status(), 503);
}

#[test]
fn a_suspended_organizations_own_name_does_not_help_and_a_deleted_ones_documents_are_gone() {
    let named = token_with(&[("iss", issuer().into())]);
    for standing in [Standing::Suspended, Standing::Gone] {
        let edge = Edge::following(Feed::new().with(Feed::organization(ORGANIZATION, standing)));
        edge.host.answer_with(|_| Ok(answer(200, json!({ "issuer": issuer() }).to_string())));
        assert_eq!(edge.verify(&named), 401);
        let expected = if standing == Standing::Gone { 404 } else { 200 };
        assert_eq!(edge.get(&documents()[0]).status(), expected);
    }
}
