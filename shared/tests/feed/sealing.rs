//! The envelope: only what the pinned key signed, byte for byte, and only what this edge understands.

use agentidp_shared::feed::{BATCH_TYPE, Batch, Change, FeedError, open, seal, signing_input};
use agentidp_shared::jwk::KeySet;
use agentidp_shared::verify::Refusal;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::*;
use crate::support::*;

fn batch() -> Batch {
    let mut log = Log::new();
    log.changes.push(Change::TokenRevoked { jti: TOKEN_ID.parse().unwrap(), expires_at: NOW + 3_500 });
    log.changes_after(3, NOW_MS)
}

/// A sealed batch whose payload is exactly this JSON.
fn sealed_json(payload: &Value) -> String {
    mint(&feed_signer(), &json!({"alg": "EdDSA", "kid": KID, "typ": BATCH_TYPE}), payload)
}

fn payload() -> Value {
    serde_json::to_value(batch()).unwrap()
}

#[test]
fn sealed_batch_opens_to_itself() {
    assert_eq!(open(&sealed(&batch()), &pinned()), Ok(batch()));
    let snapshot = Log::new().snapshot(NOW_MS);
    assert_eq!(open(&sealed(&snapshot), &pinned()), Ok(snapshot));
    assert_eq!(open(&sealed_json(&payload()), &pinned()), Ok(batch()));
}

#[test]
fn batch_altered_in_any_one_byte_is_refused() {
    let good = sealed(&batch());
    for position in 0..good.len() {
        for replacement in 0_u8..128 {
            // Every other ASCII byte at a few positions, a handful of telling ones everywhere.
            if position % 37 != 0 && !b"A.-= \n0g".contains(&replacement) {
                continue;
            }
            let mut bytes = good.clone().into_bytes();
            if bytes[position] == replacement {
                continue;
            }
            bytes[position] = replacement;
            let altered = String::from_utf8(bytes).unwrap();
            assert!(open(&altered, &pinned()).is_err(), "byte {position} as {replacement:#x}");
        }
    }
}

#[test]
fn truncated_or_extended_batch_is_refused() {
    let good = sealed(&batch());
    for length in 0..good.len() {
        assert!(open(&good[..length], &pinned()).is_err(), "{length}");
    }
    for extended in [format!("{good}A"), format!("{good}."), format!("{good}={good}"), format!("A{good}")] {
        assert!(open(&extended, &pinned()).is_err());
    }
}

#[test]
fn batch_of_a_key_that_is_not_pinned_is_refused() {
    assert_eq!(open(&sealed(&batch()), &KeySet::default()), Err(FeedError::Header(Refusal::UnknownKey)));
    let other = key_set([Signer::eddsa(51).jwk(KID)]);
    assert_eq!(open(&sealed(&batch()), &other), Err(FeedError::InvalidSignature));
}

#[test]
fn both_pinned_keys_are_good_during_rotation() {
    let both = key_set([Signer::eddsa(51).jwk("feed-2"), feed_signer().jwk(KID)]);
    assert_eq!(open(&sealed(&batch()), &both), Ok(batch()));
    let input = signing_input(&batch(), "feed-2").unwrap();
    assert_eq!(open(&seal(&input, &Signer::eddsa(51).sign(input.as_bytes())), &both), Ok(batch()));
}

#[test]
fn token_keys_do_not_sign_batches_even_when_the_kid_is_the_same() {
    let input = signing_input(&batch(), KID).unwrap();
    let forged = seal(&input, &KEYS.eddsa.sign(input.as_bytes()));
    assert_eq!(open(&forged, &pinned()), Err(FeedError::InvalidSignature));
}

#[test]
fn unknown_kind_of_change_refuses_the_whole_batch() {
    for (kind, extra) in
        [("delegationRevoked", json!({"chainId": TOKEN_ID})), ("", json!({})), ("Keys", json!({}))]
    {
        let mut unknown = extra;
        unknown["type"] = json!(kind);
        let mut payload = payload();
        payload["to"] = json!(5);
        payload["changes"].as_array_mut().unwrap().push(unknown);
        assert_eq!(open(&sealed_json(&payload), &pinned()), Err(FeedError::MalformedPayload), "{kind}");
    }
}

#[test]
fn unknown_members_refuse_the_whole_batch() {
    let agent =
        json!({"type": "agent", "agentId": AGENT, "exception": {"standing": "active", "expiresAt": 1}});
    let mut good = payload();
    good["changes"] = json!([agent]);
    assert!(open(&sealed_json(&good), &pinned()).is_ok());
    let spoiled = |spoil: &dyn Fn(&mut Value)| {
        let mut payload = good.clone();
        spoil(&mut payload);
        open(&sealed_json(&payload), &pinned())
    };
    for outcome in [
        spoiled(&|p| p["critical"] = json!(true)),
        spoiled(&|p| p["changes"][0]["onlyTokensOf"] = json!("x")),
        spoiled(&|p| p["changes"][0]["exception"]["exceptDelegated"] = json!(true)),
        spoiled(&|p| p["changes"][0]["exception"]["standing"] = json!("quarantined")),
        spoiled(&|p| p["changes"][0]["agentId"] = json!(AGENT.to_uppercase())),
        spoiled(&|p| p["changes"][0]["exception"]["expiresAt"] = json!("1")),
        spoiled(&|p| p["from"] = json!(-1)),
        spoiled(&|p| p["to"] = json!(4.0)),
        spoiled(&|p| p["issuedAt"] = json!("now")),
        spoiled(&|p| p["instance"] = json!("x")),
        spoiled(&|p| p["changes"] = json!({})),
        spoiled(&|p| {
            p.as_object_mut().unwrap().remove("expiresAt");
        }),
    ] {
        assert_eq!(outcome, Err(FeedError::MalformedPayload));
    }
}

#[test]
fn duplicate_member_attack_in_a_batch() {
    let text = payload().to_string();
    let twice = format!("{},\"to\":9}}", text.strip_suffix('}').unwrap());
    let header = json!({"alg": "EdDSA", "kid": KID, "typ": BATCH_TYPE}).to_string();
    let sealed = mint_raw(&feed_signer(), &header, twice.as_bytes());
    assert_eq!(open(&sealed, &pinned()), Err(FeedError::MalformedPayload));
}

#[test]
fn batch_header_follows_the_rules_of_token_headers() {
    let with = |header: Value| open(&mint(&feed_signer(), &header, &payload()), &pinned());
    for (header, refusal) in [
        (json!({"alg": "EdDSA", "kid": KID, "typ": "at+jwt"}), Refusal::WrongType),
        (json!({"alg": "EdDSA", "kid": KID}), Refusal::WrongType),
        (json!({"alg": "none", "kid": KID, "typ": BATCH_TYPE}), Refusal::AlgorithmNotAllowed),
        (json!({"alg": "ES256", "kid": KID, "typ": BATCH_TYPE}), Refusal::AlgorithmMismatch),
        (json!({"alg": "EdDSA", "typ": BATCH_TYPE}), Refusal::MissingKeyId),
        (json!({"alg": "EdDSA", "kid": KID, "typ": BATCH_TYPE, "crit": []}), Refusal::UnexpectedHeader),
    ] {
        assert_eq!(with(header), Err(FeedError::Header(refusal)));
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_opens_and_never_panics(text in "\\PC{0,200}") {
        prop_assert!(open(&text, &pinned()).is_err());
    }

    #[test]
    fn arbitrary_signed_json_never_panics(number in any::<i64>(), text in "\\PC{0,40}", member in "[a-zA-Z]{1,12}") {
        let mut payload = payload();
        payload[member.as_str()] = if number % 2 == 0 { json!(number) } else { json!(text) };
        let _ = open(&sealed_json(&payload), &pinned());
    }
}
