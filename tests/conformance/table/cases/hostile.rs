//! Large and hostile requests.

use super::verify::accepted;
use crate::table::case::{Case, api_error, ask, bad_token, case, get, no_token, oauth_error, post, status};
use crate::table::scene::Scene;

pub fn cases(scene: &Scene) -> Vec<Case> {
    let nothing = || api_error(404, "NOT_FOUND");
    let with = |count: usize| {
        (0..count).fold(get("/verify").bearer(&scene.token), |request, number| {
            request.header(&format!("x-filler-{number}"), "x")
        })
    };
    vec![
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
    ]
}
