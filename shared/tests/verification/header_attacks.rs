//! Attacks through the JOSE header.

use agentidp_shared::feed::{self, FeedError};
use agentidp_shared::strict::encode_base64url;
use agentidp_shared::verify::{MAX_HEADER_LENGTH, Refusal};
use serde_json::{Value, json};

use crate::support::*;

fn with_header(header: &Value) -> String {
    mint(&KEYS.es256, header, &claims())
}

fn header_with(name: &str, value: Value) -> Value {
    let mut header = header("ES256", "es");
    header[name] = value;
    header
}

#[test]
fn alg_none_attack() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({"alg": alg, "kid": "es", "typ": "at+jwt"});
        assert_refused(&with_header(&header), &Refusal::AlgorithmNotAllowed);
        let unsigned = format!(
            "{}.{}.",
            encode_base64url(header.to_string().as_bytes()),
            encode_base64url(claims().to_string().as_bytes())
        );
        assert_refused(&unsigned, &Refusal::Malformed);
        assert_refused(&format!("{unsigned}AAAA"), &Refusal::AlgorithmNotAllowed);
    }
}

#[test]
fn alg_confusion_attack_rsa_public_key_as_hmac_secret() {
    for alg in ["HS256", "HS384", "HS512", "PS256", "RS512", "ES256K", "ES512", "Ed25519", "dir", "A128KW"] {
        assert_refused(&with_header(&header(alg, "rs")), &Refusal::AlgorithmNotAllowed);
    }
}

#[test]
fn alg_in_another_case_or_of_another_type_is_not_the_algorithm() {
    for alg in
        [json!("es256"), json!("ES256 "), json!("ES256\u{0}"), json!(["ES256"]), json!(256), Value::Null]
    {
        assert_refused(&with_header(&header_with("alg", alg)), &Refusal::AlgorithmNotAllowed);
    }
    assert_refused(&with_header(&json!({"kid": "es", "typ": "at+jwt"})), &Refusal::AlgorithmNotAllowed);
}

#[test]
fn key_confusion_attack_alg_of_one_key_with_the_kid_of_another() {
    for (signer, _) in KEYS.all() {
        for (other, kid) in KEYS.all() {
            if signer.alg() != other.alg() {
                let token = mint(signer, &header(signer.alg(), kid), &claims());
                assert_refused(&token, &Refusal::AlgorithmMismatch);
                let token = mint(signer, &header(other.alg(), kid), &claims());
                assert_refused(&token, &Refusal::InvalidSignature);
            }
        }
    }
}

#[test]
fn embedded_jwk_attack() {
    let attacker = Signer::es256(66);
    let jwk = serde_json::to_value(attacker.jwk("es")).unwrap();
    let token = mint(&attacker, &header_with("jwk", jwk), &claims());
    assert_refused(&token, &Refusal::UnexpectedHeader);
}

#[test]
fn jku_x5u_x5c_x5t_attacks() {
    for (name, value) in [
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
    ] {
        assert_refused(&with_header(&header_with(name, value)), &Refusal::UnexpectedHeader);
    }
}

#[test]
fn crit_attack() {
    for crit in [json!(["exp"]), json!([]), json!(["b64"]), json!("exp"), Value::Null] {
        assert_refused(&with_header(&header_with("crit", crit)), &Refusal::UnexpectedHeader);
    }
}

#[test]
fn b64_attack_unencoded_payload() {
    for b64 in [json!(false), json!(true)] {
        assert_refused(&with_header(&header_with("b64", b64)), &Refusal::UnexpectedHeader);
    }
    // RFC 7797: the payload as it is, signed as it is.
    let header = encode_base64url(br#"{"alg":"ES256","b64":false,"crit":["b64"],"kid":"es","typ":"at+jwt"}"#);
    let input = format!("{header}.{}", claims());
    let token = format!("{input}.{}", encode_base64url(&KEYS.es256.sign(input.as_bytes())));
    assert_refused(&token, &Refusal::Malformed);
}

#[test]
fn zip_enc_and_unknown_header_members_are_refused() {
    for name in ["zip", "enc", "epk", "cty", "nonce", "url", "iss", "ppt", "Alg", "KID", ""] {
        assert_refused(&with_header(&header_with(name, json!("DEF"))), &Refusal::UnexpectedHeader);
    }
}

#[test]
fn duplicate_member_attack_in_the_header() {
    for text in [
        r#"{"alg":"none","alg":"ES256","kid":"es","typ":"at+jwt"}"#,
        r#"{"alg":"ES256","alg":"ES256","kid":"es","typ":"at+jwt"}"#,
        r#"{"alg":"ES256","kid":"es","typ":"at+jwt","\u006bid":"rs"}"#,
    ] {
        let token = mint_raw(&KEYS.es256, text, claims().to_string().as_bytes());
        assert_refused(&token, &Refusal::MalformedHeader);
    }
}

#[test]
fn header_that_is_not_one_json_object_is_refused() {
    let good = header("ES256", "es").to_string();
    for text in [
        "null",
        "7",
        "\"x\"",
        "[]",
        "",
        "{",
        "{}x",
        "{'alg':'ES256'}",
        "\u{feff}{}",
        &format!("{good}{good}"),
        &format!("{good},"),
        &format!("[{good}]"),
        &good.replace("\"es\"", "\"es\"/*c*/"),
    ] {
        let token = mint_raw(&KEYS.es256, text, claims().to_string().as_bytes());
        let expected = if text.is_empty() { Refusal::Malformed } else { Refusal::MalformedHeader };
        assert_refused(&token, &expected);
    }
    let input = format!("{}.{}", encode_base64url(b"{\"alg\":\"\xff\"}"), encode_base64url(b"{}"));
    assert_refused(&format!("{input}.AAAA"), &Refusal::MalformedHeader);
}

#[test]
fn missing_kid_is_refused_even_with_a_single_key() {
    let one = key_set([KEYS.es256.jwk("es")]);
    let token = with_header(&json!({"alg": "ES256", "typ": "at+jwt"}));
    assert_eq!(agentidp_shared::verify::parse(&token, &one).err(), Some(Refusal::MissingKeyId));
}

#[test]
fn kid_of_another_type_or_empty_is_missing() {
    for kid in [json!(""), json!(0), json!(["es"]), json!({"es": 1}), Value::Null, json!(true)] {
        assert_refused(&with_header(&header_with("kid", kid)), &Refusal::MissingKeyId);
    }
}

#[test]
fn kid_is_compared_byte_for_byte() {
    for kid in ["ES", "Es", "es ", " es", "es\0", "e", "ess", "../es", "es/../es", "es' OR '1'='1", "ｅｓ"]
    {
        assert_refused(&with_header(&header_with("kid", json!(kid))), &Refusal::UnknownKey);
    }
}

#[test]
fn typ_is_compared_as_a_media_type() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        assert_accepted(&with_header(&header_with("typ", json!(typ))));
    }
}

#[test]
fn typ_confusion_attack_other_kinds_of_jwt_are_not_access_tokens() {
    for typ in [
        "JWT",
        "jwt",
        "",
        "at+jwt ",
        "application/",
        "application/application/at+jwt",
        "text/at+jwt",
        "at+jwt;v=1",
        "id+jwt",
        "secevent+jwt",
        "logout+jwt",
        "dpop+jwt",
        "JOSE",
        "agentidp-feed+jwt",
        "ａt+jwt",
        "applicati\u{f6}n",
    ] {
        assert_refused(&with_header(&header_with("typ", json!(typ))), &Refusal::WrongType);
    }
    for typ in [Value::Null, json!(1), json!(["at+jwt"])] {
        assert_refused(&with_header(&header_with("typ", typ)), &Refusal::WrongType);
    }
    assert_refused(&with_header(&json!({"alg": "ES256", "kid": "es"})), &Refusal::WrongType);
}

#[test]
fn typ_confusion_attack_a_feed_batch_is_not_a_token_and_a_token_not_a_batch() {
    let batch = mint(&KEYS.eddsa, &json!({"alg": "EdDSA", "kid": "ed", "typ": feed::BATCH_TYPE}), &claims());
    assert_refused(&batch, &Refusal::WrongType);
    let token = mint(&KEYS.eddsa, &header("EdDSA", "ed"), &claims());
    assert_accepted(&token);
    assert_eq!(feed::open(&token, &KEYS.set), Err(FeedError::Header(Refusal::WrongType)));
}

#[test]
fn oversized_header_attack() {
    let plain = header("ES256", "es").to_string();
    let spare = MAX_HEADER_LENGTH / 4 * 3 - plain.len();
    let padded = |spaces: usize| {
        let text = format!("{plain}{}", " ".repeat(spaces));
        mint_raw(&KEYS.es256, &text, claims().to_string().as_bytes())
    };
    assert_accepted(&padded(spare));
    assert_refused(&padded(spare + 1), &Refusal::HeaderTooLong);
}
