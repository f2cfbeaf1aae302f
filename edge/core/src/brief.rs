//! Requests of which little is read, for hosts on which every call out of the program costs more than what it brings: all that an
//! answer depends on is handed over as one text, and the answer is taken back as another.
//!
//! Nothing is decided here. A request that does not fit is told apart and goes the way of all others.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};

use crate::authorization::{Presented, presented};
use crate::host::Peer;
use crate::node::Node;
use crate::router::{is_introspection, is_own, is_verify_path};
use crate::{health, request_id};

/// The headers that are handed over, in this order.
pub const HEADERS: [HeaderName; 3] = [AUTHORIZATION, request_id::HEADER, CONTENT_TYPE];
/// Method, URL, those headers, and the address the request came from.
pub const PARTS: usize = 6;

/// Room for the status and the headers of most answers, in bytes.
const LINES: usize = 768;

/// A request of `parts`, one behind the other in `text`; by their lengths in bytes, of which a negative one is that of something that
/// is not there. `None` if they are not ASCII, or no request.
///
/// Lengths cannot be forged from inside: whatever a header holds, it holds as many bytes as it has.
pub fn request<B>(text: &str, lengths: [i32; PARTS], body: B) -> Option<Request<B>> {
    // A character is a byte then, however the host counts.
    if !text.is_ascii() {
        return None;
    }
    let mut rest = text;
    let mut parts = [None; PARTS];
    for (part, length) in parts.iter_mut().zip(lengths) {
        if let Ok(length) = usize::try_from(length) {
            let (first, behind) = rest.split_at_checked(length)?;
            (*part, rest) = (Some(first), behind);
        }
    }
    let [method, url, authorization, request_id, content_type, address] = parts;
    if !rest.is_empty() {
        return None;
    }
    let mut request = Request::new(body);
    *request.method_mut() = Method::from_bytes(method?.as_bytes()).ok()?;
    *request.uri_mut() = url?.parse::<Uri>().ok()?;
    for (name, value) in HEADERS.into_iter().zip([authorization, request_id, content_type]) {
        // As of any other request, what is no value is not there.
        if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
            request.headers_mut().append(name, value);
        }
    }
    if !is_verify_path(request.uri().path()) {
        let address = address.and_then(|address| address.parse().ok());
        request.extensions_mut().insert(Peer { address });
    }
    Some(request)
}

/// Whether what was handed over is all that the answer depends on.
pub fn is_enough<B>(node: &Node, request: &Request<B>) -> bool {
    let path = request.uri().path();
    is_own(node, request.uri())
        && (is_verify_path(path)
            || path == health::LIVE_PATH
            // Who proves itself otherwise is asked about at the control plane.
            || (is_introspection(path) && matches!(presented(request.headers()), Ok(Presented::Bearer(_)))))
}

/// The answer as lines: the status, the names of the headers, the value of each, the body. `None` if it cannot be told so, for example
/// because two headers have the same name.
pub fn answer(head: &Response<()>, body: &[u8]) -> Option<String> {
    let headers: &HeaderMap = head.headers();
    let body = std::str::from_utf8(body).ok()?;
    // A text without a type would be given one.
    let has_type = body.is_empty() || headers.contains_key(CONTENT_TYPE);
    if !has_type || body.contains('\n') || headers.keys_len() != headers.len() {
        return None;
    }
    let mut lines = String::with_capacity(LINES + body.len());
    lines.push_str(head.status().as_str());
    let mut separator = '\n';
    for name in headers.keys() {
        lines.push(separator);
        lines.push_str(name.as_str());
        separator = ' ';
    }
    if headers.is_empty() {
        lines.push('\n');
    }
    for value in headers.values() {
        lines.push('\n');
        // Has no line break, whatever else it holds (RFC 9110 §5.5).
        lines.push_str(&String::from_utf8_lossy(value.as_bytes()));
    }
    lines.push('\n');
    lines.push_str(body);
    Some(lines)
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use http::StatusCode;

    use super::*;
    use crate::config::Config;
    use crate::testing::variables;

    const URL: &str = "https://id.example/verify?scope=agents:read";

    fn pack(parts: [Option<&str>; PARTS]) -> (String, [i32; PARTS]) {
        let lengths =
            parts.map(|part| part.map_or(-1, |part| i32::try_from(part.encode_utf16().count()).unwrap()));
        (parts.into_iter().flatten().collect(), lengths)
    }

    fn handed_over(parts: [Option<&str>; PARTS]) -> Option<Request<()>> {
        let (text, lengths) = pack(parts);
        request(&text, lengths, ())
    }

    fn node() -> Node {
        Node::new(Config::from_variables(|name| variables().get(name).cloned()).unwrap(), [1; 16])
    }

    #[test]
    fn what_is_handed_over_is_what_was_sent() {
        let request =
            handed_over([Some("GET"), Some(URL), Some("Bearer a.b.c"), Some(""), None, Some("192.0.2.7")]);
        let request = request.unwrap();
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::GET, URL));
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer a.b.c");
        assert_eq!(request.headers()[request_id::HEADER], "");
        assert!(!request.headers().contains_key(CONTENT_TYPE));
        assert!(request.extensions().get::<Peer>().is_none(), "/verify knows no address");
        let live =
            handed_over([Some("GET"), Some("https://id.example/x"), None, None, None, Some("192.0.2.7")]);
        assert_eq!(live.unwrap().extensions().get(), Some(&Peer { address: "192.0.2.7".parse().ok() }));
    }

    #[test]
    fn packing_confusion_attack_no_header_reaches_into_the_next() {
        for hostile in [
            "a\nx-request-id\nevil",
            "a\r\nx: y",
            "a\0b",
            "200\n\n\n",
            "Bearer a\tb",
            "\u{7f}",
            "-1",
            "\n",
            "GET https://id.example/",
            "ü",
            "\u{fffd}",
            "😀",
            "a\u{2028}b",
        ] {
            let Some(request) =
                handed_over([Some("GET"), Some(URL), Some(hostile), Some("id-1"), Some(hostile), None])
            else {
                assert!(!hostile.is_ascii(), "{hostile:?}");
                continue;
            };
            assert_eq!(request.headers().get(request_id::HEADER).unwrap(), "id-1", "{hostile:?}");
            assert_eq!(request.uri().to_string(), URL);
            // As everywhere else: kept as it is, or not at all.
            let expected = HeaderValue::from_bytes(hostile.as_bytes()).ok();
            assert_eq!(request.headers().get(AUTHORIZATION), expected.as_ref(), "{hostile:?}");
            assert_eq!(request.headers().get(CONTENT_TYPE), expected.as_ref(), "{hostile:?}");
        }
    }

    #[test]
    fn lengths_that_do_not_add_up_are_no_request() {
        let (text, lengths) = pack([Some("GET"), Some(URL), Some("Bearer a"), None, None, None]);
        assert!(request(&text, lengths, ()).is_some());
        for (place, length) in [(0, 2), (0, 4), (1, i32::MAX), (2, 0), (2, -1), (3, 0), (3, 1), (0, i32::MIN)]
        {
            let mut wrong = lengths;
            wrong[place] = length;
            // An empty header is one; everything else is too long or too short.
            assert_eq!(request(&text, wrong, ()).is_some(), (place, length) == (3, 0), "{place} {length}");
        }
        assert!(handed_over([None, Some(URL), None, None, None, None]).is_none());
        assert!(handed_over([Some("G T"), Some(URL), None, None, None, None]).is_none());
        assert!(handed_over([Some("GET"), Some("https://"), None, None, None, None]).is_none());
    }

    #[test]
    fn only_what_needs_no_more_is_answered_from_it() {
        let node = node();
        let is_enough = |path: &str, authorization| {
            let url = format!("https://id.example{path}");
            let parts = [Some("POST"), Some(url.as_str()), authorization, None, None, None];
            is_enough(&node, &handed_over(parts).unwrap())
        };
        for path in ["/verify", "/verify?x", "/verify/a/b", "/health/live"] {
            assert!(is_enough(path, None), "{path}");
        }
        for path in ["/oauth2/introspect", "/api/v1/token/introspect"] {
            assert!(is_enough(path, Some("bearer a.b.c")), "{path}");
            for authorization in [None, Some("Basic eA=="), Some("Bearer a, Basic eA==")] {
                assert!(!is_enough(path, authorization), "{path} {authorization:?}");
            }
        }
        for path in ["/", "/verifyx", "/health/live/", "/health", "/oauth2/token", "/api/v1/agents"] {
            assert!(!is_enough(path, Some("Bearer a.b.c")), "{path}");
        }
    }

    #[test]
    fn answers_are_lines_or_are_not_told_so() {
        let head = |headers: &[(HeaderName, &'static str)]| {
            let mut head = Response::new(());
            *head.status_mut() = StatusCode::UNAUTHORIZED;
            for (name, value) in headers {
                head.headers_mut().append(name.clone(), HeaderValue::from_static(value));
            }
            head
        };
        let json = (CONTENT_TYPE, "application/json");
        let empty = (request_id::HEADER, "");
        assert_eq!(
            answer(&head(&[json.clone(), empty]), b"{}").as_deref(),
            Some("401\ncontent-type x-request-id\napplication/json\n\n{}")
        );
        assert_eq!(answer(&head(&[]), b"").as_deref(), Some("401\n\n"));
        assert_eq!(answer(&head(&[]), b"{}"), None, "no type");
        assert_eq!(answer(&head(from_ref(&json)), b"{\n}"), None, "two lines");
        assert_eq!(answer(&head(from_ref(&json)), b"\xff"), None, "no text");
        assert_eq!(answer(&head(&[json.clone(), json]), b"{}"), None, "a header twice");
    }
}
