//! `/verify` as proxies ask it, with what each sends along.

use super::verify::{accepted, too_little};
use crate::table::case::{Case, Request, ask, bad_token, case, get, no_token, status};
use crate::table::scene::Scene;

pub fn cases(scene: &Scene) -> Vec<Case> {
    [nginx(scene), traefik(scene), envoy(scene)].into_iter().flatten().collect()
}

type Ask = fn() -> Request;

/// The same four questions of each proxy.
fn questions(scene: &Scene, name: &str, asked: Ask) -> Vec<Case> {
    vec![
        case(format!("{name}: no token"), asked(), no_token()),
        case(format!("{name}: a good token"), asked().bearer(&scene.token), accepted(scene)),
        case(
            format!("{name}: a revoked token"),
            asked().bearer(&scene.revoked),
            bad_token("the token was revoked"),
        ),
        case(
            format!("{name}: who the client claims to be"),
            asked().header("x-agent-id", "x").bearer(&scene.token),
            accepted(scene),
        ),
    ]
}

/// `auth_request`: GET, HTTP/1.0 unless told otherwise, no body.
fn nginx(scene: &Scene) -> Vec<Case> {
    let asked: Ask = || {
        get("/verify?scope=agents:read").headers(&[
            ("x-original-uri", "/orders/1?scope=admin:orgs"),
            ("x-original-method", "DELETE"),
            ("user-agent", "client/1.0"),
            ("content-type", "application/json"),
        ])
    };
    let mut cases = questions(scene, "nginx", asked);
    cases.extend([
        case("nginx: HTTP/1.0", asked().http_1_0().bearer(&scene.token), accepted(scene)),
        case("nginx: HTTP/1.0 without a token", asked().http_1_0(), no_token()),
        case(
            "nginx: too little",
            get("/verify?scope=agents:write").header("x-original-uri", "/").bearer(&scene.token),
            too_little("agents:write"),
        ),
    ]);
    cases
}

/// `forwardAuth`: GET, and the original request in `X-Forwarded-*`.
fn traefik(scene: &Scene) -> Vec<Case> {
    let asked: Ask = || {
        get("/verify?scope=agents:read").headers(&[
            ("x-forwarded-method", "POST"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "api.example"),
            ("x-forwarded-uri", "/orders?scope=admin:orgs"),
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-server", "traefik"),
        ])
    };
    let mut cases = questions(scene, "Traefik", asked);
    let compressed = status(401).header("content-encoding", "gzip").has("www-authenticate");
    let case =
        case("Traefik: a client that takes gzip", asked().header("accept-encoding", "gzip"), compressed);
    cases.push(case.but_on_spin(no_token()));
    cases
}

/// `ext_authz`: the original method, and its target behind `path_prefix`, or `path_override` alone.
fn envoy(scene: &Scene) -> Vec<Case> {
    let asked: Ask = || {
        ask("POST", "/verify/orders/1?scope=admin:orgs&scope=x&%").headers(&[
            ("content-length", "0"),
            ("x-forwarded-proto", "https"),
            ("x-envoy-internal", "true"),
            ("x-envoy-expected-rq-timeout-ms", "200"),
        ])
    };
    let mut cases = questions(scene, "Envoy", asked);
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let request = ask(method, "/verify/").header("content-length", "0").bearer(&scene.token);
        cases.push(case(format!("Envoy: {method} /verify/"), request, accepted(scene)));
    }
    for target in [
        "/verify/verify",
        "/verify/oauth2/introspect",
        "/verify/.well-known/jwks.json",
        "/verify/edge/v1/push",
        "/verify//",
        "/verify/%00%ff%2e%2f",
        "/verify/a;b=c/@:~!$&'()*+,=",
        "/verify/?audience=https://evil.example",
    ] {
        cases.push(case(format!("Envoy: {target}"), get(target).bearer(&scene.token), accepted(scene)));
        cases.push(case(format!("Envoy: {target} without a token"), get(target), no_token()));
    }
    cases
}
