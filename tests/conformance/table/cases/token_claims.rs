//! Well-signed tokens whose claims are not as they must be (RFC 7519 §4, RFC 9068 §2.2).

use agentidp_tests::now;
use serde_json::{Value, json};

use super::verify::{WRONG_AUDIENCE, accepted};
use crate::table::case::{Case, bad_token, case, get, status};
use crate::table::scene::{Scene, header};

const NO_OBJECT: &str = "the token's claims are not a JSON object with unique members";
const EXPIRED: &str = "the token has expired";
const NOT_YET: &str = "the token is not valid yet";
const CONTRADICTORY: &str = "the token's times contradict each other";
const WRONG_ISSUER: &str = "the token was issued by another issuer";

const CLAIMS: [&str; 10] =
    ["iss", "sub", "aud", "client_id", "organization_id", "scope", "jti", "iat", "nbf", "exp"];

pub fn cases(scene: &Scene) -> Vec<Case> {
    let refused = |what: &str, token: &str, why: &str| {
        case(format!("claims: {what}"), get("/verify").bearer(token), bad_token(why))
    };
    let mut cases = Vec::new();
    for name in CLAIMS {
        let why = format!("claim `{name}` is missing or malformed");
        cases.push(refused(&format!("no {name}"), &scene.token_without(name), &why));
    }
    for (what, name, value) in malformed() {
        let why = format!("claim `{name}` is missing or malformed");
        cases.push(refused(what, &scene.token_with(&[(name, value)]), &why));
    }
    for (what, claims, why) in wrong(scene) {
        cases.push(refused(what, &scene.token_with(&claims), why));
    }
    let header = header().to_string();
    let twice = scene.claims().to_string().replacen('{', r#"{"scope":"admin:orgs","#, 1);
    for (what, claims) in
        [("no JSON", "nonsense"), ("an array", "[]"), ("a member twice", &twice), ("null", "null")]
    {
        cases.push(refused(what, &scene.key.token_of(&header, claims), NO_OBJECT));
    }
    for (what, claims) in good(scene) {
        let request = get("/verify").bearer(&scene.token_with(&claims));
        cases.push(case(format!("claims: {what}"), request, accepted(scene)));
    }
    for (what, claims, why) in delegated_badly(scene) {
        cases.push(refused(what, &scene.token_with(&claims), why));
    }
    let delegated = scene.token_with(&delegated(&[hop(&scene.agent.id, HOP, now() - 120)], &[ACTOR]));
    let on_behalf = status(200)
        .header("x-agent-id", ACTOR)
        .header("x-agent-on-behalf-of", &scene.agent.id)
        .header("x-agent-delegation", format!("{} {ACTOR}", scene.agent.id))
        .empty();
    cases.push(case("claims: delegated", get("/verify").bearer(&delegated), on_behalf));
    let nobody = scene.token_with(&[("scope", "".into())]);
    let without_scopes =
        status(200).header("x-agent-id", &scene.agent.id).header("x-agent-scopes", "").empty();
    cases.push(case("claims: no scopes", get("/verify").bearer(&nobody), without_scopes));
    cases
}

fn malformed() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("iss is a list", "iss", json!(["x"])),
        ("iss is empty", "iss", "".into()),
        ("sub is a number", "sub", 1.into()),
        ("sub is no UUID", "sub", "someone".into()),
        ("sub is a UUID in upper case", "sub", "0198C5A4-0000-7000-8000-00000000000A".into()),
        ("aud is a number", "aud", 1.into()),
        ("aud is an empty list", "aud", json!([])),
        ("aud has a number", "aud", json!(["https://api.example", 1])),
        ("aud has an empty text", "aud", json!([""])),
        ("aud has nine", "aud", json!(vec!["https://api.example"; 9])),
        ("client_id is null", "client_id", Value::Null),
        ("organization_id is an object", "organization_id", json!({})),
        ("scope is a list", "scope", json!(["agents:read"])),
        ("scope has a quote", "scope", "agents:\"read".into()),
        ("scope has two spaces", "scope", "agents:read  tokens:read".into()),
        ("jti is no UUID", "jti", "1".into()),
        ("iat is a text", "iat", "1800000000".into()),
        ("nbf has a fraction", "nbf", 1.5.into()),
        ("exp is a text", "exp", "9999999999".into()),
        ("exp has a fraction", "exp", 9_999_999_999.5.into()),
        ("exp is negative", "exp", (-1).into()),
        ("exp is out of this world", "exp", (1_u64 << 40).into()),
        ("exp is null", "exp", Value::Null),
        ("act is a text", "act", "someone".into()),
    ]
}

const CHAIN: &str = "claim `delegation_chain` is missing or malformed";
const ACT: &str = "claim `act` is missing or malformed";
/// An agent and a token that nothing is known of.
const ACTOR: &str = "0198c5a4-0000-7000-8000-0000000000aa";
const HOP: &str = "0198c5a4-0000-7000-8000-0000000000ab";

fn hop(agent: &str, token: &str, iat: i64) -> Value {
    json!({"sub": agent, "jti": token, "iat": iat})
}

/// The claims of a token derived through `hops`; `actors` from the first to the last, which holds it.
fn delegated(hops: &[Value], actors: &[&str]) -> Vec<(&'static str, Value)> {
    let act = actors.iter().fold(Value::Null, |before, actor| match before {
        Value::Null => json!({"sub": actor}),
        before => json!({"sub": actor, "act": before}),
    });
    let holder = actors.last().copied().unwrap_or_default();
    vec![("client_id", holder.into()), ("act", act), ("delegation_chain", json!(hops))]
}

fn delegated_badly(scene: &Scene) -> Vec<Wrong> {
    let (agent, then) = (&*scene.agent.id, now() - 120);
    let (suspended, gone) = (&*scene.suspended.0.id, &*scene.decommissioned.0.id);
    let revoked = crate::tokens::claims(&scene.revoked)["jti"].as_str().unwrap_or_default().to_owned();
    let through =
        |middle: &str| delegated(&[hop(agent, HOP, then), hop(middle, ACTOR, then)], &[middle, ACTOR]);
    let first = hop(agent, HOP, then);
    vec![
        ("act without a chain", vec![("act", json!({"sub": ACTOR}))], CHAIN),
        ("a chain without act", vec![("client_id", ACTOR.into()), ("delegation_chain", json!([first]))], ACT),
        ("a chain that begins with somebody else", delegated(&[hop(ACTOR, HOP, then)], &[ACTOR]), CHAIN),
        ("an actor that the chain lacks", delegated(std::slice::from_ref(&first), &[HOP, ACTOR]), ACT),
        (
            "derived from a revoked token",
            delegated(&[hop(agent, &revoked, then)], &[ACTOR]),
            "a token that this one was derived from was revoked",
        ),
        ("through a suspended agent", through(suspended), "the agent is suspended"),
        ("through a decommissioned agent", through(gone), "the agent is decommissioned"),
    ]
}

type Wrong = (&'static str, Vec<(&'static str, Value)>, &'static str);

fn wrong(scene: &Scene) -> Vec<Wrong> {
    let (now, issuer) = (now(), scene.issuer());
    vec![
        ("another issuer", vec![("iss", "https://evil.example".into())], WRONG_ISSUER),
        ("the issuer with a slash", vec![("iss", format!("{issuer}/").into())], WRONG_ISSUER),
        ("another audience", vec![("aud", "https://api.example".into())], WRONG_AUDIENCE),
        ("the audience with a slash", vec![("aud", format!("{issuer}/").into())], WRONG_AUDIENCE),
        ("other audiences", vec![("aud", json!(["https://a.example", "https://b.example"]))], WRONG_AUDIENCE),
        ("expired long ago", vec![("exp", (now - 30).into())], EXPIRED),
        (
            "expired an hour after it was issued",
            vec![("iat", (now - 7_200).into()), ("nbf", (now - 7_200).into()), ("exp", (now - 3_600).into())],
            EXPIRED,
        ),
        ("nbf is in the future", vec![("nbf", (now + 1_800).into())], NOT_YET),
        ("iat is in the future", vec![("iat", (now + 1_800).into())], NOT_YET),
        ("exp is not after iat", vec![("iat", (now + 3_600).into())], CONTRADICTORY),
        ("exp is before nbf", vec![("nbf", (now + 7_200).into())], CONTRADICTORY),
        ("exp is 0", vec![("exp", 0.into())], CONTRADICTORY),
        ("a suspended agent's", vec![("sub", scene.suspended.0.id.clone().into())], "the agent is suspended"),
        (
            "a decommissioned agent's",
            vec![("sub", scene.decommissioned.0.id.clone().into())],
            "the agent is decommissioned",
        ),
        (
            "for a suspended agent as client",
            vec![("client_id", scene.suspended.0.id.clone().into())],
            "the agent is suspended",
        ),
        (
            "with a revoked id",
            vec![("jti", crate::tokens::claims(&scene.revoked)["jti"].clone())],
            "the token was revoked",
        ),
        ("wrong issuer and expired", vec![("iss", "x".into()), ("exp", 1.into())], WRONG_ISSUER),
        ("wrong audience and expired", vec![("aud", "x".into()), ("exp", 1.into())], WRONG_AUDIENCE),
    ]
}

fn good(scene: &Scene) -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    let (now, issuer) = (now(), scene.issuer());
    vec![
        ("one audience as a list", vec![("aud", json!([issuer]))]),
        ("one of several audiences", vec![("aud", json!(["https://api.example", issuer]))]),
        ("a clock that is a little ahead", vec![("iat", (now + 5).into()), ("nbf", (now + 5).into())]),
        ("claims of another kind besides", vec![("amr", json!(["pwd"])), ("x", Value::Null)]),
    ]
}
