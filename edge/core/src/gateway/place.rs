//! Where an upstream is reached: a host of its own, or a prefix of the paths of the edge's own host.

use http::Uri;
use serde::Deserialize;

/// What the edge and its control plane answer themselves.
const OWN_PATHS: [&str; 11] = [
    "/verify",
    "/oauth2",
    "/organizations",
    "/api/v1",
    "/agents",
    "/agent-info",
    "/edge",
    "/health",
    "/openapi.json",
    "/.well-known",
    "/status-lists",
];
const MAX_HOST_LENGTH: usize = 253;

/// `match` as it is written: one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    Host(Host),
    PathPrefix(Prefix),
}

/// A host name in lower case, without a port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Host(pub String);

impl TryFrom<String> for Host {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let harmless = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(harmless);
        if text.len() > MAX_HOST_LENGTH || !text.split('.').all(is_label) {
            return Err("must be a host name in lower case, without port or trailing dot");
        }
        Ok(Self(text))
    }
}

/// Whole segments of a path: `/orders` is the prefix of `/orders` and `/orders/1`, not of `/orders2`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Prefix(pub String);

impl TryFrom<String> for Prefix {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        let is_segment =
            |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(unreserved);
        if !text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment)) {
            return Err("must be a path like /orders, of letters, digits and -._~, without trailing slash");
        }
        if OWN_PATHS.iter().any(|own| is_below(&text, own) || is_below(own, &text)) {
            return Err("is a path of the edge's own");
        }
        Ok(Self(text))
    }
}

/// Whether `path` is `prefix` or below it.
pub fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Place {
    /// Whether a request could be for both.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Host(one), Self::Host(other)) => one == other,
            (Self::PathPrefix(Prefix(one)), Self::PathPrefix(Prefix(other))) => {
                is_below(one, other) || is_below(other, one)
            }
            _ => false,
        }
    }

    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Host(host) => Some(&host.0),
            Self::PathPrefix(_) => None,
        }
    }

    pub fn prefix(&self) -> Option<&str> {
        match self {
            Self::Host(_) => None,
            Self::PathPrefix(prefix) => Some(&prefix.0),
        }
    }
}

/// The host a request is for, by its URI alone: in lower case and without the port. `None` if it is written in a way that
/// some servers read as another one.
pub fn host_of(uri: &Uri) -> Option<String> {
    let authority = uri.authority()?;
    let host = authority.host();
    let plain = !authority.as_str().contains('@') && !host.is_empty() && !host.ends_with('.');
    plain.then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use agentidp_shared::policy::EndpointTable;

    use super::*;

    #[test]
    fn no_prefix_takes_a_path_of_the_edge_or_of_its_control_plane() {
        let table: EndpointTable =
            serde_json::from_str(include_str!("../../../../policies/data/scopes.json")).unwrap();
        for endpoint in &table.endpoints {
            assert!(OWN_PATHS.iter().any(|own| is_below(&endpoint.path, own)), "{}", endpoint.path);
        }
        for text in
            ["/api", "/api/v1/x", "/oauth2/x", "/.well-known", "/verify", "/verify/x", "/edge", "/health"]
        {
            assert_eq!(Prefix::try_from(text.to_owned()), Err("is a path of the edge's own"), "{text}");
        }
        for text in ["/verifyX", "/api/v2", "/healthy", "/orders/v1"] {
            assert!(Prefix::try_from(text.to_owned()).is_ok(), "{text}");
        }
        for text in ["", "/", "orders", "/orders/", "//orders", "/a/../b", "/a b", "/%61", "/a;b", "/ä"] {
            assert!(Prefix::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_plain_names() {
        for text in ["api.example", "localhost", "127.0.0.1", "a-b.example"] {
            assert!(Host::try_from(text.to_owned()).is_ok(), "{text}");
        }
        let long = "a.".repeat(130);
        for text in
            ["", "API.example", "api.example.", ".api", "a..b", "api.example:443", "*.example", "a/b", &long]
        {
            assert!(Host::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn host_confusion_attack_one_host_has_one_spelling() {
        let host = |uri: &str| host_of(&uri.parse().unwrap());
        for uri in ["https://api.example/x", "https://API.Example:8443/x", "http://api.example:80"] {
            assert_eq!(host(uri).as_deref(), Some("api.example"), "{uri}");
        }
        for uri in
            ["https://api.example./x", "https://user@api.example/", "https://api.example:1@evil.example/"]
        {
            assert_eq!(host(uri), None, "{uri}");
        }
    }
}
