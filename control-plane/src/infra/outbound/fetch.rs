//! Asking for a document: within limits of time and size, and without following anyone anywhere.

use std::sync::Arc;
use std::time::Duration;

use agentidp_shared::strict::parse_json_object;
use http::header;
use reqwest::redirect;
use serde_json::{Map, Value};

use super::resolve::{JudgingResolver, Resolver, SystemResolver, forbidden_in};
use super::target::{Host, Target};
use super::{Forbidden, MAX_BYTES, OutboundError, address};
use crate::infra::config::OutboundConfig;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest fetch, from the name to the last byte.
const TIMEOUT: Duration = Duration::from_secs(6);

/// The door. Cheap to clone. How many go through it at once is decided by [`Slots`](super::Slots).
#[derive(Debug, Clone)]
pub struct Outbound {
    http: reqwest::Client,
    resolver: JudgingResolver,
}

#[derive(Debug, thiserror::Error)]
#[error("outbound requests cannot be made: AGENTIDP_OUTBOUND_CA_FILE holds no certificates that can be used")]
pub struct NoClient(#[from] reqwest::Error);

impl Outbound {
    pub fn new(config: &OutboundConfig) -> Result<Self, NoClient> {
        Self::with_resolver(config, Arc::new(SystemResolver))
    }

    /// With another source of addresses.
    pub fn with_resolver(config: &OutboundConfig, inner: Arc<dyn Resolver>) -> Result<Self, NoClient> {
        let resolver = JudgingResolver { inner, allow_loopback: config.allow_loopback };
        let mut http = reqwest::Client::builder()
            .https_only(true)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            // Every connection is to addresses that were looked up and judged for it.
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .dns_resolver(Arc::new(resolver.clone()))
            .user_agent(concat!("agentidp/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = &config.ca {
            http = http.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?);
        }
        Ok(Self { http: http.build()?, resolver })
    }

    /// Whether a URL may be kept to be asked later. No name is looked up: that is done when it is asked, each time.
    pub fn check(&self, url: &str) -> Result<Target, Forbidden> {
        Target::parse(url, self.resolver.allow_loopback)
    }

    /// Everything that is judged before a connection is made.
    pub async fn admit(&self, url: &str) -> Result<Target, OutboundError> {
        let target = self.check(url)?;
        match target.host() {
            // Judged when it was read.
            Host::Address(_) => {}
            Host::Name(name) => drop(self.resolver.judged(name).await?),
        }
        Ok(target)
    }

    /// The JSON object at a URL: 200, `application/json` or a type that ends in `+json`, at most [`MAX_BYTES`], no member twice.
    pub async fn get_json(&self, url: &str) -> Result<Map<String, Value>, OutboundError> {
        let target = self.check(url)?;
        tokio::time::timeout(TIMEOUT, self.ask(&target)).await.map_err(|_| OutboundError::Timeout)?
    }

    async fn ask(&self, target: &Target) -> Result<Map<String, Value>, OutboundError> {
        let request = self
            .http
            .get(target.url().clone())
            .header(header::ACCEPT, "application/json")
            // Nothing is unpacked: a small answer stays small.
            .header(header::ACCEPT_ENCODING, "identity");
        let mut answer = request.send().await.map_err(|error| failed(&error))?;
        // Once more, of the address that the connection was made to.
        let peer = answer.remote_addr().ok_or(OutboundError::Connect)?;
        address::judge(peer.ip(), self.resolver.allow_loopback)?;
        if answer.status() != http::StatusCode::OK {
            return Err(OutboundError::Status(answer.status().as_u16()));
        }
        if answer.headers().contains_key(header::CONTENT_ENCODING) || !is_json(answer.headers()) {
            return Err(OutboundError::NotJson);
        }
        let declared = answer.content_length().unwrap_or(0);
        if usize::try_from(declared).map_or(true, |length| length > MAX_BYTES) {
            return Err(OutboundError::TooLarge);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
            if body.len().saturating_add(chunk.len()) > MAX_BYTES {
                return Err(OutboundError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        parse_json_object(&body).map_err(|_| OutboundError::NotJson)
    }
}

fn is_json(headers: &http::HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let one = values.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = one.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    json && values.next().is_none()
}

/// What went wrong, without the URL: that may be a secret of its owner's.
fn failed(error: &reqwest::Error) -> OutboundError {
    if let Some(forbidden) = forbidden_in(error) {
        return forbidden.into();
    }
    if error.is_timeout() { OutboundError::Timeout } else { OutboundError::Connect }
}
