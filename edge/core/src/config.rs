//! What an operator must set, checked before anything is answered.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use agentidp_shared::edge_keys::EdgeKeys;
use agentidp_shared::jwk::{Algorithm, Jwk, JwkSet, KeySet};
use agentidp_shared::strict::parse_json_object;
use http::Uri;

use crate::gateway::{Upstream, read_upstreams};

const MAX_NAME_LENGTH: usize = 64;
/// The control plane accepts no shorter key.
const MIN_EDGE_KEY_LENGTH: usize = 32;

/// A variable that is missing or makes no sense. Says which, and never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {reason}")]
pub struct ConfigError {
    pub variable: &'static str,
    pub reason: Cow<'static, str>,
}

/// The edge's configuration.
#[derive(Clone)]
pub struct Config {
    issuer: String,
    origin: String,
    edge_name: String,
    keys: EdgeKeys,
    pinned: KeySet,
    upstreams: Vec<Upstream>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("issuer", &self.issuer)
            .field("origin", &self.origin)
            .field("edge_name", &self.edge_name)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Reads `ISSUER`, `ORIGIN_URL`, `EDGE_NAME`, `FEED_PUBLIC_KEYS` and `EDGE_KEY`, and `UPSTREAMS` if there are any.
    pub fn from_variables(read: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let given = |variable: &'static str| {
            read(variable).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let required = |variable: &'static str| {
            given(variable).ok_or(ConfigError { variable, reason: "is not set".into() })
        };
        let url = |variable: &'static str| {
            let url = required(variable)?;
            check_url(&url).map(|()| url).map_err(|reason| ConfigError { variable, reason: reason.into() })
        };
        let edge_name = required("EDGE_NAME")?;
        // As the control plane reads its AGENTIDP_EDGE_KEYS.
        check_name(&edge_name)
            .map_err(|reason| ConfigError { variable: "EDGE_NAME", reason: reason.into() })?;
        let edge_key = required("EDGE_KEY")?;
        let printable = |b: u8| b.is_ascii_graphic() && b != b',';
        if edge_key.len() < MIN_EDGE_KEY_LENGTH || !edge_key.bytes().all(printable) {
            let reason = "must be the key the control plane has for this edge: 32 or more printable characters without a comma";
            return Err(ConfigError { variable: "EDGE_KEY", reason: reason.into() });
        }
        let pinned = pinned_keys(&required("FEED_PUBLIC_KEYS")?)
            .map_err(|reason| ConfigError { variable: "FEED_PUBLIC_KEYS", reason: reason.into() })?;
        let issuer = url("ISSUER")?;
        let upstreams = given("UPSTREAMS").map_or(Ok(Vec::new()), |text| read_upstreams(&text, &issuer));
        let upstreams =
            upstreams.map_err(|reason| ConfigError { variable: "UPSTREAMS", reason: reason.into() })?;
        let keys = EdgeKeys::derive(&edge_key);
        Ok(Self { issuer, origin: url("ORIGIN_URL")?, edge_name, keys, pinned, upstreams })
    }

    /// The public URL of this edge: `iss` of every token it accepts. Without a trailing slash.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The control plane's URL, without a trailing slash.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The name the control plane knows this edge by.
    pub fn edge_name(&self) -> &str {
        &self.edge_name
    }

    /// The keys derived from the secret that goes with it.
    pub fn keys(&self) -> &EdgeKeys {
        &self.keys
    }

    /// The only keys whose batches are believed.
    pub fn pinned(&self) -> &KeySet {
        &self.pinned
    }

    /// The APIs that this edge protects by forwarding to them.
    pub fn upstreams(&self) -> &[Upstream] {
        &self.upstreams
    }
}

/// What an operator calls something that others name too.
pub(crate) fn check_name(text: &str) -> Result<(), &'static str> {
    let harmless = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let good = (1..=MAX_NAME_LENGTH).contains(&text.len()) && text.bytes().all(harmless);
    if good { Ok(()) } else { Err("must be 1 to 64 lower-case letters, digits or hyphens") }
}

/// Whether a URL's host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An https URL without trailing slash, query or fragment; http on loopback. Client secrets and the edge key pass there.
pub(crate) fn check_url(text: &str) -> Result<(), &'static str> {
    let uri: Uri = text.parse().map_err(|_| "is not a URL")?;
    let host = uri.host().ok_or("is not an absolute URL")?;
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_loopback(host) => {}
        _ => return Err("must be an https URL (http only on loopback)"),
    }
    if text.ends_with('/') || text.contains(['?', '#', '@']) {
        return Err("must have no trailing slash, query, fragment or user");
    }
    Ok(())
}

fn pinned_keys(text: &str) -> Result<KeySet, &'static str> {
    const SHAPE: &str = "must be a JWK Set with the public Ed25519 keys that sign the feed";
    let object = parse_json_object(text.as_bytes()).map_err(|_| SHAPE)?;
    let keys = object.get("keys").and_then(serde_json::Value::as_array).ok_or(SHAPE)?;
    let keys: Vec<Jwk> = keys
        .iter()
        .map(Jwk::from_value)
        .collect::<Result<_, _>>()
        .map_err(|_| "holds something that is not a public key")?;
    let eddsa = Some(Algorithm::EdDSA.as_str());
    if keys.is_empty() || keys.iter().any(|key| key.alg.as_deref() != eddsa) {
        return Err(SHAPE);
    }
    KeySet::from_jwks(&JwkSet { keys }).map_err(|_| "holds a key that is not acceptable")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{feed_jwks, variables};

    fn with(name: &'static str, value: &str) -> Result<Config, ConfigError> {
        let mut variables = variables();
        variables.insert(name, value.to_owned());
        Config::from_variables(|name| variables.get(name).cloned())
    }

    #[test]
    fn a_complete_configuration_is_taken() {
        let config = Config::from_variables(|name| variables().get(name).cloned()).unwrap();
        assert_eq!((config.issuer(), config.edge_name()), ("https://id.example", "edge-1"));
        let shown = format!("{config:?}");
        let keys = config.keys();
        let secret = variables().remove("EDGE_KEY").unwrap();
        let secrets = [&*secret, keys.feed(), keys.usage(), keys.metrics()];
        assert!(!secrets.iter().any(|secret| shown.contains(secret)), "a key is shown");
        assert!(with("ORIGIN_URL", "http://127.0.0.1:8080").is_ok());
        assert!(with("ORIGIN_URL", "http://[::1]:8080").is_ok());
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_without_its_value() {
        for name in ["ISSUER", "ORIGIN_URL", "EDGE_NAME", "EDGE_KEY", "FEED_PUBLIC_KEYS"] {
            for value in ["", " ", "sec ret\u{7f}", "{}"] {
                let error = with(name, value).unwrap_err();
                assert_eq!(error.variable, name, "{value}");
                assert!(value.len() < 3 || !error.to_string().contains(value));
            }
        }
    }

    #[test]
    fn a_url_that_would_send_secrets_in_the_clear_is_refused() {
        for url in [
            "http://id.example",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "ftp://id.example",
            "https://id.example/",
            "https://user@id.example",
            "https://id.example?x",
            "id.example",
            "/path",
        ] {
            assert!(with("ORIGIN_URL", url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_public_ed25519_keys_are_pinned() {
        let keys = feed_jwks();
        let private = keys.replacen("\"kty\"", "\"d\":\"AAAA\",\"kty\"", 1);
        let other = keys.replace("EdDSA", "ES256");
        for text in ["[]", r#"{"keys":[]}"#, r#"{"keys":1}"#, "no", &private, &other] {
            assert!(with("FEED_PUBLIC_KEYS", text).is_err(), "{text}");
        }
    }
}
