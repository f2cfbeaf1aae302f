//! Discovery, keys and DID documents: what they say, whether one has them already, and scripts of web pages that read them.

use agentidp_tests::shape::Shape;
use serde_json::json;

use crate::table::case::{Case, Expected, api_error, ask, case, get, not_allowed, post, status};
use crate::table::scene::{KID, Scene};

const METHODS: &str = "GET, HEAD, OPTIONS";

pub fn cases(scene: &Scene) -> Vec<Case> {
    let mut cases = Vec::new();
    let (issuer, agent) = (scene.issuer(), &scene.agent.id);
    let did = format!("did:web:{}", issuer.trim_start_matches("http://").replace(':', "%3A"));
    let metadata = || {
        ["authorization_endpoint", "token_endpoint", "introspection_endpoint", "revocation_endpoint"]
            .iter()
            .fold(json_document().member("/issuer", issuer), |expected, name| {
                let path = name.trim_end_matches("_endpoint").replace("authorization", "authorize");
                let path = path.replace("introspection", "introspect").replace("revocation", "revoke");
                expected.member(&format!("/{name}"), format!("{issuer}/oauth2/{path}"))
            })
            .member("/jwks_uri", format!("{issuer}/.well-known/jwks.json"))
    };
    let agent_did = || did_document().member("/id", format!("{did}:agents:{agent}"));
    for (path, expected) in [
        ("/.well-known/openid-configuration", metadata()),
        ("/.well-known/oauth-authorization-server", metadata()),
        (
            "/.well-known/oauth-protected-resource",
            json_document().member("/resource", issuer).member("/authorization_servers", json!([issuer])),
        ),
        (
            "/.well-known/jwks.json",
            json_document()
                .member("/keys/1/kid", KID)
                .member("/keys/1/use", "sig")
                .member("/keys/1/alg", "EdDSA"),
        ),
        ("/.well-known/did.json", did_document().member("/id", &*did)),
        (&format!("/agents/{agent}/did.json"), agent_did()),
        (&format!("/api/v1/agents/{agent}/did"), agent_did()),
    ] {
        cases.extend(document(scene, path, &expected));
    }
    let list = "/status-lists/0198c5a4-0000-7000-8000-00000000dead";
    let no_list = || public(api_error(404, "STATUS_LIST_NOT_FOUND")).header("cache-control", "no-store");
    for target in [list, "/status-lists/x", "/status-lists/0198C5A4-0000-7000-8000-00000000DEAD"] {
        cases.push(case(format!("GET {target}"), get(target), no_list()));
    }
    cases.push(case("a status list, HEAD", ask("HEAD", list), public(status(404)).empty()));
    let options = public(status(204)).header("allow", METHODS).empty();
    cases.push(case("a status list, OPTIONS", ask("OPTIONS", list), options));
    let refused = public(not_allowed(Shape::Management, METHODS));
    cases.push(case("a status list, POST", post(list), refused));
    for pattern in ["/agents/{}/did.json", "/api/v1/agents/{}/did"] {
        cases.extend(no_documents(scene, pattern));
    }
    cases
}

/// For anyone, scripts of web pages included.
fn public(expected: Expected) -> Expected {
    expected
        .header("access-control-allow-origin", "*")
        .header("access-control-expose-headers", "etag, retry-after, x-request-id")
        .lacks("access-control-allow-credentials")
        .lacks("vary")
        .lacks("set-cookie")
}

fn found(media_type: &str) -> Expected {
    public(status(200))
        .header("content-type", media_type)
        .header("cache-control", "public, max-age=5")
        .has("etag")
}

fn json_document() -> Expected {
    found("application/json")
}

fn did_document() -> Expected {
    found("application/did+json")
}

fn document(scene: &Scene, path: &str, expected: &Expected) -> Vec<Case> {
    let named = |what: &str| format!("{path}: {what}");
    let held = || {
        public(status(304))
            .header("cache-control", "public, max-age=5")
            .has("etag")
            .lacks("content-type")
            .empty()
    };
    let has = |tags: &str| get(path).header("if-none-match", tags);
    let tag = scene.tag_of(path);
    let preflight = public(status(204))
        .header("allow", METHODS)
        .header("access-control-allow-methods", METHODS)
        .header("access-control-allow-headers", "*")
        .header("access-control-max-age", "7200")
        .empty();
    let from_a_page = |method: &str| ask(method, path).header("origin", "https://app.example");
    let mut cases = vec![
        case(named("GET"), get(path), expected.clone().header("etag", &tag)),
        case(named("HEAD"), ask("HEAD", path), expected.clone().header("etag", &tag)),
        case(named("GET with a query"), get(format!("{path}?x=y")), expected.clone()),
        case(named("a script reads it"), from_a_page("GET"), expected.clone()),
        case(named("a bad token does not matter"), get(path).bearer("x"), expected.clone()),
        case(named("its tag"), has(&tag), held()),
        case(named("its tag, HEAD"), ask("HEAD", path).header("if-none-match", &tag), held()),
        case(named("its tag, weakly"), has(&format!("W/{tag}")), held()),
        case(named("its tag among others"), has(&format!("\"a\", {tag}, \"b\"")), held()),
        case(named("its tag in a second line"), has("\"a\"").header("if-none-match", &tag), held()),
        case(named("any tag"), has("*"), held()),
        case(named("another tag"), has("\"other\""), expected.clone()),
        case(named("its tag without quotes"), has(tag.trim_matches('"')), expected.clone()),
        case(named("no tag at all"), has(""), expected.clone()),
        case(named("OPTIONS"), ask("OPTIONS", path), preflight.clone()),
        case(
            named("a preflight"),
            {
                from_a_page("OPTIONS").headers(&[
                    ("access-control-request-method", "GET"),
                    ("access-control-request-headers", "if-none-match, mcp-protocol-version"),
                ])
            },
            preflight,
        ),
    ];
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let request = ask(method, path).header("content-length", "0");
        cases.push(case(named(method), request, public(not_allowed(Shape::Management, METHODS))));
    }
    cases
}

fn no_documents(scene: &Scene, pattern: &str) -> Vec<Case> {
    let of = |id: &str| pattern.replace("{}", id);
    let nobody = || public(api_error(404, "AGENT_NOT_FOUND")).header("cache-control", "no-store");
    let gone = || public(api_error(410, "AGENT_DECOMMISSIONED")).header("cache-control", "no-store");
    let (gone_id, id) = (&scene.decommissioned.0.id, &scene.agent.id);
    let mut cases = vec![
        case(format!("{pattern} of a decommissioned agent"), get(of(gone_id)), gone()),
        case(
            format!("{pattern} of a decommissioned agent, HEAD"),
            ask("HEAD", of(gone_id)),
            public(status(410)),
        ),
        case(format!("{pattern} of a suspended agent"), get(of(&scene.suspended.0.id)), did_document()),
        case(
            format!("POST {pattern} of nobody"),
            post(of("x")),
            public(not_allowed(Shape::Management, METHODS)),
        ),
    ];
    for (what, id) in [
        ("nobody", "0198c5a4-0000-7000-8000-00000000dead"),
        ("a name", "someone"),
        ("an id in upper case", &id.to_uppercase()),
        ("an id with a space", &format!("{id}%20")),
        ("an escaped NUL", "%00"),
        ("an escape of no UTF-8", "%ff"),
        ("a way up", "..%2f.."),
        ("half an escape", "%f"),
        ("a long id", &"a".repeat(3_000)),
    ] {
        cases.push(case(format!("{pattern} of {what}"), get(of(id)), nobody()));
    }
    cases
}
