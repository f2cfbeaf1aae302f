//! Client assertions, without a server: what is accepted, for how long, and that no text makes them panic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use agentidp_shared::client_assertion::{Accepted, Refusal, parse};
use agentidp_shared::jwk::{Jwk, VerificationKey};
use agentidp_shared::strict::encode_base64url;
use agentidp_shared::verify;
use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;
use serde_json::{Value, json};

const CLIENT: &str = "0198c5a4-0000-7000-8000-00000000000a";
const ISSUER: &str = "https://id.example";
const NOW: u64 = 1_800_000_000;

fn signer() -> SigningKey {
    SigningKey::from_bytes(&[8; 32])
}

fn key(kid: &str) -> VerificationKey {
    let jwk = Jwk::ed25519(signer().verifying_key().as_bytes());
    VerificationKey::from_jwk(&Jwk { kid: Some(kid.into()), ..jwk }).unwrap()
}

fn claims() -> Value {
    json!({ "iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": NOW + 60, "jti": "one" })
}

fn assertion(alg: &str, claims: &str) -> String {
    signed(&json!({ "alg": alg, "kid": "k" }), claims)
}

fn signed(header: &Value, claims: &str) -> String {
    let header = header.to_string();
    let input = format!("{}.{}", encode_base64url(header.as_bytes()), encode_base64url(claims.as_bytes()));
    let signature = signer().sign(input.as_bytes());
    format!("{input}.{}", encode_base64url(&signature.to_bytes()))
}

fn judge(claims: &Value, now: u64) -> Result<Accepted, Refusal> {
    parse(&assertion("EdDSA", &claims.to_string()))?.check_signature(&key("k"))?.judge(now, &[ISSUER])
}

#[test]
fn a_good_assertion_says_whose_it_is_and_how_long_it_must_be_remembered() {
    for alg in ["EdDSA", "Ed25519"] {
        let text = assertion(alg, &claims().to_string());
        let unverified = parse(&text).unwrap();
        assert_eq!((unverified.client().to_string().as_str(), unverified.kid()), (CLIENT, Some("k")));
        let accepted = unverified.check_signature(&key("k")).unwrap().judge(NOW, &["x", ISSUER]).unwrap();
        assert_eq!((accepted.jti.as_str(), accepted.refused_from), ("one", NOW + 70));
    }
}

#[test]
fn an_assertion_that_leaves_its_key_out_is_checked_under_the_one_there_is() {
    let text = signed(&json!({ "alg": "EdDSA", "typ": "JWT" }), &claims().to_string());
    let unverified = parse(&text).unwrap();
    assert_eq!(unverified.kid(), None);
    assert!(unverified.check_signature(&key("whatever")).unwrap().judge(NOW, &[ISSUER]).is_ok());
    // One that is there names a key.
    for kid in [json!(null), json!(""), json!(7)] {
        let text = signed(&json!({ "alg": "EdDSA", "kid": kid }), &claims().to_string());
        assert_eq!(parse(&text).unwrap_err(), verify::Refusal::MissingKeyId.into());
    }
    let lying = signed(&json!({ "alg": "RS256" }), &claims().to_string());
    let refused = parse(&lying).unwrap().check_signature(&key("k")).unwrap_err();
    assert_eq!(refused, verify::Refusal::AlgorithmMismatch.into());
}

#[test]
fn an_assertion_is_refused_from_the_very_second_until_which_it_is_remembered() {
    let refused_from = judge(&claims(), NOW).unwrap().refused_from;
    assert!(judge(&claims(), refused_from - 1).is_ok());
    assert_eq!(judge(&claims(), refused_from), Err(Refusal::Expired));
    assert_eq!(judge(&claims(), NOW - 251), Err(Refusal::TooLongLived));
    assert!(judge(&claims(), NOW - 250).is_ok());
}

#[test]
fn swapped_key_attack_a_key_of_another_name_or_algorithm_checks_nothing() {
    let text = assertion("EdDSA", &claims().to_string());
    let refused = |kid: &str| parse(&text).unwrap().check_signature(&key(kid)).unwrap_err();
    assert_eq!(refused("other"), verify::Refusal::UnknownKey.into());
    let lying = assertion("ES256", &claims().to_string());
    let refused = parse(&lying).unwrap().check_signature(&key("k")).unwrap_err();
    assert_eq!(refused, verify::Refusal::AlgorithmMismatch.into());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", payload in "\\PC{0,200}") {
        let _ = parse(&text);
        let _ = parse(&assertion("EdDSA", &payload));
    }

    #[test]
    fn no_claims_make_it_panic_and_no_time_lets_one_live_longer_than_it_may(exp: u64, iat: i64, now in 0..u64::MAX) {
        let mut claims = claims();
        (claims["exp"], claims["iat"]) = (json!(exp), json!(iat));
        if let Ok(accepted) = judge(&claims, now) {
            prop_assert!(accepted.refused_from > now && accepted.refused_from <= now + 320);
        }
    }
}
