//! Health, the contract with the control plane, and what is forwarded to it.

use agentidp_tests::shape::Shape;

use crate::table::case::{
    Case, Expected, api_error, ask, bad_token_for_the_api, case, get, not_allowed, post, status,
};
use crate::table::scene::Scene;

pub fn cases(scene: &Scene) -> Vec<Case> {
    [health(), feed(scene), forwarded(scene)].into_iter().flatten().collect()
}

fn health() -> Vec<Case> {
    let mut cases = Vec::new();
    let of = |path: &str, expected: Expected| {
        if path == "/health/live" { expected.without_knowledge() } else { expected }
    };
    for (path, says) in [("/health/live", "live"), ("/health/ready", "ready")] {
        let healthy = || {
            let json = status(200).header("content-type", "application/json");
            of(path, json.header("cache-control", "no-store"))
        };
        let said = healthy().member("/status", says).body_varies();
        cases.push(case(format!("GET {path}"), get(path), said.clone()));
        cases.push(case(format!("GET {path} with a bad token"), get(path).bearer("x"), said));
        cases.push(case(format!("HEAD {path}"), ask("HEAD", path), healthy()));
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let request = ask(method, path).header("content-length", "0");
            let refused = not_allowed(Shape::Management, "GET, HEAD").lacks("access-control-allow-origin");
            cases.push(case(format!("{method} {path}"), request, of(path, refused)));
        }
    }
    let summary = status(200).header("content-type", "application/json").has("cache-control").body_varies();
    cases.push(case("GET /health of the control plane", get("/health"), summary));
    cases
}

fn feed(scene: &Scene) -> Vec<Case> {
    const JOSE: &str = "application/jose";
    let push = "/edge/v1/push";
    let refused = || api_error(400, "INVALID_BATCH").header("cache-control", "no-store").without_knowledge();
    let unsigned = r#"{"alg":"EdDSA","kid":"feed-1","typ":"agentidp-feed+jwt"}"#;
    let mut cases = Vec::new();
    for (what, batch) in [
        ("nothing", String::new()),
        ("nonsense", "nonsense".to_owned()),
        ("JSON", "{}".to_owned()),
        ("an access token", scene.token.clone()),
        ("a batch of another key", scene.key.token_of(unsigned, r#"{"from":0,"to":1,"changes":[]}"#)),
        ("a batch of a token key", scene.token_with_header(&[("typ", "agentidp-feed+jwt".into())])),
        ("no UTF-8", "\u{fffd}".to_owned()),
    ] {
        cases.push(case(format!("push {what}"), post(push).body(JOSE, batch), refused()));
    }
    cases.push(case("push bytes that are no text", post(push).body(JOSE, b"\xff\xfe"), refused()));
    let large = post(push).body(JOSE, "A".repeat(1_100_000));
    cases.push(case("push too much", large, api_error(413, "PAYLOAD_TOO_LARGE").without_knowledge()));
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let refused = not_allowed(Shape::Management, "POST");
        cases.push(case(format!("{method} {push}"), ask(method, push), refused.without_knowledge()));
    }
    let nothing = || api_error(404, "NOT_FOUND").without_knowledge();
    let key = scene.control_plane.metrics_key();
    for target in [
        "/edge/v1",
        "/edge/v1/",
        "/edge/v1/snapshot",
        "/edge/v1/changes?after=0&wait=0",
        "/edge/v1/push/",
        "/edge/v1/usage",
    ] {
        cases.push(case(format!("GET {target}"), get(target), nothing()));
        let as_an_edge = get(target).bearer(&key).header("x-edge-name", scene.control_plane.edge_name());
        cases.push(case(format!("GET {target} with the edge's key"), as_an_edge, nothing()));
    }
    cases
}

fn forwarded(scene: &Scene) -> Vec<Case> {
    let agent = format!("/api/v1/agents/{}", scene.agent.id);
    let nothing = || api_error(404, "NOT_FOUND");
    vec![
        case("an agent", get(&agent).bearer(&scene.token), status(200).member("/agentId", &*scene.agent.id)),
        case(
            "an agent, without a token",
            get(&agent),
            api_error(401, "UNAUTHENTICATED").has("www-authenticate"),
        ),
        case("an agent, HEAD", ask("HEAD", &agent).bearer(&scene.token), status(200)),
        case(
            "an agent, with a bad token",
            get(&agent).bearer("x"),
            bad_token_for_the_api(scene.issuer(), "the token is not three base64url parts separated by dots"),
        ),
        case(
            "an agent, with a revoked token",
            get(&agent).bearer(&scene.revoked),
            bad_token_for_the_api(scene.issuer(), "the token was revoked"),
        ),
        case(
            "an agent, written without the scope",
            ask("PATCH", &agent).bearer(&scene.token).body("application/json", "{}"),
            status(403),
        ),
        case(
            "an agent, by a method it has not",
            ask("PUT", &agent).bearer(&scene.token).body("application/json", "{}"),
            status(405).has("allow"),
        ),
        case("the API's description", get("/openapi.json"), status(200).member("/openapi", "3.1.0")),
        case(
            "no token for a wrong secret",
            {
                post("/oauth2/token")
                    .basic(&scene.decommissioned.0.id, "wrong")
                    .form("grant_type=client_credentials")
            },
            status(401)
                .member("/error", "invalid_client")
                .header("cache-control", "no-store")
                .has("www-authenticate"),
        ),
        case(
            "no token for an unknown grant",
            post("/oauth2/token").basic(&scene.agent.id, &scene.agent.secret).form("grant_type=x"),
            status(400).member("/error", "unsupported_grant_type").header("cache-control", "no-store"),
        ),
        case(
            "a token",
            {
                post("/oauth2/token")
                    .basic(&scene.agent.id, &scene.agent.secret)
                    .form("grant_type=client_credentials")
            },
            status(200).member("/token_type", "Bearer").header("cache-control", "no-store").body_varies(),
        ),
        case("nothing at /", get("/"), nothing()),
        case("nothing at a path of nobody", get("/nothing/here"), nothing()),
        case("nothing at /VERIFY", get("/VERIFY").bearer(&scene.token), nothing()),
        case("nothing at /verifyx", get("/verifyx").bearer(&scene.token), nothing()),
        case("nothing at a document with a slash behind", get("/.well-known/jwks.json/"), nothing()),
        case("nothing at a document in another case", get("/.well-known/JWKS.json"), nothing()),
    ]
}
