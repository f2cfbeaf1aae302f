//! Attacks through the encoding: a token has one spelling.

use agentidp_shared::strict::encode_base64url;
use agentidp_shared::verify::{MAX_TOKEN_LENGTH, Refusal, Verdict};
use proptest::prelude::*;
use serde_json::json;

use crate::support::*;

#[test]
fn four_or_more_parts_attack() {
    let good = good_token();
    for token in [
        format!("{good}."),
        format!("{good}.AAAA"),
        format!(".{good}"),
        format!("{good}.{good}"),
        "a.b.c.d.e".to_owned(),
        ".".repeat(100),
    ] {
        assert_refused(&token, &Refusal::Malformed);
    }
}

#[test]
fn fewer_or_empty_parts_are_refused() {
    let good = good_token();
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for token in [
        String::new(),
        ".".into(),
        "..".into(),
        header.into(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
    ] {
        assert_refused(&token, &Refusal::Malformed);
    }
}

#[test]
fn jws_json_serialization_is_refused() {
    let good = good_token();
    let parts: Vec<&str> = good.split('.').collect();
    let json = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string();
    assert_refused(&json, &Refusal::Malformed);
}

#[test]
fn padding_attack() {
    let good = good_token();
    let parts: Vec<&str> = good.split('.').collect();
    for position in [0, 2] {
        for padding in ["=", "==", "%3D"] {
            let mut parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
            parts[position].push_str(padding);
            assert_refused(&parts.join("."), &Refusal::Malformed);
        }
    }
    // The payload is only decoded once the signature over its encoded form held, so there it has to be signed in.
    let input = format!("{}.{}==", parts[0], encode_base64url(b"{}"));
    let token = format!("{input}.{}", encode_base64url(&KEYS.es256.sign(input.as_bytes())));
    assert_refused(&token, &Refusal::Malformed);
}

#[test]
fn whitespace_attack() {
    let good = good_token();
    for space in [" ", "\t", "\n", "\r\n", "\u{a0}", "\u{200b}", "\0"] {
        let dotted = good.replacen('.', &format!("{space}."), 1);
        for token in [format!("{good}{space}"), format!("{space}{good}"), dotted] {
            assert_refused(&token, &Refusal::Malformed);
        }
    }
}

#[test]
fn stray_bits_attack_the_last_character_has_one_spelling() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let good = good_token();
    let (rest, last) = good.split_at(good.len() - 1);
    let accepted: Vec<char> = ALPHABET
        .chars()
        .filter(|character| matches!(check(&format!("{rest}{character}")), Verdict::Accepted(_)))
        .collect();
    assert_eq!(accepted, last.chars().collect::<Vec<_>>());
}

#[test]
fn base64_standard_alphabet_attack() {
    // A signature whose encoding has both characters in which the alphabets differ.
    let token = (0..1_000)
        .map(|n| token_with(&claims_with("n", json!(n))))
        .find(|token| token.rsplit('.').next().unwrap().contains(['-', '_']))
        .unwrap();
    assert_accepted(&token);
    assert_refused(&token.replace('-', "+").replace('_', "/"), &Refusal::Malformed);
}

#[test]
fn oversized_token_attack() {
    let filler = |length: usize| token_with(&claims_with("filler", json!("x".repeat(length))));
    let length = (1..MAX_TOKEN_LENGTH).find(|n| filler(*n).len() > MAX_TOKEN_LENGTH).unwrap();
    assert_accepted(&filler(length - 1));
    assert_refused(&filler(length), &Refusal::TokenTooLong);
    assert_refused(&"A".repeat(50_000_000), &Refusal::TokenTooLong);
}

#[test]
fn every_single_character_matters() {
    for (signer, kid) in KEYS.all() {
        let good = mint(signer, &header(signer.alg(), kid), &claims());
        for position in 0..good.len() {
            let original = good.as_bytes()[position];
            for replacement in [b'A', b'Q', b'.', b'=', b' '] {
                if replacement == original {
                    continue;
                }
                let mut bytes = good.clone().into_bytes();
                bytes[position] = replacement;
                let token = String::from_utf8(bytes).unwrap();
                assert!(matches!(check(&token), Verdict::Refused(_)), "{position} {replacement}");
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_text_is_refused_and_never_panics(text in "\\PC{0,300}") {
        prop_assert!(matches!(check(&text), Verdict::Refused(_)));
    }

    #[test]
    fn arbitrary_signed_headers_never_panic(text in "\\PC{0,200}") {
        let token = mint_raw(&KEYS.eddsa, &text, claims().to_string().as_bytes());
        prop_assert!(matches!(check(&token), Verdict::Refused(_)));
    }

    #[test]
    fn arbitrary_signed_payloads_never_panic(payload in prop::collection::vec(any::<u8>(), 1..300)) {
        let token = mint_raw(&KEYS.eddsa, &header("EdDSA", "ed").to_string(), &payload);
        prop_assert!(matches!(check(&token), Verdict::Refused(_)));
    }
}
