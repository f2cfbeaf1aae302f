//! An issuer that signs: tokens, and the batches of its feed.

use std::collections::BTreeMap;

use agentidp_shared::compact::compact;
use agentidp_shared::discovery::IssuerConfig;
use agentidp_shared::exceptions::{Standing, SubjectException};
use agentidp_shared::feed::{self, BATCH_LIFETIME_MS, Batch, Change, Envelope, Page, Subject};
use agentidp_shared::freshness::FreshnessLimits;
use agentidp_shared::ids::InstanceId;
use agentidp_shared::jwk::{Algorithm, Jwk, JwkSet, KeySet};
use agentidp_shared::policy::EndpointTable;
use agentidp_shared::strict::{encode_base64url, percent_decode};
use agentidp_shared::verify::{Authentic, parse};
use ed25519_dalek::{Signer as _, SigningKey};
use http::Request;
use serde_json::{Value, json};

use super::{AGENT, Answer, ISSUER, NOW, ORGANIZATION, OTHER_AGENT, TOKEN_ID, answer};

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn jwk(number: u8, kid: &str) -> Jwk {
    Jwk { kid: Some(kid.to_owned()), ..Jwk::ed25519(key(number).verifying_key().as_bytes()) }
}

fn sign(number: u8, input: &str) -> String {
    format!("{input}.{}", encode_base64url(&key(number).sign(input.as_bytes()).to_bytes()))
}

const FEED_KEY: u8 = 50;
pub const FEED_KEY_ID: &str = "feed-1";

pub fn feed_jwks() -> String {
    json!({ "keys": [jwk(FEED_KEY, FEED_KEY_ID)] }).to_string()
}

pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": AGENT, "aud": ISSUER, "client_id": AGENT, "organization_id": ORGANIZATION,
        "scope": "agents:read tokens:read", "jti": TOKEN_ID, "iat": NOW - 100, "nbf": NOW - 100, "exp": NOW + 500_000,
    })
}

/// The good claims with some members set.
pub fn claims_with(members: &[(&str, Value)]) -> Value {
    let mut claims = claims();
    for (name, value) in members {
        claims[*name] = value.clone();
    }
    claims
}

/// A token of key number `number`, whose `kid` is `key-NUMBER`.
pub fn token_of(number: u8, claims: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "kid": format!("key-{number}"), "typ": "at+jwt" });
    let part = |value: &Value| encode_base64url(value.to_string().as_bytes());
    sign(number, &format!("{}.{}", part(&header), part(claims)))
}

/// A token of the key that everyone knows.
pub fn token_with(members: &[(&str, Value)]) -> String {
    token_of(1, &claims_with(members))
}

pub fn token() -> String {
    token_with(&[])
}

/// One that can write.
pub fn writer_token() -> String {
    token_with(&[("scope", "agents:read agents:write".into())])
}

/// What [`token`] was derived into for another agent; `hop` is what the chain says of the token it comes from.
pub fn delegated_token_of(hop: &Value) -> String {
    token_with(&[
        ("client_id", OTHER_AGENT.into()),
        ("jti", OTHER_AGENT.into()),
        ("act", json!({ "sub": OTHER_AGENT })),
        ("delegation_chain", json!([hop])),
    ])
}

pub fn hop() -> Value {
    let claims = claims();
    json!({ "sub": claims["sub"], "jti": claims["jti"], "iat": claims["iat"] })
}

pub fn delegated_token() -> String {
    delegated_token_of(&hop())
}

/// Any token that somebody signed.
pub fn authentic() -> Authentic {
    let keys = KeySet::from_jwks(&JwkSet { keys: vec![jwk(1, "key-1")] }).unwrap();
    parse(&token(), &keys).unwrap().check_signature().unwrap()
}

pub fn seal_page(page: &Page) -> String {
    let input = feed::signing_input_of_page(page, FEED_KEY_ID).unwrap();
    feed::seal(&input, &key(FEED_KEY).sign(input.as_bytes()).to_bytes())
}

/// The control plane's side of the feed: every change, in order. Change number `n` (from 1) is `changes[n - 1]`.
#[derive(Debug, Clone)]
pub struct Feed {
    pub instance: u128,
    pub issuer: String,
    pub changes: Vec<Change>,
    /// In which version it is told.
    pub version: u8,
    /// How many changes that do not concern all a page of a snapshot holds.
    pub page_size: usize,
}

impl Feed {
    pub fn new() -> Self {
        let mut feed = Self {
            instance: 1,
            issuer: ISSUER.to_owned(),
            changes: Vec::new(),
            version: 1,
            page_size: usize::MAX,
        };
        feed.changes =
            vec![feed.issuer(), Feed::keys(&[1]), Change::Policy { endpoints: EndpointTable::default() }];
        feed
    }

    fn issuer(&self) -> Change {
        Change::Issuer {
            issuer: IssuerConfig {
                issuer: self.issuer.clone(),
                scopes_supported: vec!["agents:read".parse().unwrap()],
                signing_algorithms: vec![Algorithm::EdDSA],
                token_ttl_seconds: 3_600,
                document_keys: JwkSet::default(),
                freshness: FreshnessLimits::default(),
            },
        }
    }

    pub fn of_issuer(issuer: &str) -> Self {
        let mut feed = Self { issuer: issuer.to_owned(), ..Self::new() };
        feed.changes[0] = feed.issuer();
        feed
    }

    pub fn keys(numbers: &[u8]) -> Change {
        let keys = numbers.iter().map(|number| jwk(*number, &format!("key-{number}"))).collect();
        Change::Keys { jwks: JwkSet { keys } }
    }

    pub fn revocation(jti: &str) -> Change {
        Change::TokenRevoked { jti: jti.parse().unwrap(), expires_at: NOW + 500_000 }
    }

    pub fn organization(organization: &str, standing: Standing) -> Change {
        let exception = SubjectException { standing, not_before: None, expires_at: NOW + 500_000 };
        Change::Organization { organization_id: organization.parse().unwrap(), exception }
    }

    pub fn agent(agent: &str, standing: Standing) -> Change {
        let exception = SubjectException { standing, not_before: None, expires_at: NOW + 500_000 };
        Change::Agent { agent_id: agent.parse().unwrap(), exception }
    }

    /// A change of a kind that no edge of today can read.
    pub fn unknown(key: &str, subjects: &[&str], ignorable: bool) -> Change {
        let subjects = subjects.iter().map(|subject| Subject::read(subject)).collect();
        let (key, change) = (key.to_owned(), json!({ "type": "fromTheFuture" }));
        Change::Unknown(Box::new(Envelope {
            key,
            subjects,
            ignorable,
            expires_at: Some(NOW + 500_000),
            change,
        }))
    }

    /// The same, told in another version.
    #[must_use]
    pub fn in_version(self, version: u8) -> Self {
        Self { version, ..self }
    }

    /// The same in version 2, with pages of this size.
    #[must_use]
    pub fn in_pages(self, page_size: usize) -> Self {
        Self { version: 2, page_size, ..self }
    }

    #[must_use]
    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    pub fn head(&self) -> u64 {
        u64::try_from(self.changes.len()).unwrap()
    }

    /// A page of a snapshot as of `now_ms`, which is as far as this feed is: the first, or that after a key of the one that began
    /// at a sequence.
    pub fn page(&self, place: Option<(u64, &str)>, now_ms: u64) -> Page {
        let last: BTreeMap<String, Change> =
            self.changes.iter().map(|change| (change.key(), change.clone())).collect();
        let is_common = |change: &Change| !matches!(change, Change::Unknown(_)) && change.concerns_all();
        let (common, mut rest): (Vec<Change>, Vec<Change>) = last.into_values().partition(is_common);
        rest.retain(|change| place.is_none_or(|(_, after)| *change.key() > *after));
        let is_last = rest.len() <= self.page_size;
        rest.truncate(self.page_size);
        let until = rest.last().map(Change::key).filter(|_| !is_last);
        Page {
            instance: uuid::Uuid::from_u128(self.instance).into(),
            begun: place.map_or(self.head(), |(begun, _)| begun),
            to: self.head(),
            issued_at: now_ms,
            expires_at: now_ms + BATCH_LIFETIME_MS,
            after: place.map(|(_, after)| after.to_owned()),
            until,
            changes: compact(if place.is_none() { common.into_iter().chain(rest).collect() } else { rest }),
        }
    }

    /// The pages of a snapshot, as signed.
    pub fn pages(&self, now_ms: u64) -> Vec<String> {
        let mut page = self.page(None, now_ms);
        let mut pages = vec![seal_page(&page)];
        while let Some(place) = page.next() {
            page = self.page(Some(place), now_ms);
            pages.push(seal_page(&page));
        }
        pages
    }

    /// The signed batch of everything after `from`, as of `now_ms`; in version 2 the first page of a snapshot if that is 0.
    pub fn after(&self, from: u64, now_ms: u64) -> String {
        if from == 0 && self.version > 1 {
            return seal_page(&self.page(None, now_ms));
        }
        let changes = self.changes.iter().skip(usize::try_from(from).unwrap()).cloned();
        let as_told = |change: Change| {
            if self.version < 2 { change.in_first_version().unwrap() } else { change }
        };
        let changes = changes.map(as_told).collect();
        let instance: InstanceId = uuid::Uuid::from_u128(self.instance).into();
        let expires_at = now_ms + BATCH_LIFETIME_MS;
        let batch = Batch { instance, from, to: self.head(), issued_at: now_ms, expires_at, changes };
        let input = feed::signing_input_of(self.version, &batch, FEED_KEY_ID).unwrap();
        feed::seal(&input, &key(FEED_KEY).sign(input.as_bytes()).to_bytes())
    }

    pub fn snapshot(&self, now_ms: u64) -> String {
        self.after(0, now_ms)
    }

    /// The control plane's answer to a request for the feed. It keeps the changes from number `oldest` on.
    pub fn answer_to(&self, request: &Request<Vec<u8>>, oldest: u64, now_ms: u64) -> Answer {
        let query = request.uri().query().unwrap_or_default();
        let value = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find_map(|(held, value)| (held == name).then(|| percent_decode(value).unwrap()))
        };
        let is_page = request.uri().path() != "/edge/v1/changes";
        let after =
            value(if is_page { "begun" } else { "after" }).map(|number| number.parse::<u64>().unwrap());
        let Some(after) = after else { return answer(200, self.snapshot(now_ms)) };
        if after + 1 < oldest || after > self.head() {
            return answer(410, "{}");
        }
        answer(
            200,
            match value("after").filter(|_| is_page) {
                Some(key) => seal_page(&self.page(Some((after, &key)), now_ms)),
                None => self.after(after, now_ms),
            },
        )
    }
}
