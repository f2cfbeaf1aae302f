//! Where a request comes from.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use agentidp_shared::ids::{AgentId, TokenId};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::network::Network;
use crate::app::App;

/// Longest user agent kept, in bytes.
const MAX_USER_AGENT: usize = 512;
/// Most hops of `X-Forwarded-For` looked at.
const MAX_HOPS: usize = 16;
/// Longest `traceparent` looked at, in bytes.
const MAX_TRACEPARENT: usize = 256;

/// Who acts in a request, as far as it was proven.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acting {
    /// Who really calls.
    pub actor: Option<AgentId>,
    /// The subject of the token in use, if it is another.
    pub on_behalf_of: Option<AgentId>,
    /// The token in use.
    pub token_id: Option<TokenId>,
}

/// What the audit log says of a request beside what it did. The address and what the client calls itself prove nothing; who
/// acts was proven, or is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientInfo {
    pub ip: Option<IpAddr>,
    pub user_agent: Option<String>,
    /// W3C Trace Context: 32 lower-case hexadecimal digits.
    pub trace_id: Option<String>,
    pub acting: Acting,
}

impl ClientInfo {
    /// The same request, by an agent that has proven itself by its credentials.
    #[must_use]
    pub fn by(&self, actor: AgentId) -> Self {
        let acting = Acting { actor: Some(actor), on_behalf_of: None, token_id: None };
        Self { acting, ..self.clone() }
    }
}

impl FromRequestParts<App> for ClientInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        Ok(Self {
            ip: peer.map(|peer| client_address(peer, &parts.headers, &app.config.trusted_proxies)),
            user_agent: parts.headers.get(header::USER_AGENT).map(|value| printable(value.as_bytes())),
            trace_id: trace_id(&parts.headers),
            // Put there with the caller.
            acting: parts.extensions.get().copied().unwrap_or_default(),
        })
    }
}

/// The trace id of a `traceparent` (W3C Trace Context §3.2); of a malformed one, or of several, none.
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() || value.len() > MAX_TRACEPARENT {
        return None;
    }
    let mut parts = value.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_zero = |text: &str| text.bytes().all(|b| b == b'0');
    // Version 00 ends with its flags; a later one may go on.
    let is_well_formed = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && is_hex(trace, 32)
        && !is_zero(trace)
        && is_hex(parent, 16)
        && !is_zero(parent)
        && is_hex(flags, 2);
    is_well_formed.then(|| trace.to_owned())
}

/// The address a request came from: the peer's, or as long as hops are trusted proxies, the one before in
/// `X-Forwarded-For`. Read from the right: what stands further left anyone can write.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for hop in hops.take(MAX_HOPS) {
        if !is_trusted(address) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(previous) => address = previous.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

fn printable(bytes: &[u8]) -> String {
    let bytes = bytes.get(..MAX_USER_AGENT).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn address(peer: &str, forwarded: &[&'static str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn forged_forwarded_for_attack_only_trusted_proxies_are_believed() {
        assert_eq!(address("203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
        assert_eq!(address("10.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(address("10.0.0.1", &["198.51.100.66, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(address("10.0.0.1", &["198.51.100.66", "192.0.2.1, 10.0.0.2"]), "192.0.2.1");
    }

    #[test]
    fn garbage_ends_the_search() {
        assert_eq!(address("10.0.0.1", &["192.0.2.1, unknown"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn a_trace_id_is_taken_from_a_well_formed_traceparent_alone() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("traceparent", HeaderValue::from_static(value));
            }
            trace_id(&headers)
        };
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = Some("0af7651916cd43dd8448eb211c80319c".to_owned());
        assert_eq!(read(&[good]), trace);
        assert_eq!(read(&["cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes"]), trace);
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        ] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
        assert_eq!(read(&[good, good]), None);
    }

    #[test]
    fn a_user_agent_is_cut_and_cleaned() {
        assert_eq!(printable(b"curl/8\x1b[31m\xff"), "curl/8[31m\u{fffd}");
        assert_eq!(printable(&[b'a'; 2_000]).len(), MAX_USER_AGENT);
    }
}
