//! A case: a request, byte for byte, and what must be answered.

use agentidp_tests::environment::Host;
use agentidp_tests::shape::Shape;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::answer::Answer;
use crate::differences::knows_without_looking;

#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub request: Request,
    pub expected: Expected,
    /// Only of a listed difference.
    pub on_spin: Option<Expected>,
}

pub fn case(name: impl Into<String>, request: Request, expected: Expected) -> Case {
    Case { name: name.into(), request, expected, on_spin: None }
}

impl Case {
    pub fn but_on_spin(mut self, expected: Expected) -> Self {
        self.on_spin = Some(expected);
        self
    }

    /// What is wrong with an answer, if anything.
    pub fn fault(&self, host: Host, answer: &Answer) -> Option<String> {
        let expected = match (&self.on_spin, host) {
            (Some(expected), Host::Spin) => expected,
            _ => &self.expected,
        };
        expected.fault(host, &self.request, answer)
    }
}

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    version: &'static str,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

pub fn ask(method: &str, target: impl Into<String>) -> Request {
    let (method, target) = (method.to_owned(), target.into());
    Request { method, target, version: "1.1", headers: Vec::new(), body: Vec::new() }
}

pub fn get(target: impl Into<String>) -> Request {
    ask("GET", target)
}

pub fn post(target: impl Into<String>) -> Request {
    ask("POST", target).header("content-length", "0")
}

impl Request {
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub fn headers(self, headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(self, |request, (name, value)| request.header(name, value))
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub fn basic(self, id: &str, secret: &str) -> Self {
        self.header("authorization", format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
    }

    pub fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.headers.retain(|(name, _)| name != "content-length");
        self.body = Vec::from(body.as_ref());
        let length = self.body.len().to_string();
        self.header("content-type", content_type).header("content-length", length)
    }

    pub fn form(self, body: impl AsRef<[u8]>) -> Self {
        self.body("application/x-www-form-urlencoded", body)
    }

    /// The same in a form that the edge on Workers answers the way of all requests, if it would answer it within one call otherwise: with
    /// an id that is not ASCII, and so is none. `None` if it has an id of its own, or is answered so anyway.
    pub fn the_long_way(&self) -> Option<Self> {
        const AT_ONCE: [&str; 3] = ["/verify", "/oauth2/introspect", "/health/live"];
        let is_at_once = AT_ONCE.iter().any(|path| self.target.starts_with(path));
        let has_id = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-request-id"));
        (is_at_once && !has_id).then(|| self.clone().header("x-request-id", b"\xfc"))
    }

    /// As nginx asks by default.
    pub fn http_1_0(mut self) -> Self {
        self.version = "1.0";
        self
    }

    /// The bytes for the server at `base`.
    pub fn bytes(&self, base: &str) -> Vec<u8> {
        let host = base.trim_start_matches("http://");
        let (method, target, version) = (&self.method, &self.target, self.version);
        let mut bytes =
            format!("{method} {target} HTTP/{version}\r\nhost: {host}\r\nconnection: close\r\n").into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        [&bytes, b"\r\n".as_slice(), &self.body].concat()
    }

    fn token(&self) -> Option<&str> {
        self.given("authorization")?.split_once(' ').map(|(_, token)| token)
    }

    fn given(&self, wanted: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(name, _)| name == wanted)?;
        std::str::from_utf8(value).ok()
    }
}

#[derive(Debug, Clone)]
enum Wanted {
    Is(String),
    Present,
    Absent,
}

#[derive(Debug, Clone)]
pub struct Expected {
    status: u16,
    headers: Vec<(&'static str, Wanted)>,
    /// Members of the JSON body, by their pointers.
    members: Vec<(String, Value)>,
    whole: Option<Value>,
    is_empty: bool,
    /// Whether the edge was asked at all: a host may refuse what is no HTTP.
    is_the_edges: bool,
    /// Whether the answer rests on what the edge knows.
    needs_knowledge: bool,
    pub body_varies: bool,
}

pub fn status(status: u16) -> Expected {
    Expected {
        status,
        headers: Vec::new(),
        members: Vec::new(),
        whole: None,
        is_empty: false,
        is_the_edges: true,
        needs_knowledge: true,
        body_varies: false,
    }
}

/// RFC 6749 §5.2.
pub fn oauth_error(code: u16, error: &str, description: &str) -> Expected {
    let body = json!({"error": error, "error_description": description});
    status(code).header("content-type", "application/json").header("cache-control", "no-store").whole(body)
}

/// As everywhere else.
pub fn api_error(status_code: u16, code: &str) -> Expected {
    status(status_code).header("content-type", "application/json").member("/code", code)
}

/// RFC 6750 §3.1, for a token that is not good.
pub fn bad_token(description: &str) -> Expected {
    oauth_error(401, "invalid_token", description)
        .header("www-authenticate", challenge(description))
        .lacks("x-agent-id")
}

/// The same, of the management API, which is described at the issuer's address (RFC 9728 §5.1).
pub fn bad_token_for_the_api(issuer: &str, description: &str) -> Expected {
    let metadata = format!(r#"resource_metadata="{issuer}/.well-known/oauth-protected-resource""#);
    api_error(401, "INVALID_TOKEN")
        .header("www-authenticate", format!("{}, {metadata}", challenge(description)))
}

fn challenge(description: &str) -> String {
    format!(r#"Bearer realm="agentidp", error="invalid_token", error_description="{description}""#)
}

/// For whoever showed no token.
pub fn no_token() -> Expected {
    oauth_error(401, "invalid_token", "an access token is required")
        .header("www-authenticate", r#"Bearer realm="agentidp""#)
        .lacks("x-agent-id")
}

pub fn not_allowed(shape: Shape, allow: &str) -> Expected {
    let message = "this method is not allowed at this path";
    let refused = match shape {
        Shape::OAuth => oauth_error(405, "invalid_request", message),
        Shape::Management | Shape::DidResolution => api_error(405, "METHOD_NOT_ALLOWED"),
    };
    refused.header("allow", allow)
}

impl Expected {
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, Wanted::Is(value.into())));
        self
    }

    pub fn has(mut self, name: &'static str) -> Self {
        self.headers.push((name, Wanted::Present));
        self
    }

    pub fn lacks(mut self, name: &'static str) -> Self {
        self.headers.push((name, Wanted::Absent));
        self
    }

    pub fn member(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        self.members.push((pointer.to_owned(), value.into()));
        self
    }

    pub fn whole(mut self, body: Value) -> Self {
        self.whole = Some(body);
        self
    }

    pub fn empty(mut self) -> Self {
        self.is_empty = true;
        self
    }

    /// The body holds what is new each time.
    pub fn body_varies(mut self) -> Self {
        self.body_varies = true;
        self
    }

    /// By the host, before the edge was asked.
    pub fn by_the_host(mut self) -> Self {
        self.is_the_edges = false;
        self
    }

    /// Answered without a look at what the edge knows.
    pub fn without_knowledge(mut self) -> Self {
        self.needs_knowledge = false;
        self
    }

    fn fault(&self, host: Host, request: &Request, answer: &Answer) -> Option<String> {
        if answer.status != self.status {
            return Some(format!("not {}", self.status));
        }
        let always = [
            ("x-content-type-options", Wanted::Is("nosniff".to_owned())),
            ("cache-control", Wanted::Present),
            ("x-request-id", Wanted::Present),
            ("x-state-seq", Wanted::Present),
            (
                "x-state-age",
                if self.needs_knowledge || knows_without_looking(host) {
                    Wanted::Present
                } else {
                    Wanted::Absent
                },
            ),
        ];
        let always = always.iter().filter(|_| self.is_the_edges);
        for (name, wanted) in always.chain(&self.headers) {
            let holds = match (wanted, answer.header(name)) {
                (Wanted::Is(value), found) => found == Some(value),
                (Wanted::Present, found) => found.is_some(),
                (Wanted::Absent, found) => found.is_none(),
            };
            if !holds {
                return Some(format!("{name} is {:?}, wanted: {wanted:?}", answer.header(name)));
            }
        }
        let keeps_id = self.headers.iter().any(|(name, _)| *name == "x-request-id");
        if !keeps_id
            && request.given("x-request-id").is_some_and(|id| answer.header("x-request-id") == Some(id))
        {
            return Some("the request's own id was kept".to_owned());
        }
        self.body_fault(request, answer)
    }

    fn body_fault(&self, request: &Request, answer: &Answer) -> Option<String> {
        if request.token().is_some_and(|token| token.len() > 20 && answer.body.contains(token)) {
            return Some("the token is in the answer".to_owned());
        }
        if self.is_empty || request.method == "HEAD" {
            return (!answer.body.is_empty()).then(|| "the body is not empty".to_owned());
        }
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        if let Some(whole) = &self.whole
            && body != *whole
        {
            return Some(format!("the body is not {whole}"));
        }
        let wrong = self.members.iter().find(|(pointer, value)| body.pointer(pointer) != Some(value));
        wrong.map(|(pointer, value)| format!("{pointer} is not {value}"))
    }
}
