//! Which headers pass through a proxy, and which do not (RFC 9110 §7.6).

use std::collections::HashSet;

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use crate::host::Peer;
use crate::request_id;

pub const STATE_SEQUENCE: HeaderName = HeaderName::from_static("x-state-seq");
pub const STATE_AGE: HeaderName = HeaderName::from_static("x-state-age");
pub const STATE_STALE: HeaderName = HeaderName::from_static("x-state-stale");

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Of the connection, not of the message.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What a client could only say to pass for someone else, or for another request: identities are the edge's to give, addresses
/// the platform's, the edge's own name and key nobody's. Spellings with underscores are the same name to some servers.
const NOT_FOR_CLIENTS: [&str; 4] = ["x-agent-", "x-edge-", "x-forwarded-", "cf-"];
const NOT_FOR_CLIENTS_EXACTLY: [&str; 8] = [
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// The headers of a request on its way to the control plane, or to an API behind the gateway.
pub fn towards_origin(
    headers: &HeaderMap,
    scheme: &str,
    peer: Option<Peer>,
    request_id: &HeaderValue,
) -> HeaderMap {
    let mut passed = end_to_end(headers, |name| {
        matches!(*name, HOST | EXPECT | FORWARDED | CONTENT_LENGTH)
            || *name == request_id::HEADER
            || is_claim(name)
    });
    passed.insert(request_id::HEADER, request_id.clone());
    if let Some(address) = peer.and_then(|peer| peer.address)
        && let Ok(address) = HeaderValue::try_from(address.to_string())
    {
        passed.insert(FORWARDED_FOR, address);
    }
    let scheme = if scheme == "http" { "http" } else { "https" };
    passed.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
    passed
}

/// An answer on its way to the client.
pub fn towards_client<B>(mut answer: Response<B>) -> Response<B> {
    *answer.headers_mut() = end_to_end(answer.headers(), |name| {
        is_prefixed(name.as_str(), "x-state-") || is_prefixed(name.as_str(), "x-agent-")
    });
    answer
}

fn is_claim(name: &HeaderName) -> bool {
    let name = name.as_str();
    NOT_FOR_CLIENTS.iter().any(|prefix| is_prefixed(name, prefix))
        || NOT_FOR_CLIENTS_EXACTLY.iter().any(|claim| is_same(name, claim))
}

fn is_prefixed(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| is_same(start, prefix))
}

fn is_same(name: &str, other: &str) -> bool {
    name.bytes().map(|b| if b == b'_' { b'-' } else { b }).eq(other.bytes())
}

fn end_to_end(headers: &HeaderMap, is_refused: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let named: HashSet<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let mut passed = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        if !HOP_BY_HOP.contains(name) && !named.contains(name) && !is_refused(name) {
            passed.append(name.clone(), value.clone());
        }
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn answer_with(lines: &[(&'static str, &'static str)]) -> Response<()> {
        let mut answer = Response::new(());
        *answer.headers_mut() = headers(lines);
        answer
    }

    fn sent(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let peer = Peer { address: Some("203.0.113.9".parse().unwrap()) };
        towards_origin(&headers(lines), "https", Some(peer), &HeaderValue::from_static("id-1"))
    }

    #[test]
    fn hop_by_hop_headers_and_those_named_by_connection_stop_here() {
        let lines = [
            ("connection", "close, X-Hop"),
            ("connection", "x-other"),
            ("x-hop", "1"),
            ("x-other", "2"),
            ("keep-alive", "timeout=7"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic eA=="),
            ("proxy-authenticate", "Basic"),
            ("proxy-connection", "keep-alive"),
            ("expect", "100-continue"),
            ("host", "id.example"),
            ("x-end-to-end", "3"),
            ("accept", "a"),
            ("accept", "b"),
        ];
        let sent = sent(&lines);
        let names: Vec<&str> = sent.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-end-to-end", "accept", "x-request-id", "x-forwarded-for", "x-forwarded-proto"]);
        assert_eq!(sent.get_all("accept").iter().count(), 2);
        let answer = towards_client(answer_with(&[
            lines[0],
            lines[2],
            lines[14],
            ("set-cookie", "a"),
            ("set-cookie", "b"),
        ]));
        let answer = answer.headers();
        assert_eq!(answer.len(), 3);
        assert_eq!(answer.get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn x_agent_header_spoofing_attack_no_spelling_of_an_identity_goes_through() {
        let sent = sent(&[
            ("x-agent-id", "0198c5a4-0000-7000-8000-00000000000a"),
            ("x-agent-scopes", "admin:orgs"),
            ("x_agent_id", "x"),
            ("x-agent_organization", "x"),
            ("x-edge-name", "edge"),
            ("x-agents", "stays"),
        ]);
        assert!(sent.keys().all(|name| !name.as_str().replace('_', "-").starts_with("x-agent-")));
        assert!(!sent.contains_key("x-edge-name"));
        assert_eq!(sent["x-agents"], "stays");
    }

    #[test]
    fn forged_forwarded_for_attack_only_the_platform_says_where_a_request_came_from() {
        let sent = sent(&[
            ("x-forwarded-for", "198.51.100.1"),
            ("x_forwarded_for", "198.51.100.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "for=198.51.100.1"),
            ("x-real-ip", "198.51.100.1"),
            ("cf-connecting-ip", "198.51.100.1"),
            ("true-client-ip", "198.51.100.1"),
        ]);
        assert_eq!(sent.len(), 3);
        assert_eq!(sent["x-forwarded-for"], "203.0.113.9");
        assert_eq!(sent["x-forwarded-proto"], "https");
    }

    #[test]
    fn connection_header_abuse_attack_what_the_edge_adds_cannot_be_named_away() {
        let sent = sent(&[("connection", "x-forwarded-for, x-request-id"), ("x-request-id", "id-1")]);
        assert_eq!(sent["x-forwarded-for"], "203.0.113.9");
        assert_eq!(sent["x-request-id"], "id-1");
    }
}
