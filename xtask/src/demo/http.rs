//! The demo's HTTP: small blocking requests to loopback, answers as data.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Method, Request};

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body)
            .with_context(|| format!("not JSON (status {}): {}", self.status, self.body))
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Auth<'a> {
    None,
    Bearer(&'a str),
    Basic(&'a str, &'a str),
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    None,
    Json(&'a Value),
    Form(&'a [(&'a str, &'a str)]),
}

/// A client of one base URL, keeping its connections open.
#[derive(Debug)]
pub struct Client {
    base: String,
    agent: Agent,
}

impl Client {
    pub fn new(base: &str) -> Self {
        Self::with_timeout(base, Duration::from_secs(20))
    }

    fn with_timeout(base: &str, timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .proxy(None)
            .max_redirects(0)
            .build();
        Self { base: base.trim_end_matches('/').to_owned(), agent: config.into() }
    }

    pub fn get(&self, path: &str, auth: Auth<'_>) -> Result<Answer> {
        self.send(Method::GET, path, auth, Body::None)
    }

    pub fn post(&self, path: &str, auth: Auth<'_>, body: Body<'_>) -> Result<Answer> {
        self.send(Method::POST, path, auth, body)
    }

    pub fn delete(&self, path: &str, auth: Auth<'_>) -> Result<Answer> {
        self.send(Method::DELETE, path, auth, Body::None)
    }

    fn send(&self, method: Method, path: &str, auth: Auth<'_>, body: Body<'_>) -> Result<Answer> {
        let name = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        match auth {
            Auth::None => {}
            Auth::Bearer(token) => request = request.header("Authorization", format!("Bearer {token}")),
            Auth::Basic(user, password) => {
                let pair = STANDARD.encode(format!("{user}:{password}"));
                request = request.header("Authorization", format!("Basic {pair}"));
            }
        }
        let response = match body {
            Body::None => self.agent.run(request.body(())?),
            Body::Json(value) => {
                self.agent.run(request.header("Content-Type", "application/json").body(value.to_string())?)
            }
            Body::Form(fields) => self.agent.run(
                request
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .body(encode_form(fields))?,
            ),
        };
        let mut response = response.with_context(|| format!("{name} was not answered"))?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = response.status().as_u16();
        let body =
            response.body_mut().read_to_string().with_context(|| format!("{name}: the answer broke off"))?;
        Ok(Answer { status, headers, body })
    }
}

fn encode_form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

/// application/x-www-form-urlencoded: everything but the unreserved characters is escaped.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

fn status_of(base: &str, path: &str) -> Option<u16> {
    Client::with_timeout(base, Duration::from_secs(5)).get(path, Auth::None).ok().map(|answer| answer.status)
}

/// Whether something answers as alive there.
pub fn is_up(base: &str) -> bool {
    status_of(base, "/health/live") == Some(200)
}

/// Whether it says it can do its work.
pub fn is_ready(base: &str) -> bool {
    status_of(base, "/health/ready") == Some(200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_fields_are_escaped() {
        assert_eq!(
            encode_form(&[("scope", "agents:read tokens:read"), ("a&b", "=")]),
            "scope=agents%3Aread%20tokens%3Aread&a%26b=%3D"
        );
    }
}
