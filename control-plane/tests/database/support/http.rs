//! The router, called without a network.

use std::net::{IpAddr, SocketAddr};

use agentidp::app::{self, App};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

/// A process's API, and who is asking from where.
#[derive(Clone)]
pub struct Api {
    router: axum::Router,
    peer: SocketAddr,
    headers: Vec<(String, String)>,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub asked: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Api {
    pub fn of(app: &App) -> Self {
        Self { router: app::router(app), peer: ([192, 0, 2, 1], 40_000).into(), headers: vec![] }
    }

    /// From another address.
    #[must_use]
    pub fn from(&self, address: &str) -> Self {
        let address: IpAddr = address.parse().unwrap();
        Self { peer: (address, 40_000).into(), ..self.clone() }
    }

    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut api = self.clone();
        api.headers.retain(|(present, _)| present != name);
        api.headers.push((name.to_owned(), value.to_owned()));
        api
    }

    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    #[must_use]
    pub fn with_basic(&self, id: &str, secret: &str) -> Self {
        let credentials = STANDARD.encode(format!("{id}:{secret}"));
        self.with("authorization", &format!("Basic {credentials}"))
    }

    /// The same caller at another process.
    #[must_use]
    pub fn at(&self, app: &App) -> Self {
        Self { router: app::router(app), ..self.clone() }
    }

    pub async fn send(&self, method: &str, path: &str, content_type: &str, body: String) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            asked: format!("{method} {path}"),
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.into()).unwrap(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", String::new()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, "", String::new()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "application/json", body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, "application/json", body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, "application/json", body.to_string()).await
    }

    pub async fn form(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        let pairs: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        self.send("POST", path, "application/x-www-form-urlencoded", pairs.join("&")).await
    }

    /// Asks for an access token, with the credentials in the form.
    pub async fn token(&self, id: &str, secret: &str) -> Answer {
        let parameters = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        self.form("/oauth2/token", &parameters).await
    }
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} → {}", self.asked, self.body);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| {
            panic!("{} → {} is not JSON ({error}): {}", self.asked, self.status, self.body)
        })
    }

    /// A member of the JSON body that is text.
    #[track_caller]
    pub fn text(&self, member: &str) -> String {
        let body = self.json();
        body[member].as_str().unwrap_or_else(|| panic!("no text `{member}` in {body}")).to_owned()
    }

    /// The stable code of an error of the management API.
    #[track_caller]
    pub fn code(&self) -> String {
        self.text("code")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Seconds of `Retry-After`.
    #[track_caller]
    pub fn retry_after(&self) -> u64 {
        self.header("retry-after").expect("Retry-After").parse().unwrap()
    }
}

/// Percent-encoding of everything that is not unreserved (RFC 3986 §2.3).
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
