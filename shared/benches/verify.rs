//! How long one verification takes, next to the bare signature check of aws-lc-rs on the same machine in the same run.
//!
//! Plain timing, no statistics library: each line is the median of many rounds, and the ratio to the peer is what to
//! compare between machines. `whole` is bytes to verdict (parse, signature, claims, exceptions, scopes); `judge` is what a
//! remembered token still costs.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a program for people, which stops when something is wrong"
)]
#[path = "../tests/support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod support;

use std::hint::black_box;
use std::time::Instant;

use agentidp_shared::exceptions::Exceptions;
use agentidp_shared::jwk::VerificationKey;
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::verify::{Expectation, Verdict, parse};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use support::{ISSUER, KEYS, NOW, Signer, check_at, claims, hasher, header, mint};

const ROUNDS: usize = 31;

/// Median nanoseconds of one call.
fn time(mut call: impl FnMut() -> bool) -> f64 {
    let started = Instant::now();
    let mut per_round = 0_u32;
    while started.elapsed().as_millis() < 20 {
        assert!(call());
        per_round += 1;
    }
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..per_round {
                black_box(call());
            }
            started.elapsed().as_nanos() as f64 / f64::from(per_round)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn peer(signer: &Signer, message: Vec<u8>, signature: Vec<u8>) -> Box<dyn FnMut() -> bool> {
    match signer {
        Signer::Es256(key) => {
            let point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            Box::new(move || key.verify(&message, &signature).is_ok())
        }
        Signer::EdDsa(key) => {
            let key = UnparsedPublicKey::new(&ED25519, key.verifying_key().as_bytes().to_vec());
            Box::new(move || key.verify(&message, &signature).is_ok())
        }
        Signer::Rs256(key) => {
            let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref().to_vec());
            Box::new(move || key.verify(&message, &signature).is_ok())
        }
    }
}

fn main() {
    let (exceptions, no_scopes) = (Exceptions::new(hasher()), ScopeSet::empty());
    let expected = Expectation { issuer: ISSUER, audience: ISSUER, scopes: &no_scopes };
    println!("median µs per call    whole  signature  parse   judge   aws-lc-rs signature  signature/peer");
    for (signer, kid) in KEYS.all() {
        let token = mint(signer, &header(signer.alg(), kid), &claims());
        let key = VerificationKey::from_jwk(&signer.jwk(kid)).unwrap();
        let unverified = parse(&token, &KEYS.set).unwrap();
        let (message, signature) = (unverified.signing_input().to_vec(), unverified.signature().to_vec());
        let authentic = unverified.check_signature().unwrap();

        let whole = time(|| matches!(check_at(&token, &exceptions, NOW, &no_scopes), Verdict::Accepted(_)));
        let ours = time(|| key.verify(&message, &signature));
        let parsing = time(|| parse(black_box(&token), &KEYS.set).is_ok());
        let judging = time(|| authentic.judge(&KEYS.set, &exceptions, NOW, &expected).is_ok());
        let theirs = time(peer(signer, message.clone(), signature.clone()));
        println!(
            "{:<18} {:>8.1} {:>10.1} {:>6.2} {:>7.3} {:>21.1} {:>15.2}",
            signer.alg(),
            whole / 1e3,
            ours / 1e3,
            parsing / 1e3,
            judging / 1e3,
            theirs / 1e3,
            ours / theirs
        );
    }
}
