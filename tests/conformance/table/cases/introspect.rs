//! Introspection (RFC 7662), at both of its paths.

use agentidp_tests::api::{encode, form};
use agentidp_tests::now;
use agentidp_tests::shape::Shape;
use serde_json::{Value, json};

use super::verify::too_little;
use crate::table::case::{
    Case, Expected, Request, ask, bad_token, case, not_allowed, oauth_error, post, status,
};
use crate::table::scene::{Scene, header};
use crate::tokens::claims;

pub fn cases(scene: &Scene) -> Vec<Case> {
    let mut cases = Vec::new();
    for path in ["/oauth2/introspect", "/api/v1/token/introspect"] {
        cases.extend(described(scene, path));
        cases.extend(who_asks(scene, path));
    }
    cases.extend(requests(scene));
    cases
}

fn answer(body: Value) -> Expected {
    status(200)
        .header("content-type", "application/json")
        .header("cache-control", "no-store")
        .lacks("access-control-allow-origin")
        .whole(body)
}

/// RFC 7662 §2.2, of a token with these claims.
fn active(claims: &Value) -> Expected {
    let mut body = claims.clone();
    body["active"] = true.into();
    body["token_type"] = "Bearer".into();
    answer(body)
}

fn inactive() -> Expected {
    answer(json!({"active": false}))
}

fn about(path: &str, token: &str) -> Request {
    post(path).form(form(&[("token", token)]))
}

fn described(scene: &Scene, path: &str) -> Vec<Case> {
    let ask_about = |token: &str| about(path, token).bearer(&scene.token);
    let own = scene.claims();
    let own_token = scene.key.token(&header(), &own);
    let issued = claims(&scene.token);
    let others = json!(["https://a.example", "https://b.example"]);
    let hinted = form(&[("token", &own_token), ("token_type_hint", "refresh_token"), ("x", "y")]);
    let mut cases = vec![
        case(format!("{path}: an issued token"), ask_about(&scene.token), active(&issued)),
        case(
            format!("{path}: another agent's token"),
            ask_about(&scene.without_scope),
            active(&claims(&scene.without_scope)),
        ),
        case(
            format!("{path}: a token for two other APIs"),
            ask_about(&scene.token_with(&[("aud", others.clone())])),
            status(200).member("/active", true).member("/aud", others),
        ),
        case(
            format!("{path}: with a wrong hint"),
            post(path).bearer(&scene.token).form(hinted),
            active(&own),
        ),
    ];
    let unsigned = own_token.rsplit_once('.').unwrap().0;
    for (what, token) in [
        ("a revoked token", scene.revoked.clone()),
        ("a suspended agent's token", scene.suspended.1.clone()),
        ("a decommissioned agent's token", scene.decommissioned.1.clone()),
        ("another organization's token", scene.of_another_organization.clone()),
        ("an expired token", scene.token_with(&[("exp", (now() - 30).into())])),
        ("a token of another issuer", scene.token_with(&[("iss", "https://evil.example".into())])),
        ("a token that is not valid yet", scene.token_with(&[("nbf", (now() + 1_800).into())])),
        ("a token without jti", scene.token_without("jti")),
        ("alg none", scene.token_with_header(&[("alg", "none".into())])),
        ("an unknown key", scene.token_with_header(&[("kid", "unknown".into())])),
        ("a token without signature", format!("{unsigned}.")),
        ("nonsense", "nonsense".to_owned()),
        ("a token that is too long", "x".repeat(9_000)),
    ] {
        cases.push(case(format!("{path}: {what}"), ask_about(&token), inactive()));
    }
    cases
}

fn who_asks(scene: &Scene, path: &str) -> Vec<Case> {
    let asked = || about(path, &scene.token);
    let issued = claims(&scene.token);
    let (id, secret) = (scene.agent.id.as_str(), scene.agent.secret.as_str());
    // Too many wrong secrets of one client are refused otherwise.
    let client = if path.starts_with("/oauth2/") { id } else { &scene.suspended.0.id };
    let unknown = oauth_error(401, "invalid_client", "an access token or client authentication is required")
        .header("www-authenticate", r#"Basic realm="agentidp", Bearer realm="agentidp""#);
    vec![
        case(format!("{path}: nobody asks"), asked(), unknown),
        case(format!("{path}: who may not"), asked().bearer(&scene.without_scope), too_little("tokens:read")),
        case(
            format!("{path}: with a revoked token"),
            asked().bearer(&scene.revoked),
            bad_token("the token was revoked"),
        ),
        case(
            format!("{path}: with a token for another API"),
            asked().bearer(&scene.token_with(&[("aud", "https://api.example".into())])),
            bad_token("the token is meant for another audience"),
        ),
        case(format!("{path}: a client with its secret"), asked().basic(id, secret), active(&issued)),
        case(
            format!("{path}: a client with its secret in the form"),
            {
                post(path).form(form(&[
                    ("token", &scene.token),
                    ("client_id", id),
                    ("client_secret", secret),
                ]))
            },
            active(&issued),
        ),
        case(
            format!("{path}: a client with a wrong secret"),
            asked().basic(client, "wrong"),
            status(401)
                .member("/error", "invalid_client")
                .has("www-authenticate")
                .header("cache-control", "no-store"),
        ),
        case(
            format!("{path}: by token and by secret"),
            {
                post(path).bearer(&scene.token).form(form(&[
                    ("token", &scene.token),
                    ("client_id", id),
                    ("client_secret", secret),
                ]))
            },
            oauth_error(400, "invalid_request", "an access token and client credentials: use one"),
        ),
    ]
}

fn requests(scene: &Scene) -> Vec<Case> {
    let path = "/oauth2/introspect";
    let asked = || post(path).bearer(&scene.token);
    let token = form(&[("token", &scene.token)]);
    let bad = |description: &str| oauth_error(400, "invalid_request", description);
    let (missing, no_form) = ("token is required", "the body must be application/x-www-form-urlencoded");
    let encoding = "a parameter is not percent-encoded UTF-8 without control characters";
    let issued = claims(&scene.token);
    let named = |what: &str| format!("introspection: {what}");
    let many: Vec<String> = (0..33).map(|number| format!("p{number}=1")).collect();
    let mut cases = vec![
        case(named("no body and no type"), asked(), bad(no_form)),
        case(named("an empty form"), asked().form(""), bad(missing)),
        case(named("an empty token"), asked().form("token="), bad(missing)),
        case(named("no token"), asked().form("x=y"), bad(missing)),
        case(named("two tokens"), asked().form("token=a&token=b"), bad("a parameter is repeated")),
        case(named("too many parameters"), asked().form(many.join("&")), bad("too many parameters")),
        case(
            named("a body that is not UTF-8"),
            asked().form(b"token=\xff\xfe"),
            bad("the body is not UTF-8"),
        ),
        case(named("an escape of no UTF-8"), asked().form("token=%ff"), bad(encoding)),
        case(named("an escaped NUL"), asked().form("token=%00"), bad(encoding)),
        case(named("a NUL"), asked().form("token=a\0b"), bad(encoding)),
        case(named("a broken escape"), asked().form("token=%zz"), bad(encoding)),
        case(
            named("a JSON body"),
            asked().body("application/json", json!({"token": scene.token}).to_string()),
            bad(no_form),
        ),
        case(
            named("a multipart body"),
            asked().body("multipart/form-data; boundary=x", "--x--"),
            bad(no_form),
        ),
        case(
            named("a type that begins like a form"),
            asked().body("application/x-www-form-urlencodedx", &token),
            bad(no_form),
        ),
        case(
            named("a form with a charset"),
            asked().body("application/x-www-form-urlencoded; charset=UTF-8", &token),
            active(&issued),
        ),
        case(
            named("a form in upper case"),
            asked().body("APPLICATION/X-WWW-FORM-URLENCODED", &token),
            active(&issued),
        ),
        case(
            named("the token in the query"),
            ask("POST", format!("{path}?token={}", encode(&scene.token))).bearer(&scene.token).form(""),
            bad(missing),
        ),
        case(
            named("a body that is too large"),
            asked().form(format!("token={}", "x".repeat(40_000))),
            oauth_error(413, "invalid_request", "the body is larger than what is accepted here"),
        ),
        case(
            named("two Authorization headers"),
            asked().bearer(&scene.token).form(&token),
            bad("more than one Authorization header"),
        ),
        case(
            named("a script asks"),
            asked().header("origin", "https://app.example").form(&token),
            active(&issued),
        ),
    ];
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let request = ask(method, path).bearer(&scene.token);
        let refused = not_allowed(Shape::OAuth, "POST").lacks("access-control-allow-origin");
        cases.push(case(named(method), request, refused));
    }
    cases
}
