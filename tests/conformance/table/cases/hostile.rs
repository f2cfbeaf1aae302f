//! Large and hostile requests.

use super::verify::accepted;

use crate::table::case::{
    Case, Expected, Request, api_error, ask, bad_token, case, get, no_token, oauth_error, post, status,
};
use crate::table::scene::Scene;

pub fn cases(scene: &Scene) -> Vec<Case> {
    let nothing = || api_error(404, "NOT_FOUND");
    let with = |count: usize| {
        (0..count).fold(get("/verify").bearer(&scene.token), |request, number| {
            request.header(&format!("x-filler-{number}"), "x")
        })
    };
    let mut cases = oddities(scene);
    cases.extend(vec![
        case("a path of 4 KiB", get(format!("/{}", "a".repeat(4_096))), nothing()),
        case(
            "a path of 4 KiB below /verify",
            get(format!("/verify/{}", "a".repeat(4_096))).bearer(&scene.token),
            accepted(scene),
        ),
        case(
            "a path of 16 KiB below /verify",
            get(format!("/verify/{}", "a".repeat(16_384))).bearer(&scene.token),
            accepted(scene),
        ),
        case(
            "a query of 8 KiB for a document",
            get(format!("/.well-known/jwks.json?{}", "a".repeat(8_192))),
            status(200).has("etag"),
        ),
        case("fifty headers", with(50), accepted(scene)),
        case(
            "a header of 8 KiB",
            get("/verify").bearer(&scene.token).header("x-filler", "x".repeat(8_192)),
            accepted(scene),
        ),
        case(
            "a token of 9 KiB",
            get("/verify").bearer(&"A".repeat(9_216)),
            bad_token("the token is longer than 8192 bytes"),
        ),
        case(
            "a token of 32 KiB",
            get("/verify").bearer(&"A".repeat(32_768)),
            bad_token("the token is longer than 8192 bytes"),
        ),
        case("an escaped slash", get("/verify%2f").bearer(&scene.token), nothing()),
        case("an escaped letter", get("/%76erify"), nothing()),
        case("two slashes before", get("//verify"), nothing()),
        case("a parameter of the path", get("/verify;x=y"), nothing()),
        case("an escaped NUL in a path", get("/verify%00"), nothing()),
        case("an escaped NUL below /verify", get("/verify/%00"), no_token()),
        case("an escape of no UTF-8 in a path", get("/%ff%fe"), nothing()),
        case("half an escape in a path", get("/%"), nothing()),
        case(
            "a way up out of /verify/",
            get("/verify/../../health/ready"),
            status(200).member("/status", "ready"),
        )
        .but_on_spin(no_token()),
        case(
            "an escaped way up out of /verify/",
            get("/verify/%2e%2e/health/ready"),
            status(200).member("/status", "ready"),
        )
        .but_on_spin(no_token()),
        case(
            "a body that GET does not have",
            get("/verify").bearer(&scene.token).form("scope=admin:orgs"),
            accepted(scene),
        ),
        case(
            "a body of 100 KB for /verify",
            post("/verify").bearer(&scene.token).form("x".repeat(100_000)),
            accepted(scene),
        ),
        case(
            "a body for a document",
            ask("PUT", "/.well-known/jwks.json").body("application/json", "{}"),
            api_error(405, "METHOD_NOT_ALLOWED"),
        ),
        case(
            "another method in a header",
            get("/oauth2/introspect").header("x-http-method-override", "POST").bearer(&scene.token),
            oauth_error(405, "invalid_request", "this method is not allowed at this path"),
        ),
        case(
            "another path in a header",
            get("/health/live").header("x-original-url", "/verify"),
            status(200).member("/status", "live").without_knowledge(),
        ),
    ]);
    cases
}

/// What a strict server refuses and a generous one repairs: nothing of it opens anything.
fn oddities(scene: &Scene) -> Vec<Case> {
    let mut cases = Vec::new();
    for target in [
        "/verify/\u{e9}",
        "/verify/a\\b",
        "/verify/{}|",
        "/verify/#x",
        "/verify/\"",
        "/verify/%5c..%5c",
        "/verify/./a",
    ] {
        cases.push(case(format!("GET {target} without a token"), get(target), no_token()));
    }
    for (what, name, value) in [
        ("a header that is no UTF-8", "x-filler", b"\xff".as_slice()),
        ("an id that is no UTF-8", "x-request-id", b"\xff"),
        ("tags that are no UTF-8", "if-none-match", b"\xff"),
        ("a client that waits for leave", "expect", b"100-continue"),
        ("a client that takes trailers", "te", b"trailers"),
        ("a client that would rather speak WebSocket", "upgrade", b"websocket"),
    ] {
        cases.push(case(what, get("/verify").header(name, value).bearer(&scene.token), accepted(scene)));
    }
    for method in ["TRACE", "PROPFIND", "QUERY"] {
        let asked = ask(method, "/verify").bearer(&scene.token);
        cases.push(case(format!("{method} /verify, oddly"), asked, accepted(scene)));
        cases.push(case(format!("{method} below /verify"), ask(method, "/verify/"), no_token()));
    }
    let by_hosts = |name: &str, request: Request, (one, other): (Expected, Expected)| {
        case(name, request, one).but_on_spin(other)
    };
    let refused = |code: u16| status(code).by_the_host();
    let many = (0..120).fold(get("/verify").bearer(&scene.token), |request, number| {
        request.header(&format!("x-filler-{number}"), "x")
    });
    cases.extend([
        by_hosts("a space in a target", get("/verify/a b"), (no_token(), refused(400))),
        by_hosts("a control character in a target", get("/verify/\u{1}"), (no_token(), refused(400))),
        by_hosts(
            "a NUL in a header",
            get("/verify").header("x-filler", b"a\0b"),
            (refused(400), refused(400)),
        ),
        by_hosts(
            "a space in a header's name",
            get("/verify").header("x filler", "x"),
            (refused(400), refused(400)),
        ),
        by_hosts("a method in lower case", ask("get", "/verify/"), (refused(501), no_token())),
        by_hosts(
            "a path of 64 KiB",
            get(format!("/verify/{}", "a".repeat(65_536))),
            (refused(400), refused(414)),
        ),
        by_hosts("120 headers", many, (accepted(scene), refused(431))),
    ]);
    cases
}
