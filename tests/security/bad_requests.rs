//! Requests that are too large, malformed, or go nowhere: a 4xx in the documented shape, and never a 5xx.

use agentidp_tests::raw;
use agentidp_tests::shape::{Shape, assert_documented, fault};

use crate::bench::{Bench, FORM, JSON, assert_refused};

#[tokio::test]
async fn ten_megabytes_are_refused() {
    let bench = Bench::set().await;
    let filler = "x".repeat(10 * 1_024 * 1_024);
    for operation in bench.operations.iter().filter(|operation| operation.body.is_some()) {
        let (content_type, body) = if operation.is_json() {
            (JSON, format!("{{\"description\":\"{filler}\"}}"))
        } else {
            (FORM, format!("token={filler}"))
        };
        let path = bench.scene.path(&operation.path);
        let api = bench.scene.api(operation);
        let request = api.request(&operation.method, &path).header("content-type", content_type).body(body);
        // A server may also hang up while more is coming.
        if let Some(answer) = api.try_send(request).await {
            assert_refused(&answer, operation, &[413], "10 MB");
        }
    }
}

#[tokio::test]
async fn ten_megabytes_without_an_announced_length_are_refused() {
    let bench = Bench::set().await;
    let api = &bench.scene.tenant.api;
    let token = bench.scene.tenant.admin.token(api).await;
    let head = format!(
        "POST /api/v1/agents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let pieces = std::iter::once(head).chain((0..160).map(|_| chunk.clone())).chain(["0\r\n\r\n".to_owned()]);
    let answer = raw::send(api.base(), pieces).await;
    assert!(answer.status().is_none_or(|status| status == 413), "{}", answer.head());
}

#[tokio::test]
async fn requests_that_smuggle_or_break_the_protocol_are_refused() {
    let bench = Bench::set().await;
    let base = bench.scene.tenant.api.base();
    for request in [
        "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, identity\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: x\r\n folded: x\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        "GET  /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /health/live HTTP/9.9\r\nHost: x\r\n\r\n",
        "G\0T / HTTP/1.1\r\n\r\n",
        "\r\n\r\n\r\n\0\0\0",
        "GET http://elsewhere.example/api/v1/agents HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ] {
        let answer = raw::send(base, [request]).await;
        assert!(
            answer.status().is_none_or(|status| (400..500).contains(&status)),
            "{request:?} → {}",
            answer.head()
        );
    }
    let path = format!("GET /{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "x".repeat(100_000));
    let answer = raw::send(base, [path]).await;
    assert!(answer.status().is_none_or(|status| (400..500).contains(&status)), "{}", answer.head());
    bench.scene.tenant.api.get("/health/live").await.expect(200);
}

#[tokio::test]
async fn huge_headers_are_refused() {
    let bench = Bench::set().await;
    let api = &bench.scene.tenant.api;
    for (name, value) in [
        ("x-filler", "x".repeat(70_000)),
        ("x-request-id", "x".repeat(20_000)),
        ("idempotency-key", "k".repeat(10_000)),
        ("authorization", format!("Bearer {}", "a".repeat(9_000))),
        ("authorization", format!("Bearer {}", "a.".repeat(4_000))),
        ("authorization", format!("Basic {}", "A".repeat(9_000))),
    ] {
        for path in ["/api/v1/agents", "/oauth2/token", "/.well-known/jwks.json"] {
            let request = api.anonymous().request("GET", path).header(name, &value);
            let Some(answer) = api.try_send(request).await else { continue };
            assert!(answer.status < 500, "{name}: {} → {} {}", answer.asked, answer.status, answer.body);
        }
    }
    let mut request = api.anonymous().request("GET", "/health/live");
    for number in 0..500 {
        request = request.header(format!("x-many-{number}"), "x");
    }
    if let Some(answer) = api.try_send(request).await {
        assert!(answer.status < 500, "{} {}", answer.status, answer.body);
    }
    // Still alive, and remembering no request id it was not meant to take.
    let request = api.request("GET", "/api/v1/agents").header("x-request-id", "x".repeat(5_000));
    let answer = api.send(request).await;
    assert!(answer.header("x-request-id").is_some_and(|id| id.len() <= 128), "{:?}", answer.headers);
}

#[tokio::test]
async fn methods_and_paths_that_do_not_exist_are_answered_in_the_documented_shape() {
    let bench = Bench::set().await;
    let api = &bench.scene.tenant.api;
    for path in [
        "/",
        "/nothing",
        "/api/v1",
        "/api/v1/",
        "/api/v2/agents",
        "/api/v1/agents/",
        "//api/v1/agents",
        "/api/v1/agents//",
        "/api/v1/%61gents",
        "/API/v1/agents",
        "/api/v1/agents%00",
        "/.env",
        "/metrics",
        "/%ff",
        "/oauth2",
        "/edge/v1",
        "/edge/v1/usage",
        "/api/v1/agents;x=1",
        "/api/v1/agents/%2e%2e",
    ] {
        let answer = api.get(path).await;
        assert_documented(&answer, Shape::of_path(path));
        assert!(answer.status >= 400 || path.contains("%61"), "{} → {}", answer.asked, answer.status);
    }
    // A client resolves dot segments; a server that did would let one path pass for another.
    let token = bench.scene.platform.admin.token(api).await;
    let dots = format!(
        "GET /api/v1/agents/../organizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(raw::send(api.base(), [dots]).await.status(), Some(404));
    for operation in &bench.operations {
        for method in ["PUT", "PATCH", "DELETE", "POST", "OPTIONS", "TRACE", "PROPFIND", "X"] {
            if bench.operations.iter().any(|other| other.path == operation.path && other.method == method) {
                continue;
            }
            let path = bench.scene.path(&operation.path);
            let answer = api.send(api.request(method, &path)).await;
            if let Some(fault) = fault(&answer, Shape::of_path(&path)) {
                // The shape of an error is that of the path, and a path without an operation has the management API's.
                assert!(
                    fault.contains("unexpected member"),
                    "{fault}: {} → {} {}",
                    answer.asked,
                    answer.status,
                    answer.body
                );
            }
            assert!(
                answer.status == 405 || answer.status == 404 || answer.status < 300,
                "{} → {}",
                answer.asked,
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn path_ids_in_other_spellings_are_refused() {
    let bench = Bench::set().await;
    let (api, id) = (&bench.scene.tenant.api, &bench.scene.agent.id);
    for alias in [
        id.to_uppercase(),
        format!("%7B{id}%7D"),
        format!("urn:uuid:{id}"),
        id.replace('-', ""),
        format!("{id}%20"),
        format!("{id}%00"),
        format!("%20{id}"),
        "me".into(),
        "0".into(),
        "-1".into(),
        "..%2f..".into(),
        "%ff".into(),
        "x".repeat(3_000),
        "null".into(),
        "*".into(),
        "'".into(),
    ] {
        for path in [
            format!("/api/v1/agents/{alias}"),
            format!("/api/v1/agents/{alias}/credentials"),
            format!("/agents/{alias}/did.json"),
        ] {
            let answer = api.get(&path).await;
            assert_documented(&answer, Shape::Management);
            assert!(
                [400, 404, 414].contains(&answer.status),
                "{} → {} {}",
                answer.asked,
                answer.status,
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn authorization_headers_that_are_none_are_refused() {
    let bench = Bench::set().await;
    let api = bench.scene.tenant.api.anonymous();
    let token = bench.scene.tenant.admin.token(&api).await;
    for value in [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        format!("Bearer {token} x"),
        format!("Bearer {token},{token}"),
        format!("Bearer \"{token}\""),
        token.clone(),
        format!("Token {token}"),
        format!("Bearer {token}\u{fc}"),
        "Basic".into(),
        "Basic !!!".into(),
        "Basic eA==".into(),
        "Digest x".into(),
        format!("bearer\t{token}"),
    ] {
        let request = api.request("GET", "/api/v1/agents").header("authorization", value.as_bytes());
        let answer = api.send(request).await;
        assert_documented(&answer, Shape::Management);
        assert!([400, 401].contains(&answer.status), "{value:?}: {} {}", answer.status, answer.body);
        assert!(answer.header("www-authenticate").is_some() || answer.status == 400, "{value:?}");
    }
    // RFC 9110 §11.4: between scheme and token there may be several spaces.
    let request = api.request("GET", "/api/v1/agents").header("authorization", format!("Bearer  {token}"));
    api.send(request).await.expect(200);
    let request = api
        .request("GET", "/api/v1/agents")
        .header("authorization", format!("Bearer {token}"))
        .header("authorization", format!("Bearer {token}"));
    let answer = api.send(request).await;
    assert!([400, 401].contains(&answer.status), "two Authorization headers: {}", answer.status);
}
