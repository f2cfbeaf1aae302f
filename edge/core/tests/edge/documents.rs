//! Discovery, keys, the instance's DID document.

use agentidp_shared::exceptions::Standing;
use http::Method;

use crate::support::*;

const PATHS: [&str; 5] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
    "/.well-known/jwks.json",
    "/.well-known/did.json",
];

#[test]
fn documents_are_made_from_what_is_known() {
    let edge = Edge::new();
    assert_eq!(json_of(&edge.get(PATHS[0]))["issuer"], ISSUER);
    assert_eq!(edge.get(PATHS[0]).body(), edge.get(PATHS[1]).body());
    assert_eq!(json_of(&edge.get(PATHS[2]))["resource"], ISSUER);
    assert_eq!(json_of(&edge.get(PATHS[3]))["keys"][0]["kid"], "key-1");
    let did = edge.get(PATHS[4]);
    assert_eq!(json_of(&did)["id"], "did:web:id.example");
    assert_eq!(header(&did, "content-type"), "application/did+json");
    assert!(edge.host.origin_asked.borrow().is_empty());
}

#[test]
fn whoever_has_a_document_is_told_so() {
    let edge = Edge::new();
    for path in PATHS {
        let first = edge.get(path);
        let tag = header(&first, "etag").to_owned();
        assert_eq!(header(&first, "cache-control"), "public, max-age=5");
        for (condition, status) in
            [(tag.clone(), 304), (format!("\"o\", W/{tag}"), 304), ("*".into(), 304), ("\"o\"".into(), 200)]
        {
            let mut asked = request(Method::GET, path);
            asked.headers_mut().insert("if-none-match", condition.parse().unwrap());
            let answer = edge.send(asked);
            assert_eq!(answer.status(), status, "{condition}");
            assert_eq!(answer.body().is_empty(), status == 304);
            assert_eq!(header(&answer, "etag"), tag);
        }
        let head = edge.send(request(Method::HEAD, path));
        assert_eq!((head.status().as_u16(), head.body().len(), header(&head, "etag")), (200, 0, &*tag));
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let refused = edge.send(request(method, path));
            assert_eq!((refused.status().as_u16(), header(&refused, "allow")), (405, "GET, HEAD, OPTIONS"));
        }
    }
}

#[test]
fn scripts_of_any_web_page_may_read_documents_and_nothing_else() {
    let edge = Edge::new();
    for path in PATHS.into_iter().chain(["/agents/nobody/did.json"]) {
        let preflight = edge.send(request(Method::OPTIONS, path));
        assert_eq!((preflight.status().as_u16(), header(&preflight, "allow")), (204, "GET, HEAD, OPTIONS"));
        assert_eq!(header(&preflight, "access-control-allow-headers"), "*");
        for answer in [preflight, edge.get(path), edge.send(request(Method::PUT, path))] {
            assert_eq!(header(&answer, "access-control-allow-origin"), "*", "{path}");
            assert_eq!(header(&answer, "access-control-expose-headers"), "etag, retry-after, x-request-id");
        }
    }
    for path in ["/verify", "/verify/x", "/oauth2/introspect", "/health/live", "/edge/v1/push"] {
        for method in [Method::OPTIONS, Method::GET, Method::POST] {
            let mut asked = request(method, path);
            asked.headers_mut().insert("origin", "https://app.example".parse().unwrap());
            let answer = edge.send(asked);
            let opens = |name: &http::HeaderName| name.as_str().starts_with("access-control-");
            assert!(!answer.headers().keys().any(opens), "{path}");
        }
    }
}

#[test]
fn a_new_key_changes_the_documents_and_their_tags() {
    let edge = Edge::new();
    let before = PATHS.map(|path| header(&edge.get(path), "etag").to_owned());
    assert_eq!(edge.push(&Feed::new().with(Feed::keys(&[1, 2])).after(3, NOW_MS)).status(), 204);
    assert_eq!(json_of(&edge.get(PATHS[3]))["keys"].as_array().unwrap().len(), 2);
    let after = PATHS.map(|path| header(&edge.get(path), "etag").to_owned());
    let changed: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before != after).collect();
    assert_eq!(changed, [false, false, false, true, true]);
}

#[test]
fn nothing_private_is_ever_in_a_document() {
    let edge = Edge::following(Feed::new().with(Feed::agent(AGENT, Standing::Suspended)));
    for path in PATHS {
        let body = String::from_utf8(edge.get(path).into_body()).unwrap();
        assert!(!body.contains("\"d\"") && !body.contains(AGENT) && !body.contains(EDGE_KEY), "{body}");
    }
}
