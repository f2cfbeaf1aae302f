//! Requests to Vault's HTTP API.

use std::error::Error;
use std::time::Duration;

use reqwest::{Method, StatusCode, redirect};
use serde_json::Value;

use super::VaultError;
use crate::infra::config::{Secret, VaultConfig};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Far more than any answer that is asked for.
const MAX_ANSWER: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    address: String,
    namespace: Option<String>,
}

/// An answer that is not an outage.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    pub body: Value,
}

impl Reply {
    /// Vault's words for an error are fixed texts; they are compared, never shown.
    pub fn complains(&self, of: &str) -> bool {
        let errors = self.body.get("errors").and_then(Value::as_array);
        errors.is_some_and(|errors| errors.iter().any(|error| error.as_str().is_some_and(|e| e.contains(of))))
    }
}

impl Client {
    pub(super) fn new(config: &VaultConfig) -> Result<Self, VaultError> {
        // A redirect would carry the token to wherever it points.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build();
        let http = http.map_err(|error| unreachable(&config.address, &error))?;
        Ok(Self { http, address: config.address.clone(), namespace: config.namespace.clone() })
    }

    /// Asks `path`, which begins after `/v1/`. 4xx answers are the caller's to read.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&Secret<String>>,
        body: Option<&Value>,
    ) -> Result<Reply, VaultError> {
        let mut request = self.http.request(method, format!("{}/v1/{path}", self.address));
        request = request.header("x-vault-request", "true");
        if let Some(token) = token {
            let mut value = http::HeaderValue::from_str(token.expose()).map_err(|_| VaultError::Token)?;
            value.set_sensitive(true);
            request = request.header("x-vault-token", value);
        }
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| unreachable(&self.address, &error))?;
        let status = answer.status();
        if answer.content_length().is_some_and(|length| usize::try_from(length).is_ok_and(|l| l > MAX_ANSWER))
        {
            return Err(VaultError::Answer { path: path.to_owned() });
        }
        let bytes = answer.bytes().await.map_err(|error| unreachable(&self.address, &error))?;
        let reply = Reply { status, body: serde_json::from_slice(&bytes).unwrap_or_default() };
        let address = || self.address.clone();
        match status.as_u16() {
            503 if reply.complains("sealed") => Err(VaultError::Sealed { address: address() }),
            // A KV engine that was mounted a moment ago.
            status @ 400 if reply.complains("Upgrading") => {
                Err(VaultError::NotReady { address: address(), status })
            }
            status @ (300..=399 | 412 | 429 | 472 | 473 | 500..) => {
                Err(VaultError::NotReady { address: address(), status })
            }
            _ => Ok(reply),
        }
    }
}

/// The innermost cause says most ("connection refused"); the URL in the outer ones says nothing new.
fn unreachable(address: &str, error: &reqwest::Error) -> VaultError {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let reason = if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() };
    VaultError::Unreachable { address: address.to_owned(), reason }
}
