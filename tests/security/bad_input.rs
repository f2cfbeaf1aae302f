//! Whatever a body or a query says, the answer is a 4xx in the documented shape (or a legal 2xx), and never a 5xx.

use agentidp_tests::api::form;
use agentidp_tests::shape::{Shape, assert_documented, fault};
use serde_json::{Value, json};

use crate::bench::{Bench, FORM, JSON, assert_refused};
use crate::bodies::Scene;

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
