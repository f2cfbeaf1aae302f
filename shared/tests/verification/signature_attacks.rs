//! Attacks on the signature itself.

use agentidp_shared::strict::{decode_base64url, encode_base64url};
use agentidp_shared::verify::{Refusal, Verdict};
use serde_json::json;

use crate::support::*;

/// A good token with its signature replaced.
fn resigned(token: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    format!("{input}.{}", encode_base64url(&change(decode_base64url(signature).unwrap())))
}

fn split(signature: &[u8]) -> (p256::ecdsa::Signature, &[u8], &[u8]) {
    (p256::ecdsa::Signature::from_slice(signature).unwrap(), &signature[..32], &signature[32..])
}

#[test]
fn es256_der_signature_attack() {
    let token = resigned(&good_token(), |signature| split(&signature).0.to_der().as_bytes().to_vec());
    assert_refused(&token, &Refusal::InvalidSignature);
}

#[test]
fn es256_zero_r_or_s_attack_psychic_signature() {
    let order: [u8; 32] = {
        // n of P-256 (FIPS 186-4 D.1.2.3): r and s must be below it.
        let mut n = [0; 32];
        let text = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        for (byte, pair) in n.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        }
        n
    };
    let good = good_token();
    for (r, s) in [
        (Some([0; 32]), Some([0; 32])),
        (Some([0; 32]), None),
        (None, Some([0; 32])),
        (Some(order), None),
        (None, Some(order)),
        (Some(order), Some(order)),
        (Some([0xff; 32]), Some([0xff; 32])),
    ] {
        let token = resigned(&good, |signature| {
            let (_, old_r, old_s) = split(&signature);
            let r = r.map_or(old_r.to_vec(), |r| r.to_vec());
            let s = s.map_or(old_s.to_vec(), |s| s.to_vec());
            [r, s].concat()
        });
        assert_refused(&token, &Refusal::InvalidSignature);
    }
}

/// RFC 7518 §3.4 does not ask for the smaller `s`, and other libraries' signers give either, so both are valid: there are two
/// spellings of one ES256 token. Nothing here relies on there being one: revocation goes by `jti`, and the cache of verified
/// tokens is only a saving.
#[test]
fn es256_high_s_is_the_same_token_and_dies_with_it() {
    let good = good_token();
    let twin = resigned(&good, |signature| {
        let (_, r, s) = split(&signature);
        let negated = -p256::NonZeroScalar::try_from(s).unwrap();
        [r.to_vec(), negated.to_bytes().to_vec()].concat()
    });
    assert_ne!(good, twin);
    assert_accepted(&good);
    assert_accepted(&twin);

    let mut exceptions = agentidp_shared::exceptions::Exceptions::new(hasher());
    exceptions.revoke_token(TOKEN_ID.parse().unwrap(), NOW + 3_500);
    for token in [good, twin] {
        let verdict = check_at(&token, &exceptions, NOW, &scopes(""));
        assert!(matches!(verdict, Verdict::Refused(Refusal::Revoked(_))), "{verdict:?}");
    }
}

#[test]
fn signature_of_the_wrong_length_is_invalid() {
    for (signer, kid) in KEYS.all() {
        let good = mint(signer, &header(signer.alg(), kid), &claims());
        for token in [
            resigned(&good, |s| s[1..].to_vec()),
            resigned(&good, |s| s[..s.len() - 1].to_vec()),
            resigned(&good, |s| [&[0][..], &s].concat()),
            resigned(&good, |s| [&s[..], &[0]].concat()),
            resigned(&good, |s| [&s[..], &s].concat()),
            resigned(&good, |_| vec![0]),
        ] {
            assert_refused(&token, &Refusal::InvalidSignature);
        }
    }
}

#[test]
fn every_bit_of_the_signature_matters() {
    for (signer, kid) in KEYS.all() {
        let good = mint(signer, &header(signer.alg(), kid), &claims());
        let bits = if signer.alg() == "RS256" { 2_048 } else { 512 };
        for bit in (0..bits).step_by(7) {
            let token = resigned(&good, |mut signature| {
                signature[bit / 8] ^= 1 << (bit % 8);
                signature
            });
            assert_refused(&token, &Refusal::InvalidSignature);
        }
    }
}

#[test]
fn signature_of_another_token_is_invalid() {
    for (signer, kid) in KEYS.all() {
        let header = header(signer.alg(), kid);
        let one = mint(signer, &header, &claims());
        let other = mint(signer, &header, &claims_with("scope", json!("admin:orgs")));
        let forged = format!("{}.{}", other.rsplit_once('.').unwrap().0, one.rsplit('.').next().unwrap());
        assert_refused(&forged, &Refusal::InvalidSignature);
    }
}

#[test]
fn ed25519_signature_malleability_attack_s_plus_group_order() {
    // L of Ed25519 (RFC 8032 §5.1), little-endian.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let good = mint(&KEYS.eddsa, &header("EdDSA", "ed"), &claims());
    assert_accepted(&good);
    let token = resigned(&good, |mut signature| {
        let mut carry = 0_u16;
        for (byte, add) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        signature
    });
    assert_refused(&token, &Refusal::InvalidSignature);
}

#[test]
fn a_host_that_found_the_signature_bad_gets_no_claims() {
    let token = good_token();
    let unverified = agentidp_shared::verify::parse(&token, &KEYS.set).unwrap();
    assert_eq!(unverified.attest(false), Err(Refusal::InvalidSignature));
}
