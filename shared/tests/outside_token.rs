//! Tokens of issuers outside, through the public steps: what is refused before, by and after the signature.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "tests fail by panicking"
)]

use agentidp_shared::jwk::{Jwk, VerificationKey};
use agentidp_shared::outside_token::{Kind, Refusal, Unverified, parse as parse_as};
use agentidp_shared::strict::encode_base64url;
use agentidp_shared::verify;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

const NOW: u64 = 1_900_000_000;
const ISSUER: &str = "https://issuer.example";

fn parse(token: &str) -> Result<Unverified<'_>, Refusal> {
    parse_as(token, Kind::Workload)
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn verification_key() -> VerificationKey {
    let jwk = Jwk { kid: Some("k".into()), ..Jwk::ed25519(key().verifying_key().as_bytes()) };
    VerificationKey::from_jwk(&jwk).unwrap()
}

fn claims(more: Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "aud": "us", "iat": NOW - 5, "exp": NOW + 300, "jti": "one", "sub": "workload"});
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn sign(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| encode_base64url(value.to_string().as_bytes());
    let input = format!("{}.{}", part(header), part(claims));
    format!("{input}.{}", encode_base64url(&key().sign(input.as_bytes()).to_bytes()))
}

fn header() -> Value {
    json!({"alg": "EdDSA", "kid": "k", "typ": "JWT", "x5t": "anything"})
}

fn used_by(claims: &Value) -> [u8; 32] {
    let token = sign(&header(), claims);
    parse(&token)
        .unwrap()
        .check_signature(&verification_key())
        .unwrap()
        .judge(NOW, Kind::Workload)
        .unwrap()
        .used_by
}

#[test]
fn a_good_token_says_whom_it_is_from_and_for_and_lets_its_claims_out_when_it_is_checked() {
    let token = sign(&header(), &claims(json!({"aud": ["us"]})));
    let unverified = parse(&token).unwrap();
    assert_eq!((unverified.issuer(), unverified.audience(), unverified.kid()), (ISSUER, "us", "k"));
    let accepted =
        unverified.check_signature(&verification_key()).unwrap().judge(NOW, Kind::Workload).unwrap();
    assert_eq!(accepted.claims["sub"], "workload");
    assert!(accepted.has_jti && accepted.refused_from > NOW + 300);
}

#[test]
fn replay_attack_a_token_is_known_by_its_issuer_and_jti_and_else_by_what_was_signed() {
    let one = used_by(&claims(json!({})));
    assert_eq!(one, used_by(&claims(json!({"sub": "another"}))));
    assert_ne!(one, used_by(&claims(json!({"jti": "two"}))));
    assert_ne!(one, used_by(&claims(json!({"iss": "https://other.example"}))));
    // The end of the one and the beginning of the other cannot be moved.
    let moved = |iss: &str, jti: &str| used_by(&claims(json!({"iss": iss, "jti": jti})));
    assert_ne!(moved("https://a.example", "xone"), moved("https://a.examplex", "one"));
    let mut without = claims(json!({}));
    without.as_object_mut().unwrap().remove("jti");
    let (first, mut second) = (used_by(&without), without.clone());
    second["sub"] = json!("another");
    assert_eq!(first, used_by(&without));
    assert_ne!(first, used_by(&second));
}

#[test]
fn confused_header_attack_a_header_names_a_key_and_nothing_more() {
    for (name, value) in
        [("jwk", json!({})), ("jku", json!("https://a.example")), ("crit", json!([])), ("x5u", json!("x"))]
    {
        let mut header = header();
        header[name] = value;
        assert_eq!(
            parse(&sign(&header, &claims(json!({})))).unwrap_err(),
            verify::Refusal::UnexpectedHeader.into()
        );
    }
    let mut header = header();
    header["typ"] = json!("at+jwt");
    assert!(parse_as(&sign(&header, &claims(json!({}))), Kind::Partner).is_ok());
    assert_eq!(parse(&sign(&header, &claims(json!({})))).unwrap_err(), verify::Refusal::WrongType.into());
}

#[test]
fn several_audiences_attack_a_token_is_for_one() {
    let token = sign(&header(), &claims(json!({"aud": ["us", "them"]})));
    assert_eq!(parse(&token).unwrap_err(), Refusal::SeveralAudiences);
}

#[test]
fn times_are_whole_seconds_and_agree() {
    for (more, refusal) in [
        (json!({"exp": NOW - 11, "iat": NOW - 60}), Refusal::Expired),
        (json!({"exp": NOW + 7_300}), Refusal::TooLongLived),
        (json!({"nbf": NOW + 60}), Refusal::NotYetValid),
        (json!({"iat": NOW + 60}), Refusal::NotYetValid),
        (json!({"iat": NOW + 400}), Refusal::ContradictoryTimes),
    ] {
        let token = sign(&header(), &claims(more));
        let authentic = parse(&token).unwrap().check_signature(&verification_key()).unwrap();
        assert_eq!(authentic.judge(NOW, Kind::Workload).unwrap_err(), refusal);
    }
}
