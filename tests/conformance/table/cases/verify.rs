//! `/verify`: who asks, and what a token is demanded to be good for (RFC 6750).

use agentidp_tests::api::encode;

use crate::table::case::{
    Case, Expected, Request, ask, bad_token, case, get, no_token, oauth_error, post, status,
};
use crate::table::scene::Scene;

/// Belongs to nobody.
const NOBODY: &str = "0198c5a4-0000-7000-8000-00000000dead";
pub const LACKS_SCOPE: &str = "the token lacks a required scope";
pub const WRONG_AUDIENCE: &str = "the token is meant for another audience";

pub fn cases(scene: &Scene) -> Vec<Case> {
    [presented(scene), demanded(scene), methods(scene), ids(scene)].into_iter().flatten().collect()
}

/// Who the scene's agent is.
pub fn accepted(scene: &Scene) -> Expected {
    status(200)
        .header("x-agent-id", &scene.agent.id)
        .header("x-agent-scopes", "agents:read tokens:read")
        .header("x-agent-organization", &scene.tenant.organization_id)
        .header("cache-control", "no-store")
        .lacks("www-authenticate")
        .lacks("x-state-stale")
        .lacks("content-type")
        .empty()
}

pub fn too_little(scopes: &str) -> Expected {
    let challenge = format!(
        r#"Bearer realm="agentidp", error="insufficient_scope", error_description="{LACKS_SCOPE}", scope="{scopes}""#
    );
    oauth_error(403, "insufficient_scope", LACKS_SCOPE)
        .header("www-authenticate", challenge)
        .lacks("x-agent-id")
}

fn not_served() -> Expected {
    oauth_error(403, "access_denied", "this API does not serve the organization of the agent")
        .header("www-authenticate", r#"Bearer realm="agentidp""#)
        .lacks("x-agent-id")
}

fn presented(scene: &Scene) -> Vec<Case> {
    let token = &scene.token;
    let with = |value: &str| get("/verify").header("authorization", value);
    let twice = || {
        oauth_error(400, "invalid_request", "more than one Authorization header")
            .header("www-authenticate", r#"Bearer realm="agentidp", error="invalid_request""#)
    };
    let malformed = || bad_token("the token is not three base64url parts separated by dots");
    vec![
        case("a good token", get("/verify").bearer(token), accepted(scene)),
        case("a good token, POST", post("/verify").bearer(token), accepted(scene)),
        case("a good token, HEAD", ask("HEAD", "/verify").bearer(token), accepted(scene)),
        case("a good token, POST with a form", post("/verify").bearer(token).form("x=y"), accepted(scene)),
        case("the scheme in lower case", with(&format!("bearer {token}")), accepted(scene)),
        case("the scheme in upper case", with(&format!("BEARER {token}")), accepted(scene)),
        case("several spaces before the token", with(&format!("Bearer   {token}")), accepted(scene)),
        case("no token", get("/verify"), no_token()),
        case("no token, POST", post("/verify"), no_token()),
        case("no token, HEAD", ask("HEAD", "/verify"), status(401).has("www-authenticate")),
        case("an empty header", with(""), no_token()),
        case("the scheme alone", with("Bearer"), no_token()),
        case("the scheme and spaces", with("Bearer \t "), no_token()),
        case("a token without scheme", with(token), no_token()),
        case("a tab after the scheme", with(&format!("Bearer\t{token}")), no_token()),
        case("another scheme", with(&format!("Token {token}")), no_token()),
        case("a scheme that begins like ours", with(&format!("BearerX {token}")), no_token()),
        case("client credentials", get("/verify").basic(&scene.agent.id, &scene.agent.secret), no_token()),
        case("the token in quotes", with(&format!("Bearer \"{token}\"")), malformed()),
        case("the token twice in one header", with(&format!("Bearer {token} {token}")), malformed()),
        case("two Authorization headers", get("/verify").bearer(token).bearer(token), twice()),
        case(
            "a bad Authorization header after a good one",
            get("/verify").bearer(token).bearer("x"),
            twice(),
        ),
        case(
            "credentials after a token",
            get("/verify").bearer(token).basic(&scene.agent.id, &scene.agent.secret),
            twice(),
        ),
        case("two tokens joined by a comma", with(&format!("Bearer {token}, Bearer {token}")), twice()),
        case(
            "a token that is not UTF-8",
            get("/verify").header("authorization", b"Bearer \xff\xfe"),
            malformed(),
        ),
        case(
            "the token in a cookie",
            get("/verify").header("cookie", format!("access_token={token}")),
            no_token(),
        ),
        case("the token in a form", post("/verify").form(format!("access_token={token}")), no_token()),
        case(
            "the token in the query",
            get(format!("/verify?access_token={token}")),
            oauth_error(
                400,
                "invalid_request",
                "the parameters of this endpoint are scope, audience and organization",
            ),
        ),
        case(
            "the token in Proxy-Authorization",
            get("/verify").header("proxy-authorization", format!("Bearer {token}")),
            no_token(),
        ),
        case("a revoked token", get("/verify").bearer(&scene.revoked), bad_token("the token was revoked")),
        case(
            "a suspended agent's token",
            get("/verify").bearer(&scene.suspended.1),
            bad_token("the agent is suspended"),
        ),
        case(
            "a decommissioned agent's token",
            get("/verify").bearer(&scene.decommissioned.1),
            bad_token("the agent is decommissioned"),
        ),
        case(
            "a token of before its agent's suspension",
            get("/verify").bearer(&scene.outlived),
            bad_token("tokens issued to this agent so far were revoked"),
        ),
        case(
            "a token for the tests' own key",
            get("/verify").bearer(&scene.token_with(&[])),
            accepted(scene),
        ),
    ]
}

fn demanded(scene: &Scene) -> Vec<Case> {
    let ask_for = |query: &str| get(format!("/verify?{query}")).bearer(&scene.token);
    let bad = |description: &str| oauth_error(400, "invalid_request", description).lacks("www-authenticate");
    let encoding = "a parameter is not percent-encoded UTF-8 without control characters";
    let unknown = "the parameters of this endpoint are scope, audience and organization";
    let no_id = "organization: must be organizations' ids, separated by +";
    let own = &scene.tenant.organization_id;
    let (issuer, elsewhere) = (encode(scene.issuer()), encode("https://api.example/reports"));
    let many: Vec<String> = (0..33).map(|number| format!("p{number}=1")).collect();
    let for_elsewhere = scene.token_with(&[("aud", "https://api.example/reports".into())]);
    vec![
        case("a scope it has", ask_for("scope=agents:read"), accepted(scene)),
        case("two scopes it has", ask_for("scope=agents:read+tokens:read"), accepted(scene)),
        case("two scopes it has, escaped", ask_for("scope=agents%3Aread%20tokens%3Aread"), accepted(scene)),
        case("no scope at all", ask_for("scope="), accepted(scene)),
        case("an empty query", ask_for(""), accepted(scene)),
        case("a scope it lacks", ask_for("scope=agents:write"), too_little("agents:write")),
        case(
            "one of two scopes it lacks",
            ask_for("scope=agents:read+admin:orgs"),
            too_little("admin:orgs agents:read"),
        ),
        case("a scope in upper case", ask_for("scope=AGENTS:READ"), too_little("AGENTS:READ")),
        case("a scope of no token", get("/verify?scope=agents:write"), no_token()),
        case("its own audience", ask_for(&format!("audience={issuer}")), accepted(scene)),
        case("another audience", ask_for(&format!("audience={elsewhere}")), bad_token(WRONG_AUDIENCE)),
        case("any audience", ask_for("audience=*"), bad_token(WRONG_AUDIENCE)),
        case("a token for another API", get("/verify").bearer(&for_elsewhere), bad_token(WRONG_AUDIENCE)),
        case(
            "a token for another API, at that API",
            get(format!("/verify?audience={elsewhere}&scope=agents:read")).bearer(&for_elsewhere),
            accepted(scene),
        ),
        case("its organization", ask_for(&format!("organization={own}")), accepted(scene)),
        case(
            "its organization among others",
            ask_for(&format!("organization={NOBODY}+{own}")),
            accepted(scene),
        ),
        case("another organization", ask_for(&format!("organization={NOBODY}")), not_served()),
        case(
            "another organization, and a scope it lacks",
            ask_for(&format!("scope=agents:write&organization={NOBODY}")),
            too_little("agents:write"),
        ),
        case(
            "another organization's token, of its own organization",
            get(format!("/verify?organization={own}")).bearer(&scene.of_another_organization),
            not_served(),
        ),
        case("an organization that was not filled in", ask_for("organization="), bad(no_id)),
        case("any organization", ask_for("organization=*"), bad(no_id)),
        case("an organization by its name", ask_for("organization=system"), bad(no_id)),
        case("a misspelt demand", ask_for("scopes=agents:read"), bad(unknown)),
        case("a demand in another case", ask_for("Scope=agents:read"), bad(unknown)),
        case(
            "a demand twice",
            ask_for("scope=agents:read&scope=agents:read"),
            bad("a parameter is repeated"),
        ),
        case("a demand twice, once escaped", ask_for("scope=a&%73cope=b"), bad("a parameter is repeated")),
        case("too many parameters", ask_for(&many.join("&")), bad("too many parameters")),
        case("an escaped NUL", ask_for("scope=%00"), bad(encoding)),
        case("an escaped line break", ask_for("scope=a%0d%0ax:y"), bad(encoding)),
        case("half an escape", ask_for("scope=%f"), bad(encoding)),
        case("an escape of no UTF-8", ask_for("scope=%ff"), bad(encoding)),
        case("a query that is too long", ask_for(&"&".repeat(17_000)), bad("the query is too long")),
        case(
            "an audience that is too long",
            ask_for(&format!("audience={}", "x".repeat(3_000))),
            bad("audience: too long"),
        ),
        case(
            "a quote in a scope",
            ask_for("scope=a%22b"),
            status(400).member("/error", "invalid_request").lacks("www-authenticate"),
        ),
    ]
}

fn methods(scene: &Scene) -> Vec<Case> {
    let asked = |method: &str| {
        let request = ask(method, "/verify").bearer(&scene.token).header("content-length", "0");
        case(format!("{method} /verify"), request, accepted(scene))
    };
    let from_a_page = |request: Request| {
        request.header("origin", "https://app.example").header("access-control-request-method", "GET")
    };
    let closed = |expected: Expected| {
        expected.lacks("access-control-allow-origin").lacks("access-control-allow-methods")
    };
    let mut cases: Vec<Case> = ["PUT", "PATCH", "DELETE", "OPTIONS"].map(asked).into();
    cases.extend([
        case("FOO /verify", ask("FOO", "/verify").bearer(&scene.token), status(501).by_the_host())
            .but_on_spin(accepted(scene)),
        case("a preflight of /verify", from_a_page(ask("OPTIONS", "/verify")), closed(no_token())),
        case(
            "a script asks /verify",
            from_a_page(get("/verify").bearer(&scene.token)),
            closed(accepted(scene)),
        ),
    ]);
    cases
}

fn ids(scene: &Scene) -> Vec<Case> {
    let asked = || get("/verify").bearer(&scene.token);
    let with_id = |id: &str| asked().header("x-request-id", id);
    let spoofed = |request: Request| {
        request.headers(&[
            ("x-agent-id", "0198c5a4-0000-7000-8000-00000000000a"),
            ("x-agent-scopes", "admin:orgs"),
            ("x-agent-organization", "0198c5a4-0000-7000-8000-0000000000f0"),
            ("x-state-seq", "999999"),
        ])
    };
    let kept = accepted(scene).header("x-request-id", "the-clients-own_1.2");
    vec![
        case("a request's own id", with_id("the-clients-own_1.2"), kept),
        case("an id with markup", with_id("<script>"), accepted(scene)),
        case("an id that is too long", with_id(&"x".repeat(129)), accepted(scene)),
        case("an identity the client claims", spoofed(asked()), accepted(scene)),
        case("an identity the client claims, without a token", spoofed(get("/verify")), no_token()),
    ]
}
