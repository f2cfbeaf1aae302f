//! Partners' tokens, judged by the keys that travel in the feed.

use agentidp_shared::feed::Change;
use agentidp_shared::partner::PartnerRecord;
use http::Method;
use serde_json::{Value, json};

use crate::support::*;

const PATH: &str = "/api/v1/federation/verify";
const PARTNER: &str = "https://id.partner.example";
const OTHER_PARTNER: &str = "https://id.other-partner.example";
const PARTNER_ID: &str = "0198c5a4-0000-7000-8000-0000000000a1";
/// Their keys, by number. The first key is ours.
const KEY: u8 = 7;
const OTHER_KEY: u8 = 8;

fn record(keys: &[u8]) -> PartnerRecord {
    let Change::Keys { jwks } = Feed::keys(keys) else { unreachable!() };
    PartnerRecord {
        partner_id: PARTNER_ID.parse().unwrap(),
        jwks,
        keys_expire_at: NOW + 3_600,
        allowed_organizations: vec!["org-7".to_owned()],
        expires_at: None,
    }
}

fn partner(organization: &str, issuer: &str, partner: Option<PartnerRecord>) -> Change {
    Change::Partner { organization_id: organization.parse().unwrap(), issuer: issuer.to_owned(), partner }
}

fn feed() -> Feed {
    Feed::new().with(partner(ORGANIZATION, PARTNER, Some(record(&[KEY])))).with(partner(
        ORGANIZATION,
        OTHER_PARTNER,
        Some(record(&[OTHER_KEY])),
    ))
}

fn theirs(members: &[(&str, Value)]) -> Value {
    let mut claims = json!({
        "iss": PARTNER, "aud": ISSUER, "sub": "agent-7", "organization_id": "org-7", "scope": "orders:read",
        "iat": NOW - 10, "exp": NOW + 600, "jti": "one",
    });
    for (name, value) in members {
        claims[*name] = value.clone();
    }
    claims
}

fn ask_as(edge: &Edge, caller: &str, body: &str) -> Answer {
    let mut request = with_token(request(Method::POST, PATH), caller);
    *request.body_mut() = body.as_bytes().to_vec();
    edge.send(request)
}

fn verify(edge: &Edge, token: &str) -> Value {
    let answer = ask_as(edge, &token_with(&[]), &json!({ "token": token }).to_string());
    assert_eq!((answer.status().as_u16(), header(&answer, "cache-control")), (200, "no-store"));
    assert!(edge.host.origin_asked.borrow().is_empty(), "the origin is not asked");
    json_of(&answer)
}

#[test]
fn a_partners_token_is_verified_without_the_origin() {
    let edge = Edge::following(feed());
    let good = json!({
        "valid": true, "partnerId": PARTNER_ID, "issuer": PARTNER, "subject": "agent-7", "organizationId": "org-7",
        "scope": "orders:read", "expiresAt": NOW + 600,
    });
    assert_eq!(verify(&edge, &token_of(KEY, &theirs(&[]))), good);
    let own = format!("{ISSUER}/organizations/{ORGANIZATION}");
    assert_eq!(verify(&edge, &token_of(KEY, &theirs(&[("aud", own.into())])))["valid"], true);
    let api = json!({ "token": token_of(KEY, &theirs(&[("aud", "https://api.example".into())])), "audience": "https://api.example" });
    assert_eq!(json_of(&ask_as(&edge, &token(), &api.to_string()))["valid"], true);
}

#[test]
fn impersonation_attacks_by_and_upon_partners_are_refused() {
    let edge = Edge::following(feed());
    for (number, members, reason) in [
        (KEY, vec![("iss", json!(ISSUER))], "no partner has this issuer"),
        (KEY, vec![("iss", json!(format!("{PARTNER}/")))], "no partner has this issuer"),
        (KEY, vec![("aud", json!("https://api.example"))], "the token is meant for another audience"),
        (
            KEY,
            vec![("aud", json!(format!("{ISSUER}/organizations/{OTHER_ORGANIZATION}")))],
            "the token is meant for another audience",
        ),
        (KEY, vec![("aud", json!([ISSUER, "https://api.example"]))], "the token is for several audiences"),
        (
            KEY,
            vec![("organization_id", json!("org-8"))],
            "the partner's organization is not one that is allowed",
        ),
        (
            KEY,
            vec![("organization_id", json!(ORGANIZATION))],
            "the partner's organization is not one that is allowed",
        ),
        (KEY, vec![("exp", json!(NOW - 11)), ("iat", json!(NOW - 100))], "the token has expired"),
        (KEY, vec![("exp", json!(NOW + 90_000))], "`exp` is too far ahead"),
    ] {
        let verified = verify(&edge, &token_of(number, &theirs(&members)));
        assert_eq!(verified, json!({ "valid": false, "reason": reason }), "{members:?}");
    }
    let signed = token_of(KEY, &theirs(&[]));
    let (input, _) = signed.rsplit_once('.').unwrap();
    let stolen = token_of(OTHER_KEY, &theirs(&[]));
    let forged = format!("{input}.{}", stolen.rsplit_once('.').unwrap().1);
    assert_eq!(verify(&edge, &forged)["reason"], "the token's signature is not valid");
    assert_eq!(verify(&edge, &signed)["valid"], true);
}

#[test]
fn a_partner_is_one_organizations_own() {
    let edge = Edge::following(feed());
    let neighbour = token_with(&[("organization_id", OTHER_ORGANIZATION.into())]);
    let body = json!({ "token": token_of(KEY, &theirs(&[])) }).to_string();
    let answer = json_of(&ask_as(&edge, &neighbour, &body));
    assert_eq!(answer, json!({ "valid": false, "reason": "no partner has this issuer" }));
}

#[test]
fn what_the_feed_says_last_counts() {
    let token = token_of(KEY, &theirs(&[]));
    let over = PartnerRecord { expires_at: Some(NOW), ..record(&[KEY]) };
    let narrowed = PartnerRecord { allowed_organizations: vec!["org-9".to_owned()], ..record(&[KEY]) };
    for (change, reason) in [
        (None, "no partner has this issuer"),
        (Some(over), "the partnership has expired"),
        (Some(narrowed), "the partner's organization is not one that is allowed"),
    ] {
        let edge = Edge::following(feed().with(partner(ORGANIZATION, PARTNER, change)));
        assert_eq!(verify(&edge, &token), json!({ "valid": false, "reason": reason }));
    }
    let edge = Edge::following(feed().with(partner(ORGANIZATION, PARTNER, Some(record(&[OTHER_KEY])))));
    assert_eq!(verify(&edge, &token_of(OTHER_KEY, &theirs(&[])))["valid"], true);
}

#[test]
fn what_the_edge_cannot_decide_it_passes_on_as_it_came() {
    let unknown = json!({ "token": token_of(9, &theirs(&[])) }).to_string();
    let withdrawn = json!({ "token": token_of(KEY, &theirs(&[])) }).to_string();
    let long = "a".repeat(2_049);
    for (body, feed) in [
        (unknown, feed()),
        (
            withdrawn,
            feed().with(partner(
                ORGANIZATION,
                PARTNER,
                Some(PartnerRecord { keys_expire_at: NOW, ..record(&[KEY]) }),
            )),
        ),
        ("{}".to_owned(), feed()),
        ("[".to_owned(), feed()),
        (json!({ "token": "a", "audience": long }).to_string(), feed()),
        (json!({ "token": "a", "audience": null }).to_string(), feed()),
        (json!({ "token": "a", "audiences": "b" }).to_string(), feed()),
    ] {
        let edge = Edge::following(feed);
        edge.host.answer_with(|request| Ok(answer(418, request.body().clone())));
        let answer = ask_as(&edge, &token(), &body);
        assert_eq!((answer.status().as_u16(), answer.body()), (418, &body.into_bytes()));
    }
}

#[test]
fn who_asks_must_be_allowed_to_and_what_is_known_must_be_fresh() {
    let edge = Edge::following(feed());
    let body = json!({ "token": token_of(KEY, &theirs(&[])) }).to_string();
    let mut anonymous = request(Method::POST, PATH);
    *anonymous.body_mut() = body.clone().into_bytes();
    assert_eq!(edge.send(anonymous).status(), 401);
    let without = token_with(&[("scope", "tokens:read".into())]);
    assert_eq!(ask_as(&edge, &without, &body).status(), 403);
    assert_eq!(edge.get_with(&token(), PATH).status(), 405);
    let large = format!("{{\"token\": \"{}\"}}", "a".repeat(64 * 1024));
    assert_eq!(ask_as(&edge, &token(), &large).status(), 413);

    *edge.host.hub.borrow_mut() = HubIs::Down;
    edge.host.pass(61_000);
    let reader = token_with(&[("scope", "agents:read".into())]);
    let answer = ask_as(&edge, &reader, &body);
    assert_eq!((answer.status().as_u16(), json_of(&answer)["code"].as_str()), (503, Some("STATE_TOO_OLD")));
    assert!(answer.headers().contains_key("retry-after"));
}
