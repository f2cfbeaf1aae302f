//! The documented shapes of errors, and what no answer may show.

use serde_json::Value;

use crate::Answer;

/// Traces of the inside: of the database, the language, the machine.
const INSIDES: [&str; 14] = [
    "sqlx",
    "panicked",
    "stack backtrace",
    "RUST_BACKTRACE",
    "/rustc/",
    ".rs:",
    "constraint",
    "violates",
    "relation \"",
    "syntax error at",
    "duplicate key value",
    "agentidp_app",
    "pg_",
    "No such file",
];

/// Which of the error shapes a path answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `{code, message, details?}`
    Management,
    /// RFC 6749 §5.2
    OAuth,
    /// A DID resolution result (W3C DID Resolution §4), and like the management API before it comes to resolving.
    DidResolution,
}

impl Shape {
    pub fn of_path(path: &str) -> Self {
        let oauth = ["/oauth2/", "/api/v1/token", "/verify"];
        if path.ends_with("/did/resolve") {
            return Self::DidResolution;
        }
        // Delegation takes JSON and names every bad field.
        if path.starts_with("/oauth2/token/") {
            return Self::Management;
        }
        if oauth.iter().any(|prefix| path.starts_with(prefix)) { Self::OAuth } else { Self::Management }
    }
}

/// What is wrong with an answer to bad input, if anything: a 5xx, an error in another shape, or a look inside.
pub fn fault(answer: &Answer, shape: Shape) -> Option<String> {
    fault_beyond(answer, shape, "")
}

/// The same, where `said` is what the caller said: an error may quote that, cut to 64 characters, or words of it in another order.
pub fn fault_beyond(answer: &Answer, shape: Shape, said: &str) -> Option<String> {
    if answer.status >= 500 {
        return Some(format!("{} is our fault", answer.status));
    }
    let quoted: String = said.chars().filter(|c| !c.is_control()).take(64).collect();
    let escaped = Value::from(quoted.as_str()).to_string();
    let quoted = escaped.trim_matches('"');
    let words = quoted.split_whitespace().filter(|word| INSIDES.iter().any(|inside| word.contains(inside)));
    let quotes = std::iter::once(quoted).filter(|quoted| !quoted.is_empty()).chain(words);
    let own_words = quotes.fold(answer.body.clone(), |body, quote| body.replace(quote, ""));
    if let Some(inside) = INSIDES.iter().find(|inside| answer.status >= 400 && own_words.contains(**inside)) {
        return Some(format!("shows `{inside}`"));
    }
    if answer.status < 400 { None } else { error_fault(answer, shape) }
}

fn error_fault(answer: &Answer, shape: Shape) -> Option<String> {
    let content_type = answer.header("content-type").unwrap_or("none");
    if shape == Shape::DidResolution && content_type == "application/did-resolution" {
        return resolution_fault(answer);
    }
    if !content_type.starts_with("application/json") {
        return Some(format!("content type {content_type}"));
    }
    let Ok(Value::Object(body)) = serde_json::from_str::<Value>(&answer.body) else {
        return Some("the body is not a JSON object".into());
    };
    let (allowed, required): (&[&str], &[&str]) = match shape {
        Shape::Management | Shape::DidResolution => (&["code", "message", "details"], &["code", "message"]),
        Shape::OAuth => (&["error", "error_description"], &["error"]),
    };
    if let Some(name) = body.keys().find(|name| !allowed.contains(&name.as_str())) {
        return Some(format!("unexpected member `{name}`"));
    }
    if let Some(name) = required.iter().find(|name| !body.get(**name).is_some_and(Value::is_string)) {
        return Some(format!("`{name}` is missing or no text"));
    }
    let code = body[required[0]].as_str().unwrap_or_default();
    let well_formed = match shape {
        Shape::Management | Shape::DidResolution => {
            code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        }
        Shape::OAuth => code.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
    };
    if !well_formed || code.is_empty() {
        return Some(format!("`{code}` is no stable code"));
    }
    if code == "VALIDATION_ERROR" {
        let errors = body.get("details").and_then(|details| details["errors"].as_array()).cloned();
        let named = errors.is_some_and(|errors| {
            !errors.is_empty()
                && errors.iter().all(|error| error["field"].is_string() && error["reason"].is_string())
        });
        if !named {
            return Some("a validation error that names no field".into());
        }
    }
    None
}

/// An error that is a DID resolution result: it has no document and says in one word why, or that the DID is deactivated.
fn resolution_fault(answer: &Answer) -> Option<String> {
    let Ok(Value::Object(body)) = serde_json::from_str::<Value>(&answer.body) else {
        return Some("the body is not a JSON object".into());
    };
    let members = ["@context", "didResolutionMetadata", "didDocument", "didDocumentMetadata"];
    if let Some(name) = body.keys().find(|name| !members.contains(&name.as_str())) {
        return Some(format!("unexpected member `{name}`"));
    }
    if let Some(name) = members.iter().find(|name| !body.contains_key(**name)) {
        return Some(format!("`{name}` is missing"));
    }
    if !body["didDocument"].is_null() {
        return Some("an error with a document".into());
    }
    let code = body["didResolutionMetadata"]["error"].as_str();
    let says_why = code.is_some_and(|code| code.chars().all(|c| c.is_ascii_alphabetic()) && !code.is_empty());
    let is_deactivated = answer.status == 410 && body["didDocumentMetadata"]["deactivated"] == true;
    (!says_why && !is_deactivated).then(|| format!("{code:?} is no error of DID resolution"))
}

#[track_caller]
pub fn assert_documented(answer: &Answer, shape: Shape) {
    if let Some(fault) = fault(answer, shape) {
        panic!("{fault}: {} → {} {}", answer.asked, answer.status, answer.body);
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Answer { asked: String::new(), status, headers, body: body.to_owned() }
    }

    #[test]
    fn errors_in_the_documented_shapes_have_no_fault() {
        let named =
            r#"{"code":"VALIDATION_ERROR","message":"x","details":{"errors":[{"field":"a","reason":"b"}]}}"#;
        for (status, body, shape) in [
            (200, "whatever", Shape::Management),
            (404, r#"{"code":"NOT_FOUND","message":"x"}"#, Shape::Management),
            (400, named, Shape::Management),
            (400, r#"{"error":"invalid_request","error_description":"x"}"#, Shape::OAuth),
        ] {
            assert_eq!(fault(&answer(status, body), shape), None, "{body}");
        }
    }

    #[test]
    fn what_was_said_may_be_quoted_and_nothing_else_of_the_inside() {
        let beyond = |description: &str| {
            let body =
                format!(r#"{{"error":"invalid_scope","error_description":"not granted: {description}"}}"#);
            fault_beyond(&answer(400, &body), Shape::OAuth, "a select pg_sleep(10)")
        };
        assert_eq!(beyond("a select pg_sleep(10)"), None);
        assert_eq!(beyond("a pg_sleep(10) select"), None);
        assert!(beyond("a select of pg_class").is_some() && beyond("it panicked").is_some());
    }

    #[test]
    fn an_error_of_did_resolution_says_why_and_has_no_document() {
        let of = |status, error: &str, document: &str, metadata: &str| {
            let body = format!(
                r#"{{"@context": "x", "didResolutionMetadata": {error}, "didDocument": {document}, "didDocumentMetadata": {metadata}}}"#
            );
            let content_type = HeaderValue::from_static("application/did-resolution");
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type)]);
            fault(
                &Answer { headers, ..answer(status, &body) },
                Shape::of_path("/api/v1/agents/x/did/resolve"),
            )
        };
        assert_eq!(of(404, r#"{"error": "notFound"}"#, "null", "{}"), None);
        assert_eq!(of(410, "{}", "null", r#"{"deactivated": true}"#), None);
        assert!(of(404, "{}", "null", "{}").is_some());
        assert!(of(404, r#"{"error": "there is none"}"#, "null", "{}").is_some());
        assert!(of(404, r#"{"error": "notFound"}"#, "{}", "{}").is_some());
        assert!(of(404, r#"{"error": "notFound"}"#, "null", r#"{}, "more": 1"#).is_some());
        let refused = r#"{"code":"UNAUTHORIZED","message":"x"}"#;
        assert_eq!(fault(&answer(401, refused), Shape::DidResolution), None);
    }

    #[test]
    fn anything_else_has_one() {
        for (status, body, shape) in [
            (500, r#"{"code":"INTERNAL_ERROR","message":"x"}"#, Shape::Management),
            (400, "Bad Request", Shape::Management),
            (400, "[]", Shape::Management),
            (400, r#"{"code":"x","message":"x"}"#, Shape::Management),
            (400, r#"{"code":"X"}"#, Shape::Management),
            (400, r#"{"code":"X","message":"x","stack":"x"}"#, Shape::Management),
            (400, r#"{"code":"VALIDATION_ERROR","message":"x"}"#, Shape::Management),
            (
                400,
                r#"{"code":"X","message":"duplicate key value violates unique constraint"}"#,
                Shape::Management,
            ),
            (400, r#"{"code":"X","message":"x"}"#, Shape::OAuth),
        ] {
            assert!(fault(&answer(status, body), shape).is_some(), "{body}");
        }
    }
}
