//! Whatever is sent, the answer is a 4xx in the documented shape (or a legal 2xx), and never a 5xx.

use agentidp_tests::api::form;
use agentidp_tests::openapi::{Operation, operations};
use agentidp_tests::shape::{Shape, assert_documented, fault};
use agentidp_tests::{Answer, Api, ControlPlane, raw};
use serde_json::{Value, json};

use crate::bodies::Scene;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

struct Bench {
    _control_plane: ControlPlane,
    scene: Scene,
    operations: Vec<Operation>,
}

impl Bench {
    async fn set() -> Self {
        let control_plane = ControlPlane::start();
        let scene = Scene::set(control_plane.platform().await).await;
        let operations = operations(&scene.platform.api).await;
        Self { _control_plane: control_plane, scene, operations }
    }

    fn api(&self, operation: &Operation) -> &Api {
        if operation.path.starts_with("/api/v1/organizations") {
            &self.scene.platform.api
        } else {
            &self.scene.tenant.api
        }
    }

    fn with_json(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.is_json())
    }

    fn with_form(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.is_form())
    }

    async fn send(
        &self,
        operation: &Operation,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let path = self.scene.path(&operation.path);
        self.api(operation).body(&operation.method, &path, content_type, body).await
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, operation: &Operation, statuses: &[u16], what: &str) {
    assert_documented(answer, Shape::of_path(&operation.path));
    assert!(
        statuses.contains(&answer.status),
        "{what}: {} → {} {}",
        answer.asked,
        answer.status,
        answer.body
    );
}

#[tokio::test]
async fn malformed_json_is_refused() {
    let bench = Bench::set().await;
    let mut tried = 0;
    for operation in bench.with_json() {
        let good = Scene::json_body(&operation.id).to_string();
        for (what, body) in [
            ("cut off", good[..good.len() - 1].to_owned()),
            ("twice", format!("{good}{good}")),
            ("trailing comma", good.replace('}', ",}")),
            ("comment", format!("/* x */{good}")),
            ("byte order mark", format!("\u{feff}{good}")),
            ("single quotes", good.replace('"', "'")),
            ("an array", format!("[{good}]")),
            ("text", "\"text\"".into()),
            ("a number", "1".into()),
            ("true", "true".into()),
            ("not JSON", "hello=world".into()),
            ("NaN", r#"{"a":NaN}"#.into()),
            ("half a surrogate", r#"{"a":"\ud800"}"#.into()),
            ("raw control character", "{\"a\":\"\u{1}\"}".into()),
            ("duplicate member", good.replacen('{', r#"{"zzz":1,"zzz":2,"#, 1)),
            ("huge exponent", r#"{"a":1e99999}"#.into()),
            ("only a brace", "{".into()),
            ("NUL bytes", "\0\0\0\0".into()),
        ] {
            let answer = bench.send(operation, JSON, body).await;
            assert_refused(&answer, operation, &[400, 422], what);
        }
        tried += 1;
    }
    assert!(tried >= 5);
}

#[tokio::test]
async fn null_members_and_wrong_types_are_refused_or_absent_and_never_a_server_error() {
    let bench = Bench::set().await;
    for operation in bench.with_json() {
        let good = Scene::json_body(&operation.id);
        for (field, _) in operation.body_fields() {
            for value in [
                json!(null),
                json!(true),
                json!(0),
                json!(-1),
                json!(1.5),
                json!(1e300),
                json!(u64::MAX),
                json!(i64::MIN),
                json!([]),
                json!({}),
                json!([null]),
                json!([[]]),
                json!([{}]),
                json!({"a": {"b": []}}),
                json!([1, "a"]),
                json!(vec!["a:b"; 10_000]),
            ] {
                let mut body = good.clone();
                body[&field] = value.clone();
                let answer = bench.send(operation, JSON, body.to_string()).await;
                if let Some(fault) = fault(&answer, Shape::of_path(&operation.path)) {
                    panic!("{field} = {value}: {fault}: {} → {}", answer.asked, answer.body);
                }
            }
        }
    }
}

#[tokio::test]
async fn wrong_content_types_are_refused() {
    let bench = Bench::set().await;
    for operation in bench.with_json() {
        let good = Scene::json_body(&operation.id).to_string();
        for content_type in [
            "text/plain",
            FORM,
            "application/xml",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "*/*",
            "",
            "json",
        ] {
            let answer = bench.send(operation, content_type, good.clone()).await;
            assert_refused(&answer, operation, &[400, 415], content_type);
        }
    }
    for operation in bench.with_form() {
        for content_type in [JSON, "text/plain", "multipart/form-data; boundary=x", ""] {
            let answer =
                bench.send(operation, content_type, form(&[("token", "x"), ("grant_type", "x")])).await;
            assert_refused(&answer, operation, &[400, 415], content_type);
        }
    }
}

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
        let api = bench.api(operation);
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
async fn deep_nesting_is_refused() {
    let bench = Bench::set().await;
    for operation in bench.with_json() {
        for body in [
            "[".repeat(30_000),
            "{\"a\":".repeat(10_000),
            format!("{{\"name\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000)),
            format!("{{\"a\":{}1{}}}", "{\"a\":".repeat(100), "}".repeat(100)),
        ] {
            let answer = bench.send(operation, JSON, body).await;
            assert_refused(&answer, operation, &[400, 413], "deep nesting");
        }
    }
}

#[tokio::test]
async fn nul_bytes_and_invalid_utf8_are_refused() {
    let bench = Bench::set().await;
    for operation in bench.with_json() {
        let good = Scene::json_body(&operation.id);
        for (field, is_text) in operation.body_fields().into_iter().filter(|(_, is_text)| *is_text) {
            assert!(is_text);
            let as_array = good[&field].is_array();
            for text in ["\\u0000", "a\\u0000b"] {
                let value = if as_array { format!("[\"{text}\"]") } else { format!("\"{text}\"") };
                let body = with_raw(&good, &field, &value);
                let answer = bench.send(operation, JSON, body).await;
                assert_refused(&answer, operation, &[400], &format!("NUL in {field}"));
            }
            for bytes in
                [&b"\xff\xfe"[..], b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\x80"]
            {
                let raw = with_raw(&good, &field, "\"@@\"");
                let (head, tail) = raw.split_once("@@").unwrap();
                let body = [head.as_bytes(), bytes, tail.as_bytes()].concat();
                let answer = bench.send(operation, JSON, body).await;
                assert_refused(&answer, operation, &[400], &format!("invalid UTF-8 in {field}"));
            }
        }
    }
    for operation in bench.with_form() {
        for body in [
            &b"token=\xff"[..],
            b"token=%ff",
            b"token=%00",
            b"token=%c0%ae",
            b"\0=\0",
            b"token=%",
            b"token=%g0",
        ] {
            let answer = bench.send(operation, FORM, body.to_vec()).await;
            assert_refused(&answer, operation, &[400, 401], "bytes in a form");
        }
    }
}

/// The body with one member set to this raw JSON.
fn with_raw(good: &Value, field: &str, raw: &str) -> String {
    let mut members = good.as_object().unwrap().clone();
    members.remove(field);
    let rest = Value::Object(members).to_string();
    let separator = if rest == "{}" { "" } else { "," };
    format!("{{\"{field}\":{raw}{separator}{}", &rest[1..])
}

#[tokio::test]
async fn unknown_fields_are_refused_and_named_all_at_once() {
    let bench = Bench::set().await;
    for operation in bench.with_json() {
        let mut body = Scene::json_body(&operation.id);
        body["isAdmin"] = json!(true);
        body["organizationIdd"] = json!("x");
        body["__proto__"] = json!({"admin": true});
        let answer = bench.send(operation, JSON, body.to_string()).await;
        assert_refused(&answer, operation, &[400], "unknown fields");
        assert_eq!(answer.code(), "VALIDATION_ERROR");
        for field in ["isAdmin", "organizationIdd", "__proto__"] {
            assert!(answer.body.contains(field), "{} does not name {field}: {}", answer.asked, answer.body);
        }
    }
}

#[tokio::test]
async fn every_bad_field_of_a_registration_is_named_at_once() {
    let bench = Bench::set().await;
    let body = json!({
        "email": "no", "agentType": "wizard", "version": "one", "capabilities": ["no colon"], "owner": "",
        "deploymentEnv": "moon", "isPublic": "yes", "scopes": ["a b"], "extra": 1,
    });
    let answer = bench.scene.tenant.api.post("/api/v1/agents", &body).await.expect(400);
    let errors = answer.json()["details"]["errors"].as_array().unwrap().clone();
    for field in body.as_object().unwrap().keys() {
        let named = errors.iter().any(|error| error["field"].as_str().unwrap().starts_with(field.as_str()));
        assert!(named, "{field} is not named in {errors:?}");
    }
}

#[tokio::test]
async fn numbers_out_of_range_are_refused() {
    let bench = Bench::set().await;
    let api = &bench.scene.tenant.api;
    for path in ["/api/v1/agents", "/api/v1/audit", "/api/v1/audit/logs"] {
        for query in [
            "page=0",
            "page=-1",
            "page=1.5",
            "page=x",
            "page=",
            "page=99999999999999999999",
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=1e2",
            "limit=0x10",
            "limit=%00",
            "limit=١",
            "page=1&page=2",
            "limit=10&limit=10",
            "page=%2B1",
            "page= 1",
        ] {
            let answer = api.get(&format!("{path}?{}", query.replace(' ', "%20"))).await;
            assert_documented(&answer, Shape::Management);
            assert_eq!(answer.status, 400, "{} → {}", answer.asked, answer.body);
        }
        // Far beyond the end is a legal page, or a number too large; in both cases not our fault.
        for page in ["1000000", "4294967296", "9223372036854775807", "18446744073709551615"] {
            assert_documented(&api.get(&format!("{path}?page={page}")).await, Shape::Management);
        }
    }
    for body in
        [json!({"overlapSeconds": 86_401}), json!({"overlapSeconds": -1}), json!({"overlapSeconds": 1.5})]
    {
        let path = bench.scene.path("/api/v1/agents/{agentId}/credentials/{credentialId}/rotate");
        assert_documented(&api.post(&path, &body).await.expect(400), Shape::Management);
    }
}

#[tokio::test]
async fn times_that_are_none_are_refused() {
    let bench = Bench::set().await;
    let api = &bench.scene.tenant.api;
    let path = bench.scene.path("/api/v1/agents/{agentId}/credentials");
    for time in [
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "99999-01-01T00:00:00Z",
        "2026-01-01",
        "2020-01-01T00:00:00Z",
        "2099-01-01T00:00:00",
        "2099-01-01T00:00:00+99:00",
        "",
    ] {
        let answer = api.post(&path, &json!({"expiresAt": time})).await;
        assert_documented(&answer, Shape::Management);
        assert_eq!(answer.status, 400, "{time}: {}", answer.body);
    }
    for (name, value) in [("fromDate", "x"), ("toDate", "2026-02-30"), ("fromDate", "%00"), ("toDate", "1e9")]
    {
        let answer = api.get(&format!("/api/v1/audit?{name}={value}")).await;
        assert_documented(&answer, Shape::Management);
        assert_eq!(answer.status, 400, "{}", answer.asked);
    }
    for value in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59"] {
        assert_documented(&api.get(&format!("/api/v1/audit?toDate={value}")).await, Shape::Management);
    }
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

#[tokio::test]
async fn forms_that_are_none_are_refused() {
    let bench = Bench::set().await;
    for operation in bench.with_form() {
        for body in [
            String::new(),
            "&&&&".into(),
            "=".into(),
            "=x".into(),
            "token".into(),
            "token=".into(),
            "token=a&token=b".into(),
            "grant_type=client_credentials&grant_type=client_credentials".into(),
            "grant_type=password&username=a&password=b".into(),
            "grant_type=authorization_code&code=x".into(),
            "grant_type=refresh_token".into(),
            "grant_type=CLIENT_CREDENTIALS".into(),
            "a=b&".repeat(10_000),
            form(&[("token", &"x".repeat(50_000))]),
            "client_id=a".into(),
            "client_secret=b".into(),
            "client_id=a&client_secret=b&client_id=a".into(),
            "grant_type[]=client_credentials".into(),
            "{\"grant_type\":1}".into(),
        ] {
            let answer = bench.send(operation, FORM, body.clone()).await;
            assert_documented(&answer, Shape::OAuth);
            let harmless = answer.status == 200 && body.starts_with("token=");
            assert!(
                harmless || (400..500).contains(&answer.status),
                "{body:.60}: {} → {}",
                answer.asked,
                answer.status
            );
        }
        let mut parameters = Scene::form_body(&operation.id);
        parameters.push(("unknown_parameter", "x".into()));
        let pairs: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = bench.send(operation, FORM, form(&pairs)).await;
        assert_documented(&answer, Shape::OAuth);
    }
}
