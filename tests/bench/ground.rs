//! What edges stand on while they are measured: signing keys, tokens in any number, and a feed signed as a control plane signs it,
//! served where an edge expects its control plane.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use agentidp_shared::claims::Claims;
use agentidp_shared::compact::compact;
use agentidp_shared::discovery::IssuerConfig;
use agentidp_shared::feed::{self, BATCH_LIFETIME_MS, Batch, Change, Page};
use agentidp_shared::freshness::FreshnessLimits;
use agentidp_shared::ids::TokenId;
use agentidp_shared::jwk::{Algorithm, Jwk, JwkSet};
use agentidp_shared::rate_limit::{RateLimit, RateLimits};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::strict::encode_base64url;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use agentidp_tests::now;

pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256];
pub const EDGE_NAME: &str = "measured";
pub const EDGE_KEY: &str = "the-key-of-an-edge-that-is-only-measured";
/// The id of everything that belongs to one client.
const CLIENT: Uuid = Uuid::from_u128(2);
const LIFE: u64 = 3_600;
const TOKENS_IN_A_PAGE: usize = 16_000;

pub enum Signer {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl Signer {
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::ES256 => {
                Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
            }
            Algorithm::EdDSA => Self::EdDsa(Ed25519KeyPair::generate().unwrap()),
            Algorithm::RS256 => Self::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        }
    }

    pub fn jwk(&self) -> Jwk {
        let jwk = match self {
            Self::Es256(key) => {
                let point = key.public_key().as_ref();
                Jwk::p256(&point[1..33], &point[33..])
            }
            Self::EdDsa(key) => Jwk::ed25519(key.public_key().as_ref()),
            Self::Rs256(key) => {
                let public = key.public_key();
                let modulus = public.modulus();
                Jwk::rsa(
                    modulus.big_endian_without_leading_zero(),
                    public.exponent().big_endian_without_leading_zero(),
                )
            }
        };
        jwk.with_thumbprint_kid()
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// The keys of an instance, and the feed it would publish.
pub struct Ground {
    signers: Vec<(Algorithm, Signer)>,
    feed_key: Signer,
    issuer: String,
}

impl Ground {
    pub fn new(issuer: String) -> Self {
        let signers = ALGORITHMS.map(|algorithm| (algorithm, Signer::new(algorithm)));
        Self { signers: signers.into(), feed_key: Signer::new(Algorithm::EdDSA), issuer }
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: self.signers.iter().map(|(_, signer)| signer.jwk()).collect() }
    }

    pub fn feed_public_keys(&self) -> JwkSet {
        JwkSet { keys: vec![self.feed_key.jwk()] }
    }

    /// As aws-lc reads it.
    pub fn public_key(&self, algorithm: Algorithm) -> &[u8] {
        match self.signer(algorithm) {
            Signer::Es256(key) => key.public_key().as_ref(),
            Signer::EdDsa(key) => key.public_key().as_ref(),
            Signer::Rs256(key) => key.public_key().as_ref(),
        }
    }

    fn signer(&self, algorithm: Algorithm) -> &Signer {
        self.signers.iter().find_map(|(of, signer)| (*of == algorithm).then_some(signer)).unwrap()
    }

    /// Tokens that differ in what makes them tokens of their own.
    pub fn tokens(&self, algorithm: Algorithm, count: usize, scope: &str) -> Vec<String> {
        let signer = self.signer(algorithm);
        let header = json!({"alg": algorithm.as_str(), "kid": signer.jwk().kid, "typ": "at+jwt"});
        let header = encode_base64url(header.to_string().as_bytes());
        // Signing takes longer than anything else that is prepared.
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = || (0..count.div_ceil(threads)).map(|_| self.token(signer, &header, scope)).collect();
        let mut tokens: Vec<String> = thread::scope(|scope| {
            let signing: Vec<_> = (0..threads).map(|_| scope.spawn(share)).collect();
            signing.into_iter().flat_map(|signing| -> Vec<String> { signing.join().unwrap() }).collect()
        });
        tokens.truncate(count);
        tokens
    }

    fn token(&self, signer: &Signer, header: &str, scope: &str) -> String {
        let mut id = [0; 16];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        let now = u64::try_from(now()).unwrap();
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: CLIENT.into(),
            aud: vec![self.issuer.clone()],
            client_id: CLIENT.into(),
            organization_id: Uuid::from_u128(3).into(),
            scopes: ScopeSet::parse(scope).unwrap(),
            jti: Uuid::from_bytes(id).into(),
            iat: now - 10,
            nbf: now - 10,
            exp: now + LIFE,
            auth_time: None,
            status: None,
            delegation: None,
        };
        let input = format!("{header}.{}", encode_base64url(&serde_json::to_vec(&claims).unwrap()));
        format!("{input}.{}", encode_base64url(&signer.sign(input.as_bytes())))
    }

    /// The pages of a feed in which so many tokens are revoked, by the key that each goes on after.
    fn pages(&self, revoked: u32) -> (BTreeMap<String, String>, u64) {
        let now = u64::try_from(now()).unwrap();
        let issuer = IssuerConfig {
            issuer: self.issuer.clone(),
            scopes_supported: Vec::new(),
            signing_algorithms: ALGORITHMS.to_vec(),
            token_ttl_seconds: LIFE,
            freshness: FreshnessLimits::default(),
            document_keys: JwkSet { keys: Vec::new() },
        };
        // Limits that nobody meets: what is measured asks as fast as it can.
        let limit = RateLimit::new(1_000_000, 1, 1_000_000).ok();
        let limits = RateLimits { client: limit, ..RateLimits::default() };
        let changes =
            [Change::Keys { jwks: self.jwks() }, Change::Issuer { issuer }, Change::RateLimits { limits }];
        // In the order of their keys, as the feed goes through them.
        let revoked_tokens = (0..revoked).map(|number| {
            let jti = TokenId::new(Uuid::from_u128(u128::from(number) << 96 | u128::from(number)));
            Change::TokenRevoked { jti, expires_at: now + 60 + u64::from(number) % LIFE }
        });
        let revoked_tokens: Vec<Change> = revoked_tokens.collect();
        let to = u64::from(revoked) + 3;
        let (first, more) = revoked_tokens.split_at(revoked_tokens.len().min(TOKENS_IN_A_PAGE));
        let first = changes.into_iter().chain(first.iter().cloned()).collect();
        let (mut pages, mut after) = (BTreeMap::new(), None);
        let mut contents =
            std::iter::once(first).chain(more.chunks(TOKENS_IN_A_PAGE).map(<[_]>::to_vec)).peekable();
        while let Some(changes) = contents.next() {
            let until = changes.last().map(Change::key).filter(|_| contents.peek().is_some());
            let text = self.seal_page(to, after.clone(), until.clone(), compact(changes));
            pages.insert(after.unwrap_or_default(), text);
            after = until;
        }
        (pages, to)
    }

    fn seal_page(
        &self,
        to: u64,
        after: Option<String>,
        until: Option<String>,
        changes: Vec<Change>,
    ) -> String {
        let issued_at = u64::try_from(now()).unwrap() * 1_000;
        let expires_at = issued_at + BATCH_LIFETIME_MS;
        let instance = Uuid::from_u128(1).into();
        let page = Page { instance, begun: to, to, issued_at, expires_at, after, until, changes };
        let input = feed::signing_input_of_page(&page, &self.feed_key.jwk().kid.unwrap()).unwrap();
        feed::seal(&input, &self.feed_key.sign(input.as_bytes()))
    }

    fn seal(&self, from: u64, to: u64, changes: Vec<Change>) -> String {
        let issued_at = u64::try_from(now()).unwrap() * 1_000;
        let expires_at = issued_at + BATCH_LIFETIME_MS;
        let batch = Batch { instance: Uuid::from_u128(1).into(), from, to, issued_at, expires_at, changes };
        let kid = self.feed_key.jwk().kid.unwrap();
        let input = feed::signing_input_of(2, &batch, &kid).unwrap();
        feed::seal(&input, &self.feed_key.sign(input.as_bytes()))
    }

    /// Serves the feed, in which nothing new ever happens, until the program ends.
    pub async fn serve(self: &Arc<Self>, revoked: u32) -> SocketAddr {
        let (pages, sequence) = self.pages(revoked);
        let served = Arc::new(Served { ground: Arc::clone(self), pages, sequence });
        let router = Router::new()
            .route("/edge/v1/snapshot", get(get_snapshot))
            .route("/edge/v1/changes", get(get_changes))
            .route("/edge/v1/usage", post(async || axum::http::StatusCode::NO_CONTENT))
            .with_state(served);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        address
    }
}

struct Served {
    ground: Arc<Ground>,
    /// By the key that each goes on after; the first by none.
    pages: BTreeMap<String, String>,
    sequence: u64,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    wait: u64,
}

type Answer = ([(axum::http::HeaderName, &'static str); 1], String);

#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    after: String,
}

async fn get_snapshot(State(served): State<Arc<Served>>, Query(place): Query<Place>) -> Answer {
    ([(CONTENT_TYPE, "application/jose")], served.pages[&place.after].clone())
}

async fn get_changes(State(served): State<Arc<Served>>, Query(asked): Query<Asked>) -> Answer {
    tokio::time::sleep(std::time::Duration::from_secs(asked.wait.min(1))).await;
    let nothing_new = served.ground.seal(served.sequence, served.sequence, Vec::new());
    ([(CONTENT_TYPE, "application/jose")], nothing_new)
}
