//! The pieces of a feed, for measuring an edge that follows it (tests/load).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for people, which stops when something is wrong"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use agentidp_shared::claims::Claims;
use agentidp_shared::compact::compact;
use agentidp_shared::discovery::IssuerConfig;
use agentidp_shared::feed::{self, BATCH_LIFETIME_MS, Batch, Change};
use agentidp_shared::freshness::FreshnessLimits;
use agentidp_shared::ids::TokenId;
use agentidp_shared::jwk::{Jwk, JwkSet};
use agentidp_shared::rate_limit::{RateLimit, RateLimits};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::strict::encode_base64url;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;
use uuid::Uuid;

const LIFE: u64 = 3_600;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (key, now) = (SigningKey::from_bytes(&[7; 32]), now());
    match arguments.as_slice() {
        ["keys"] => println!("{}", json!({ "keys": [jwk(&key)] })),
        ["token", issuer] => println!("{}", token(&key, issuer, now)),
        ["snapshot", issuer, count] => {
            println!("{}", snapshot(&key, issuer, count.parse().unwrap(), None, now));
        }
        ["snapshot", issuer, count, limit] => {
            println!("{}", snapshot(&key, issuer, count.parse().unwrap(), limit.parse().ok(), now));
        }
        ["nothing-new", sequence] => println!("{}", nothing_new(&key, sequence.parse().unwrap(), now)),
        _ => println!(
            "feed [keys | token ISSUER | snapshot ISSUER COUNT [LIMIT OF A CLIENT] | nothing-new SEQUENCE]"
        ),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn jwk(key: &SigningKey) -> Jwk {
    Jwk { kid: Some("key".into()), ..Jwk::ed25519(key.verifying_key().as_bytes()) }
}

fn snapshot(key: &SigningKey, issuer: &str, count: u32, client: Option<RateLimit>, now: u64) -> String {
    let issuer = IssuerConfig {
        issuer: issuer.into(),
        scopes_supported: Vec::new(),
        signing_algorithms: Vec::new(),
        token_ttl_seconds: LIFE,
        document_keys: JwkSet::default(),
        freshness: FreshnessLimits::default(),
    };
    let revoked = (0..count).map(|number| {
        let jti = TokenId::new(Uuid::from_u128(u128::from(number) << 96 | u128::from(number)));
        Change::TokenRevoked { jti, expires_at: now + 60 + u64::from(number) % LIFE }
    });
    let limits = Change::RateLimits { limits: RateLimits { client, ..RateLimits::default() } };
    let common = [Change::Keys { jwks: JwkSet { keys: vec![jwk(key)] } }, Change::Issuer { issuer }, limits];
    let changes = compact(common.into_iter().chain(revoked));
    seal(key, 0, u64::from(count) + 3, changes, now)
}

fn nothing_new(key: &SigningKey, sequence: u64, now: u64) -> String {
    seal(key, sequence, sequence, Vec::new(), now)
}

fn seal(key: &SigningKey, from: u64, to: u64, changes: Vec<Change>, now: u64) -> String {
    let issued_at = now * 1_000;
    let expires_at = issued_at + BATCH_LIFETIME_MS;
    let batch = Batch { instance: Uuid::from_u128(1).into(), from, to, issued_at, expires_at, changes };
    let input = feed::signing_input(&batch, "key").unwrap();
    feed::seal(&input, &key.sign(input.as_bytes()).to_bytes())
}

fn token(key: &SigningKey, issuer: &str, now: u64) -> String {
    let claims = Claims {
        iss: issuer.into(),
        sub: Uuid::from_u128(2).into(),
        aud: vec![issuer.into()],
        client_id: Uuid::from_u128(2).into(),
        organization_id: Uuid::from_u128(3).into(),
        scopes: ScopeSet::parse("agents:read").unwrap(),
        jti: Uuid::from_u128(u128::MAX).into(),
        iat: now - 10,
        nbf: now - 10,
        exp: now + LIFE,
        status: None,
        auth_time: None,
        delegation: None,
    };
    let header =
        encode_base64url(json!({"alg": "EdDSA", "kid": "key", "typ": "at+jwt"}).to_string().as_bytes());
    let input = format!("{header}.{}", encode_base64url(&serde_json::to_vec(&claims).unwrap()));
    let signature = key.sign(input.as_bytes()).to_bytes();
    format!("{input}.{}", encode_base64url(&signature))
}
