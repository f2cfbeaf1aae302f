//! Signing cards: a JWS over the canonical JSON of a card without its signatures (A2A 1.0 §8.4, RFC 7515 appendix F, RFC 8785).

use agentidp_shared::strict::encode_base64url;
use serde_json::{Value, json};

use crate::infra::http::error::ApiError;
use crate::keys::Signer;

/// The card with its signature, and a validator that is the same each time: an ECDSA signature never is.
pub(super) struct Signed {
    pub card: Value,
    pub tag: String,
}

/// Signs `card`, which has no signatures yet. The header names the key by `kid` alone, never by an address to fetch one from.
pub(super) fn sign(card: Value, signer: &Signer) -> Result<Signed, ApiError> {
    let payload = serde_json_canonicalizer::to_vec(&card).map_err(ApiError::internal)?;
    let header = json!({ "alg": signer.algorithm().as_str(), "kid": signer.kid(), "typ": "JOSE" });
    let protected = encode_base64url(header.to_string().as_bytes());
    let input = format!("{protected}.{}", encode_base64url(&payload));
    let signature = encode_base64url(&signer.sign(input.as_bytes()).map_err(ApiError::internal)?);
    let tag = crate::well_known::document::weak_tag(input.as_bytes());
    let mut card = card;
    if let Some(members) = card.as_object_mut() {
        members.insert("signatures".into(), json!([{ "protected": protected, "signature": signature }]));
    }
    Ok(Signed { card, tag })
}

#[cfg(test)]
mod tests {
    use agentidp_shared::jwk::{Algorithm, VerificationKey};
    use agentidp_shared::strict::decode_base64url;

    use super::*;

    /// RFC 8785 §3.2.2 and §3.2.3, and what it says of numbers in appendix B.
    #[test]
    fn canonical_json_is_that_of_rfc_8785() {
        let canonical = |text: &str| {
            let value: Value = serde_json::from_str(text).unwrap();
            serde_json_canonicalizer::to_string(&value).unwrap()
        };
        assert_eq!(
            canonical(
                r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
                    "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#
            ),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        // By UTF-16 code units, not by code points: an emoji comes before U+FB33.
        let sorted = canonical(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
                "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
        );
        let names: Vec<&str> =
            ["Carriage Return", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"].into();
        let places: Vec<usize> = names.iter().map(|name| sorted.find(name).unwrap()).collect();
        assert!(places.is_sorted(), "{sorted}");
        for (number, text) in [
            ("0.0", "0"),
            ("-0.0", "0"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("9007199254740992", "9007199254740992"),
            ("295147905179352830000.0", "295147905179352830000"),
            ("9.999999999999997e22", "9.999999999999997e+22"),
            ("1e23", "1e+23"),
            ("999999999999999900000.0", "999999999999999900000"),
            ("1e21", "1e+21"),
            ("0.000001", "0.000001"),
        ] {
            assert_eq!(canonical(number), text);
        }
    }

    #[test]
    fn a_signature_covers_the_whole_card_and_is_by_the_key_it_names() {
        let (pkcs8, jwk) = Signer::generate(Algorithm::ES256).unwrap();
        let signer = Signer::from_pkcs8(Algorithm::ES256, "did:web:x#key-1".into(), &pkcs8).unwrap();
        let card = super::super::model::tests::subject().a2a_card("https://id.example");
        let (one, other) = (sign(card.clone(), &signer).unwrap(), sign(card.clone(), &signer).unwrap());
        assert_eq!(one.tag, other.tag);
        let [signature] = &one.card["signatures"].as_array().unwrap()[..] else { panic!("one signature") };
        let protected = signature["protected"].as_str().unwrap();
        let header: Value = serde_json::from_slice(&decode_base64url(protected).unwrap()).unwrap();
        assert_eq!(header, json!({"alg": "ES256", "kid": "did:web:x#key-1", "typ": "JOSE"}));
        let key = VerificationKey::from_jwk(&jwk).unwrap();
        let bytes = decode_base64url(signature["signature"].as_str().unwrap()).unwrap();
        let verifies = |card: &Value| {
            let payload = serde_json_canonicalizer::to_vec(card).unwrap();
            key.verify(format!("{protected}.{}", encode_base64url(&payload)).as_bytes(), &bytes)
        };
        assert!(verifies(&card));
        let mut changed = card.clone();
        changed["skills"][0]["description"] = "anything".into();
        assert!(!verifies(&changed));
        assert_ne!(sign(changed, &signer).unwrap().tag, one.tag);
    }
}
