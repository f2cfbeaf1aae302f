//! Somebody on the way of the feed, in both directions, who delays it, loses it, or puts something else in its place.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::TcpListener;

use agentidp_shared::feed::{self, Batch, Page};
use agentidp_shared::strict::decode_base64url;

use crate::ControlPlane;

/// What is done to a batch: from what was sent to what arrives.
pub type Change = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// What is done to requests of the feed.
#[derive(Clone, Default)]
pub enum Fault {
    #[default]
    None,
    /// It takes longer.
    Delay(Duration),
    /// Nothing arrives, and nobody is told.
    Silence,
    /// It is answered with this status by somebody else.
    Status(u16),
    /// Of so many requests only one arrives.
    OneOf(usize),
    Replace(Change),
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fault")
    }
}

#[derive(Debug)]
struct Shared {
    target: String,
    http: reqwest::Client,
    fault: Mutex<Fault>,
    is_down: AtomicBool,
    /// Requests of the feed so far, and every batch that came by.
    asked: Mutex<usize>,
    seen: Mutex<Vec<String>>,
}

/// Listens on a port of its own in front of a control plane or an edge; only the feed is meddled with.
#[derive(Debug, Clone)]
pub struct Meddler {
    url: String,
    shared: Arc<Shared>,
}

impl Meddler {
    /// In front of `target`, where somebody may listen only later.
    pub async fn before(target: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            http: http.build().unwrap(),
            fault: Mutex::default(),
            is_down: AtomicBool::new(false),
            asked: Mutex::default(),
            seen: Mutex::default(),
        });
        let routes = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, shared }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn set(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// Whether everything besides the feed answers 500.
    pub fn set_origin_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::Relaxed);
    }

    /// How often the feed was asked for, or pushed.
    pub fn asked(&self) -> usize {
        *self.shared.asked.lock().unwrap()
    }

    /// Every batch that came by, as it was sent.
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap().as_str();
    let is_push = path.starts_with("/edge/v1/push");
    // What edges report is none of the feed.
    let is_feed = is_push || path.starts_with("/edge/v1/snapshot") || path.starts_with("/edge/v1/changes");
    let mut fault = Fault::None;
    if !is_feed && shared.is_down.load(Ordering::Relaxed) {
        return answer(500, Bytes::new());
    }
    if is_feed {
        let mut asked = shared.asked.lock().unwrap();
        *asked += 1;
        fault = match shared.fault.lock().unwrap().clone() {
            Fault::OneOf(count) if *asked % count != 0 => Fault::Status(502),
            Fault::OneOf(_) => Fault::None,
            fault => fault,
        };
    }
    match fault {
        Fault::Delay(delay) => tokio::time::sleep(delay).await,
        Fault::Silence => std::future::pending().await,
        Fault::Status(status) => return answer(status, Bytes::new()),
        _ => {}
    }
    let mut body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if is_push {
        body = meddle(&shared, &fault, body);
    }
    let mut sent = shared.http.request(parts.method, format!("{}{path}", shared.target)).body(body);
    for (name, value) in &parts.headers {
        if !["host", "content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
            sent = sent.header(name, value);
        }
    }
    let Ok(received) = sent.send().await else { return answer(502, Bytes::new()) };
    let (status, headers) = (received.status(), received.headers().clone());
    let Ok(mut body) = received.bytes().await else { return answer(502, Bytes::new()) };
    if is_feed && !is_push && status.is_success() {
        body = meddle(&shared, &fault, body);
    }
    let mut response = answer(status.as_u16(), body);
    for (name, value) in &headers {
        if !["content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

fn meddle(shared: &Shared, fault: &Fault, body: Bytes) -> Bytes {
    let Ok(text) = std::str::from_utf8(&body) else { return body };
    shared.seen.lock().unwrap().push(text.to_owned());
    match fault {
        Fault::Replace(change) => change(text).into(),
        _ => body,
    }
}

fn answer(status: u16, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// Somebody who has got hold of the key that signs the feed, or not.
#[derive(Debug)]
pub struct Forger {
    key: Ed25519KeyPair,
    kid: String,
}

impl Forger {
    /// With the key of this control plane.
    pub fn with_key_of(control_plane: &ControlPlane) -> Self {
        let pem = std::fs::read_to_string(control_plane.folder().path().join("state/feed-key.pem")).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let key = Ed25519KeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
        let keys: Value = serde_json::from_str(&control_plane.feed_public_keys()).unwrap();
        Self { key, kid: keys["keys"][0]["kid"].as_str().unwrap().to_owned() }
    }

    /// With a key nobody knows, under the name of the one that counts.
    #[must_use]
    pub fn without_key(&self) -> Self {
        Self { key: Ed25519KeyPair::generate().unwrap(), kid: self.kid.clone() }
    }

    /// The batch in `sealed` with `change` done to it, signed again. A snapshot of one page is a batch that begins at 0.
    pub fn forge(&self, sealed: &str, change: impl FnOnce(&mut Batch)) -> String {
        let mut batch = read_batch(sealed);
        change(&mut batch);
        let version = feed::version_of(sealed);
        let input = if version > 1 && batch.is_snapshot() {
            let Batch { instance, to, issued_at, expires_at, changes, .. } = batch;
            let (begun, after, until) = (to, None, None);
            let page = Page { instance, begun, to, issued_at, expires_at, after, until, changes };
            feed::signing_input_of_page(&page, &self.kid)
        } else {
            feed::signing_input_of(version, &batch, &self.kid)
        };
        let input = input.unwrap();
        feed::seal(&input, self.key.sign(input.as_bytes()).as_ref())
    }
}

/// Reads a batch of any version, or a snapshot of one page as one, whoever signed it.
pub fn read_batch(sealed: &str) -> Batch {
    let payload = decode_base64url(sealed.trim().split('.').nth(1).unwrap()).unwrap();
    let mut payload: Value = serde_json::from_slice(&payload).unwrap();
    let members = payload.as_object_mut().unwrap();
    if members.remove("begun").is_some() {
        members.insert("from".to_owned(), 0.into());
        assert!(!members.contains_key("until"), "the snapshot has more pages");
    }
    if feed::version_of(sealed) > 1 {
        for change in payload["changes"].as_array_mut().unwrap() {
            *change = change["change"].take();
        }
    }
    serde_json::from_value(payload).unwrap()
}
