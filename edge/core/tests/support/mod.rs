//! An edge on a host in memory, in front of an issuer that signs.

mod host;
mod issuer;
mod store;

use std::collections::HashMap;
use std::rc::Rc;

use agentidp_edge_core::host::Peer;
use agentidp_edge_core::{Config, Node, handle};
use futures_util::FutureExt as _;
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

pub use host::*;
pub use issuer::*;
pub use store::*;

pub const ISSUER: &str = "https://id.example";
pub const ORIGIN: &str = "https://origin.example";
pub const NOW: u64 = 1_800_000_000;
pub const NOW_MS: u64 = NOW * 1_000;
pub const AGENT: &str = "0198c5a4-0000-7000-8000-00000000000a";
pub const OTHER_AGENT: &str = "0198c5a4-0000-7000-8000-00000000000b";
pub const ORGANIZATION: &str = "0198c5a4-0000-7000-8000-0000000000f0";
pub const OTHER_ORGANIZATION: &str = "0198c5a4-0000-7000-8000-0000000000f1";
pub const TOKEN_ID: &str = "0198c5a4-0000-7000-8000-00000000001d";
pub const EDGE_KEY: &str = "an-edge-key-of-forty-characters-in-total";

pub fn variables() -> HashMap<&'static str, String> {
    HashMap::from([
        ("ISSUER", ISSUER.to_owned()),
        ("ORIGIN_URL", ORIGIN.to_owned()),
        ("EDGE_NAME", "edge-1".to_owned()),
        ("EDGE_KEY", EDGE_KEY.to_owned()),
        ("FEED_PUBLIC_KEYS", feed_jwks()),
    ])
}

pub fn config() -> Config {
    config_with(&variables())
}

fn config_with(variables: &HashMap<&'static str, String>) -> Config {
    Config::from_variables(|name| variables.get(name).cloned()).unwrap()
}

/// A node on its host.
#[derive(Debug)]
pub struct Edge {
    pub node: Rc<Node>,
    pub host: Rc<TestHost>,
}

impl Edge {
    /// One that knows nothing, and whose hub is down.
    pub fn cold() -> Self {
        Self { node: Rc::new(Node::new(config(), [7; 16])), host: TestHost::new() }
    }

    /// One that knows nothing, with APIs behind its gateway.
    pub fn cold_in_front_of(upstreams: &Value) -> Self {
        let mut variables = variables();
        variables.insert("UPSTREAMS", upstreams.to_string());
        Self { node: Rc::new(Node::new(config_with(&variables), [7; 16])), host: TestHost::new() }
    }

    /// One that knows everything as of [`NOW_MS`], with APIs behind its gateway.
    pub fn in_front_of(upstreams: &Value) -> Self {
        Self::cold_in_front_of(upstreams).follow(Feed::new())
    }

    /// One that follows `feed`.
    pub fn following(feed: Feed) -> Self {
        Self::cold().follow(feed)
    }

    fn follow(self, feed: Feed) -> Self {
        *self.host.hub.borrow_mut() = HubIs::Following(feed);
        assert_eq!(self.get("/health/ready").status(), 200);
        self
    }

    /// One that knows everything as of [`NOW_MS`].
    pub fn new() -> Self {
        Self::following(Feed::new())
    }

    pub fn send(&self, request: Request<Vec<u8>>) -> Answer {
        handle(&self.node, &self.host, request).now_or_never().unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path))
    }

    pub fn get_with(&self, token: &str, path: &str) -> Answer {
        self.send(with_token(request(Method::GET, path), token))
    }

    /// `/verify` on a token: the status.
    pub fn verify(&self, token: &str) -> u16 {
        self.get_with(token, "/verify").status().as_u16()
    }

    pub fn form(&self, path: &str, authorization: Option<&str>, form: &str) -> Answer {
        let mut request = request(Method::POST, path);
        request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        if let Some(authorization) = authorization {
            request.headers_mut().insert("authorization", authorization.parse().unwrap());
        }
        *request.body_mut() = form.as_bytes().to_vec();
        self.send(request)
    }

    pub fn push(&self, batch: &str) -> Answer {
        let mut request = request(Method::POST, "/edge/v1/push");
        *request.body_mut() = batch.as_bytes().to_vec();
        self.send(request)
    }
}

/// Throws of dice that are the same for the same seed.
#[derive(Debug)]
pub struct Dice(u32);

impl Dice {
    pub fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(2_654_435_761) | 1)
    }

    pub fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        usize::try_from(self.0).unwrap() % most
    }
}

pub fn request(method: Method, path: &str) -> Request<Vec<u8>> {
    let peer = Peer { address: Some("203.0.113.9".parse().unwrap()) };
    let request = Request::builder().method(method).uri(format!("{ISSUER}{path}")).extension(peer);
    request.body(Vec::new()).unwrap()
}

pub fn with_token(mut request: Request<Vec<u8>>, token: &str) -> Request<Vec<u8>> {
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

pub fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body()).unwrap_or_else(|_| panic!("{:?}", answer.body()))
}

pub fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
