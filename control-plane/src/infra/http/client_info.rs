//! Where a request comes from.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::network::Network;
use crate::app::App;

/// Longest user agent kept, in bytes.
const MAX_USER_AGENT: usize = 512;
/// Most hops of `X-Forwarded-For` looked at.
const MAX_HOPS: usize = 16;

/// The client's address and what it calls itself. For logs, the audit trail and throttling; it proves nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientInfo {
    pub ip: Option<IpAddr>,
    pub user_agent: Option<String>,
}

impl FromRequestParts<App> for ClientInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        Ok(Self {
            ip: peer.map(|peer| client_address(peer, &parts.headers, &app.config.trusted_proxies)),
            user_agent: parts.headers.get(header::USER_AGENT).map(|value| printable(value.as_bytes())),
        })
    }
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
    fn a_user_agent_is_cut_and_cleaned() {
        assert_eq!(printable(b"curl/8\x1b[31m\xff"), "curl/8[31m\u{fffd}");
        assert_eq!(printable(&[b'a'; 2_000]).len(), MAX_USER_AGENT);
    }
}
