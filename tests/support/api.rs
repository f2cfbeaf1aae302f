//! A small HTTP client for tests: no redirects, no proxies, every answer read whole.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::secrets;

/// A server, and who is asking.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    http: reqwest::Client,
    authorization: Option<String>,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    pub asked: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Api {
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        Self { base: base.to_owned(), http, authorization: None }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// The same person at another server.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { authorization: Some(format!("Bearer {token}")), ..self.clone() }
    }

    #[must_use]
    pub fn with_basic(&self, id: &str, secret: &str) -> Self {
        let credentials = STANDARD.encode(format!("{id}:{secret}"));
        Self { authorization: Some(format!("Basic {credentials}")), ..self.clone() }
    }

    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self { authorization: None, ..self.clone() }
    }

    /// A request to be completed by the caller.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        }
    }

    /// A form to be completed by the caller.
    pub fn form_request(&self, path: &str, parameters: &[(&str, &str)]) -> RequestBuilder {
        let request = self.request("POST", path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(form(parameters))
    }

    /// Sends; no answer at all is `None`.
    pub async fn try_send(&self, request: RequestBuilder) -> Option<Answer> {
        let request = request.build().unwrap();
        let asked = format!("{} {}", request.method(), request.url());
        let response = self.http.execute(request).await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = String::from_utf8_lossy(&response.bytes().await.ok()?).into_owned();
        secrets::register_answer(&body);
        Some(Answer { asked, status, headers, body })
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let shown = format!("{request:?}");
        self.try_send(request).await.unwrap_or_else(|| panic!("no answer to {shown}"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json("POST", path, body).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.json("PATCH", path, body).await
    }

    pub async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.body(method, path, "application/json", body.to_string()).await
    }

    pub async fn body(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let request = self.request(method, path).header(CONTENT_TYPE, content_type).body(body);
        self.send(request).await
    }

    pub async fn form(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        self.send(self.form_request(path, parameters)).await
    }

    /// An access token by client credentials.
    pub async fn token(&self, id: &str, secret: &str, scope: Option<&str>) -> Answer {
        let mut parameters = vec![("grant_type", "client_credentials")];
        parameters.extend(scope.map(|scope| ("scope", scope)));
        self.with_basic(id, secret).form("/oauth2/token", &parameters).await
    }
}

impl Answer {
    pub fn is(&self, status: u16) -> bool {
        self.status == status
    }

    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "an expectation may be all there is to say")]
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
        body[member]
            .as_str()
            .unwrap_or_else(|| panic!("{}: no text `{member}` in {body}", self.asked))
            .to_owned()
    }

    /// The stable code of an error of the management API.
    pub fn code(&self) -> String {
        self.text("code")
    }

    /// The error of an OAuth endpoint.
    pub fn error(&self) -> String {
        self.text("error")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

pub fn form(parameters: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encode(name), encode(value));
    parameters.iter().map(pair).collect::<Vec<_>>().join("&")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded_byte_by_byte() {
        assert_eq!(form(&[("a b", "ä&="), ("c", "~")]), "a%20b=%C3%A4%26%3D&c=~");
    }
}
