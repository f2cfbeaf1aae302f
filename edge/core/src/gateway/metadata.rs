//! What an upstream says of itself as a protected resource (RFC 9728).

use agentidp_shared::discovery::PROTECTED_RESOURCE;
use agentidp_shared::scopes::ScopeSet;
use http::{Response, Uri, request};
use serde_json::json;

use super::place::{Place, host_of, is_below};
use crate::documents::{CACHE_FOR, answer};
use crate::errors::Problem;
use crate::etag;

/// The document, where it is, and how challenges point to it.
#[derive(Debug, Clone)]
pub struct Metadata {
    pub url: String,
    /// At the upstream's host, or at the edge's own.
    paths: Vec<String>,
    body: String,
    tag: String,
}

impl Metadata {
    pub fn new(name: &str, place: &Place, audience: &str, issuer: &str, scopes: &ScopeSet) -> Self {
        let default = format!("{PROTECTED_RESOURCE}{}", place.prefix().unwrap_or_default());
        let own = issuer.parse().ok().and_then(|uri| base_of(&uri)).unwrap_or_default();
        let default_base = place.host().map_or_else(|| own.clone(), |host| format!("https://{host}"));
        // §3.1: between the host and the path of the resource's identifier, if that is an address under which it is reached.
        let (url, inserted) = inserted(place, audience, &own).map_or_else(
            || (format!("{default_base}{default}"), None),
            |(base, path)| (format!("{base}{path}"), Some(path)),
        );
        let paths =
            std::iter::once(default.clone()).chain(inserted.filter(|path| *path != default)).collect();
        let body = json!({
            "resource": audience,
            "authorization_servers": [issuer],
            "scopes_supported": scopes,
            "bearer_methods_supported": ["header"],
            "resource_name": name,
        })
        .to_string();
        Self { url, paths, tag: etag::of(body.as_bytes()), body }
    }

    pub fn is_at(&self, path: &str) -> bool {
        self.paths.iter().any(|own| own == path)
    }

    /// A public document like those of the edge itself.
    pub fn get(&self, request: &request::Parts) -> Result<Response<Vec<u8>>, Problem> {
        answer(&request.headers, "application/json", CACHE_FOR, &self.body, &self.tag)
    }
}

fn base_of(uri: &Uri) -> Option<String> {
    Some(format!("{}://{}", uri.scheme()?, uri.authority()?))
}

/// The base and the well-known path of an identifier that is an address of the upstream. `own` is the base of the edge's own.
fn inserted(place: &Place, audience: &str, own: &str) -> Option<(String, String)> {
    let uri: Uri = audience.parse().ok()?;
    let base = base_of(&uri)?;
    let path = uri.path().trim_end_matches('/');
    let is_own = match place {
        Place::Host(host) => matches!(uri.scheme_str(), Some("https" | "http")) && host_of(&uri)? == host.0,
        Place::PathPrefix(prefix) => base == own && is_below(path, &prefix.0),
    };
    (is_own && uri.query().is_none()).then(|| (base, format!("{PROTECTED_RESOURCE}{path}")))
}
