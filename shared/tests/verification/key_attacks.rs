//! Attacks through the keys we are asked to trust.

use agentidp_shared::exceptions::Exceptions;
use agentidp_shared::jwk::{Algorithm, InvalidKey, Jwk, JwkSet, KeySet, MAX_KEYS, VerificationKey};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::verify::{Expectation, Refusal, parse};
use aws_lc_rs::rsa::KeySize;
use serde_json::{Value, json};

use crate::support::*;

/// Why a key is refused. Taken for one that was accepted before, it verifies nothing.
fn refused(jwk: &Jwk) -> InvalidKey {
    if let Ok(key) = VerificationKey::from_accepted_jwk(jwk) {
        for signature in [vec![0; 64], [vec![1], vec![0; 63]].concat(), vec![0; 256], vec![]] {
            assert!(!key.verify(b"message", &signature), "{jwk:?}");
        }
    }
    VerificationKey::from_jwk(jwk).expect_err("accepted")
}

fn named(jwk: Jwk) -> Jwk {
    Jwk { kid: Some("k".into()), ..jwk }
}

#[test]
fn ed25519_small_order_key_attack() {
    // The eight points of small order, and the encodings of two of them that are not canonical.
    for key in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let bytes: Vec<u8> = key
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        assert_eq!(refused(&named(Jwk::ed25519(&bytes))), InvalidKey::Material, "{key}");
    }
}

#[test]
fn rsa_key_that_is_too_small_attack() {
    for bytes in [64, 128, 192, 255] {
        let mut modulus = vec![0xab; bytes];
        modulus[bytes - 1] |= 1;
        assert_eq!(refused(&named(Jwk::rsa(&modulus, &[1, 0, 1]))), InvalidKey::RsaSize, "{bytes}");
    }
    // 2048 bits on paper, 1024 in fact.
    let mut padded = vec![0; 128];
    padded.extend([0xab; 128]);
    assert_eq!(refused(&named(Jwk::rsa(&padded, &[1, 0, 1]))), InvalidKey::RsaSize);
}

#[test]
fn rsa_exponent_3_attack() {
    let Signer::Rs256(_) = &KEYS.rs256 else { unreachable!() };
    let good = KEYS.rs256.jwk("rs");
    for exponent in ["Aw", "AQ", "AA", "AQAC", "EQ", "AQAAAAAAAAAB"] {
        let jwk = Jwk { e: Some(exponent.into()), ..good.clone() };
        assert_eq!(refused(&jwk), InvalidKey::RsaSize, "{exponent}");
    }
}

#[test]
fn rsa_key_that_costs_too_much_attack() {
    for bytes in [513, 1_024, 2_048, 4_096] {
        let mut modulus = vec![0xab; bytes];
        modulus[bytes - 1] |= 1;
        assert_eq!(refused(&named(Jwk::rsa(&modulus, &[1, 0, 1]))), InvalidKey::RsaSize, "{bytes}");
    }
}

#[test]
fn rsa_keys_of_3072_and_4096_bits_verify() {
    for size in [KeySize::Rsa3072, KeySize::Rsa4096] {
        let signer = Signer::rs256(size);
        let key = VerificationKey::from_jwk(&signer.jwk("k")).unwrap();
        assert!(key.verify(b"message", &signer.sign(b"message")));
        assert!(!key.verify(b"massage", &signer.sign(b"message")));
    }
}

#[test]
fn invalid_curve_attack_point_not_on_p256() {
    let good = KEYS.es256.jwk("es");
    let bad = Jwk { y: good.x.clone(), ..good.clone() };
    assert_eq!(refused(&bad), InvalidKey::Material);
    for (x, y) in [([0; 32], [0; 32]), ([0xff; 32], [0xff; 32])] {
        assert_eq!(refused(&named(Jwk::p256(&x, &y))), InvalidKey::Material);
    }
    for curve in ["P-384", "P-521", "secp256k1", "p-256", "P-256K", ""] {
        assert_eq!(refused(&Jwk { crv: Some(curve.into()), ..good.clone() }), InvalidKey::Type, "{curve}");
    }
}

#[test]
fn coordinates_of_the_wrong_length_are_refused() {
    assert_eq!(refused(&named(Jwk::p256(&[1; 31], &[1; 33]))), InvalidKey::Material);
    assert_eq!(refused(&named(Jwk::p256(&[1; 33], &[1; 32]))), InvalidKey::Material);
    assert_eq!(refused(&named(Jwk::p256(&[], &[]))), InvalidKey::Material);
    assert_eq!(refused(&named(Jwk::ed25519(&[9; 31]))), InvalidKey::Material);
    assert_eq!(refused(&named(Jwk::ed25519(&[9; 33]))), InvalidKey::Material);
}

#[test]
fn key_type_confusion_attack_alg_and_kty_must_fit() {
    let (es, ed, rs) = (KEYS.es256.jwk("k"), KEYS.eddsa.jwk("k"), KEYS.rs256.jwk("k"));
    for (jwk, own) in [(es, "ES256"), (ed, "EdDSA"), (rs, "RS256")] {
        for alg in Algorithm::ALL.map(Algorithm::as_str) {
            let claimed = Jwk { alg: Some(alg.into()), ..jwk.clone() };
            assert_eq!(VerificationKey::from_jwk(&claimed).is_ok(), alg == own, "{own} as {alg}");
        }
        for alg in [None, Some("HS256"), Some("none"), Some("es256"), Some("ES384")] {
            let claimed = Jwk { alg: alg.map(Into::into), ..jwk.clone() };
            assert_eq!(refused(&claimed), InvalidKey::Algorithm);
        }
    }
    let symmetric = json!({"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "k"});
    assert_eq!(Jwk::from_value(&symmetric), Err(InvalidKey::Private));
}

#[test]
fn encryption_key_is_not_a_signature_key() {
    let jwk = Jwk { use_: Some("enc".into()), ..KEYS.es256.jwk("k") };
    assert_eq!(refused(&jwk), InvalidKey::Use);
}

#[test]
fn private_members_are_refused_not_trimmed() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let mut jwk = serde_json::to_value(KEYS.es256.jwk("k")).unwrap();
        jwk[member] = json!("AAAA");
        assert_eq!(Jwk::from_value(&jwk), Err(InvalidKey::Private), "{member}");
    }
    for not_a_key in [Value::Null, json!([]), json!("k"), json!({}), json!({"kty": 1})] {
        assert_eq!(Jwk::from_value(&not_a_key), Err(InvalidKey::Material));
    }
}

#[test]
fn kid_of_a_key_is_present_and_bounded() {
    let jwk = KEYS.es256.jwk("k");
    for kid in [None, Some(String::new()), Some("k".repeat(129))] {
        assert_eq!(refused(&Jwk { kid, ..jwk.clone() }), InvalidKey::KeyId);
    }
    assert!(VerificationKey::from_jwk(&Jwk { kid: Some("k".repeat(128)), ..jwk }).is_ok());
}

#[test]
fn duplicate_kid_attack_two_keys_of_one_name() {
    let keys = vec![KEYS.es256.jwk("k"), KEYS.eddsa.jwk("k")];
    assert_eq!(KeySet::from_jwks(&JwkSet { keys }).err(), Some(InvalidKey::DuplicateKeyId));
}

#[test]
fn more_keys_than_anyone_needs_are_refused() {
    let keys = |count: usize| JwkSet { keys: (0..count).map(|n| KEYS.eddsa.jwk(&n.to_string())).collect() };
    assert_eq!(KeySet::from_jwks(&keys(MAX_KEYS)).unwrap().len(), MAX_KEYS);
    assert_eq!(KeySet::from_jwks(&keys(MAX_KEYS + 1)).err(), Some(InvalidKey::TooMany));
}

#[test]
fn a_key_with_padding_or_spaces_in_its_members_is_refused() {
    let good = KEYS.es256.jwk("k");
    for suffix in ["=", " ", "\n"] {
        let jwk = Jwk { x: good.x.as_ref().map(|x| format!("{x}{suffix}")), ..good.clone() };
        assert_eq!(refused(&jwk), InvalidKey::Material);
    }
}

#[test]
fn a_token_remembered_as_authentic_dies_with_its_key() {
    let token = good_token();
    let authentic = parse(&token, &KEYS.set).unwrap().check_signature().unwrap();
    let expected = Expectation { issuer: ISSUER, audience: ISSUER, scopes: &ScopeSet::empty() };
    let exceptions = Exceptions::new(hasher());
    assert!(authentic.judge(&KEYS.set, &exceptions, NOW, &expected).is_ok());
    let without = key_set([KEYS.eddsa.jwk("ed")]);
    assert_eq!(authentic.judge(&without, &exceptions, NOW, &expected), Err(Refusal::UnknownKey));
}

/// The example of RFC 7638 §3.1.
#[test]
fn thumbprint_is_that_of_rfc_7638() {
    let jwk = Jwk {
        n: Some(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM\
             stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5h\
             ajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
                .into(),
        ),
        e: Some("AQAB".into()),
        ..KEYS.rs256.jwk("2011-04-29")
    };
    assert_eq!(jwk.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn public_jwks_round_trip_without_a_private_member() {
    let json = serde_json::to_string(&KEYS.set.to_jwks()).unwrap();
    for member in ["\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\"", "\"k\""] {
        assert!(!json.contains(&format!("{member}:")), "{member}");
    }
    let again: JwkSet = serde_json::from_str(&json).unwrap();
    assert_eq!(again, KEYS.set.to_jwks());
}
