//! Attacks through the claims: right signature, wrong content.

use agentidp_shared::claims::{Claims, MAX_AUDIENCES, MAX_URI_LENGTH, MalformedClaim};
use agentidp_shared::verify::{Refusal, Verdict};
use serde_json::{Value, json};

use crate::support::*;

#[track_caller]
fn assert_malformed(claim: &'static str, value: Value) {
    assert_refused(&token_with(&claims_with(claim, value)), &Refusal::MalformedClaim(MalformedClaim(claim)));
}

fn signed(payload: &str) -> String {
    mint_raw(&KEYS.es256, &header("ES256", "es").to_string(), payload.as_bytes())
}

/// CVE-2026-25537: a time of the wrong type counted as absent, and an absent one as unlimited.
#[test]
fn wrongly_typed_time_attack() {
    for claim in ["exp", "nbf", "iat"] {
        for value in [
            json!("1900000000"),
            json!(1_900_000_000.5),
            json!(1_900_000_000.0),
            json!(1e300),
            json!(-1),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1_u64 << 40),
            json!([1_900_000_000]),
            json!({"$numberLong": "1900000000"}),
            json!(true),
            json!(""),
        ] {
            assert_malformed(claim, value);
        }
    }
    let null = claims().to_string().replace(&format!("\"exp\":{}", NOW + 3_500), "\"exp\":null");
    assert_refused(&signed(&null), &Refusal::MalformedClaim(MalformedClaim("exp")));
    let huge = claims().to_string().replace(&format!("\"exp\":{}", NOW + 3_500), "\"exp\":1e999");
    assert_refused(&signed(&huge), &Refusal::MalformedClaims);
}

#[test]
fn a_status_that_names_no_place_in_a_list_is_malformed() {
    for value in [
        json!("https://id.example/status-lists/1"),
        json!({}),
        json!({"status_list": null}),
        json!({"status_list": {"idx": "1", "uri": "https://id.example/status-lists/1"}}),
        json!({"status_list": {"idx": -1, "uri": "https://id.example/status-lists/1"}}),
        json!({"status_list": {"idx": 1.5, "uri": "https://id.example/status-lists/1"}}),
        json!({"status_list": {"idx": 1}}),
        json!({"status_list": {"idx": 1, "uri": ""}}),
        json!({"status_list": {"idx": 1, "uri": "x".repeat(MAX_URI_LENGTH + 1)}}),
    ] {
        assert_malformed("status", value);
    }
    let good = json!({"status_list": {"idx": 1, "uri": "https://id.example/status-lists/1"}});
    let claims = Claims::from_object(claims_with("status", good.clone()).as_object().unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&claims).unwrap()["status"], good);
}

#[test]
fn wrong_issuer_attack_lookalikes_of_the_issuer() {
    for issuer in [
        "https://id.example/",
        "https://ID.example",
        "http://id.example",
        "https://id.example.",
        "https://id.example:443",
        "https://id.example#",
        "https://id.example?",
        " https://id.example",
        "https://id.exаmple",
        "https://id.example/x/..",
        "https://attacker@id.example",
    ] {
        assert_refused(&token_with(&claims_with("iss", json!(issuer))), &Refusal::WrongIssuer);
    }
    for value in [json!(""), json!(["https://id.example"]), json!(1), json!({"iss": ISSUER})] {
        assert_malformed("iss", value);
    }
}

#[test]
fn mix_up_attack_an_organizations_issuer_speaks_for_no_other_organization() {
    let issuer_of = |organization: &str| json!(format!("{ISSUER}/organizations/{organization}"));
    assert_accepted(&token_with(&claims_with("iss", issuer_of(ORGANIZATION))));
    for organization in [
        OTHER_AGENT,
        "",
        "..",
        &ORGANIZATION.to_uppercase(),
        &ORGANIZATION.replace('-', ""),
        &format!("{ORGANIZATION}/"),
    ] {
        assert_refused(&token_with(&claims_with("iss", issuer_of(organization))), &Refusal::WrongIssuer);
    }
    let mut of_another = claims_with("iss", issuer_of(ORGANIZATION));
    of_another["organization_id"] = json!(OTHER_AGENT);
    assert_refused(&token_with(&of_another), &Refusal::WrongIssuer);
}

#[test]
fn audience_may_be_one_of_several() {
    assert_accepted(&token_with(&claims_with("aud", json!([ISSUER]))));
    assert_accepted(&token_with(&claims_with("aud", json!(["https://api.example", ISSUER]))));
}

#[test]
fn wrong_audience_attack() {
    for audience in [
        json!("https://id.example/"),
        json!("https://ID.example"),
        json!("*"),
        json!("https://id.example,https://a"),
        json!(["https://a.example"]),
        json!(["https://id.example/", "https://id.exampl"]),
    ] {
        assert_refused(&token_with(&claims_with("aud", audience)), &Refusal::WrongAudience);
    }
    let too_many: Vec<&str> = vec![ISSUER; MAX_AUDIENCES + 1];
    for value in [
        json!([]),
        json!(""),
        json!([""]),
        json!([ISSUER, 1]),
        json!([ISSUER, null]),
        json!([[ISSUER]]),
        json!({"0": ISSUER}),
        json!(true),
        json!(too_many),
        json!("a".repeat(MAX_URI_LENGTH + 1)),
    ] {
        assert_malformed("aud", value);
    }
}

#[test]
fn id_alias_attack_ids_have_one_spelling() {
    for claim in ["sub", "client_id", "organization_id", "jti"] {
        for value in [
            json!(AGENT.to_uppercase()),
            json!(format!("{{{AGENT}}}")),
            json!(format!("urn:uuid:{AGENT}")),
            json!(AGENT.replace('-', "")),
            json!(format!("{AGENT} ")),
            json!(format!("{AGENT}\0")),
            json!("../../etc/passwd"),
            json!(""),
            json!(17),
            json!([AGENT]),
        ] {
            assert_malformed(claim, value);
        }
    }
}

#[test]
fn malformed_scope_attack() {
    for value in [
        json!(["admin:orgs"]),
        json!(1),
        json!({"admin:orgs": true}),
        json!("a  b"),
        json!(" a"),
        json!("a "),
        json!("a\tb"),
        json!("a\u{a0}b"),
        json!("a,\"b"),
        json!("x".repeat(65)),
        json!(vec!["a"; 65].join(" ")),
    ] {
        assert_malformed("scope", value);
    }
}

#[test]
fn scope_insufficiency_no_prefix_case_or_wildcard_counts() {
    use agentidp_shared::exceptions::Exceptions;
    let required = scopes("agents:write");
    for held in [
        "",
        "agents:*",
        "*",
        "AGENTS:WRITE",
        "agents:writer",
        "agents",
        "agents:read write",
        "agents:write:x",
    ] {
        let token = token_with(&claims_with("scope", json!(held)));
        let verdict = check_at(&token, &Exceptions::new(hasher()), NOW, &required);
        assert_eq!(
            verdict,
            Verdict::Refused(Refusal::InsufficientScope { required: required.clone() }),
            "{held}"
        );
    }
    let token = token_with(&claims_with("scope", json!("agents:read agents:write")));
    assert!(matches!(check_at(&token, &Exceptions::new(hasher()), NOW, &required), Verdict::Accepted(_)));
}

#[test]
fn duplicate_member_attack_in_the_claims() {
    let good = claims().to_string();
    for extra in
        [r#""scope":"admin:orgs""#, r#""exp":9999999999"#, r#""x":{"a":1,"a":2}"#, r#""\u0073ub":"x""#]
    {
        let payload = format!("{},{extra}}}", good.strip_suffix('}').unwrap());
        assert_refused(&signed(&payload), &Refusal::MalformedClaims);
    }
}

#[test]
fn claims_that_are_not_one_json_object_are_refused() {
    let good = claims().to_string();
    for payload in [
        "null",
        "[]",
        "\"x\"",
        "{",
        &format!("{good}{good}"),
        &format!("\u{feff}{good}"),
        &"[".repeat(3_000),
        &format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200)),
    ] {
        assert_refused(&signed(payload), &Refusal::MalformedClaims);
    }
}

#[test]
fn act_claim_without_a_chain_is_refused_and_must_be_an_object() {
    let token = token_with(&claims_with("act", json!({"sub": OTHER_AGENT})));
    assert_refused(&token, &Refusal::MalformedClaim(MalformedClaim("delegation_chain")));
    for value in [json!(OTHER_AGENT), json!([]), json!(false), json!(0)] {
        assert_malformed("act", value);
    }
}
