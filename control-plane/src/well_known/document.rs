//! A public JSON document with its validator: whoever has it already is told so (RFC 9110 §13).

use agentidp_shared::strict::encode_base64url;
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::infra::http::error::ApiError;

pub const JSON: &str = "application/json";

/// How long a document may be used without asking again. Of keys: shorter than a new key is published before it signs.
pub const CACHE_CONTROL: &str = "public, max-age=5";

/// Answers with `document`, or 304 if the caller holds it.
pub(super) fn answer(
    headers: &HeaderMap,
    media_type: &'static str,
    document: &impl Serialize,
) -> Result<Response, ApiError> {
    let body = serde_json::to_string(document).map_err(ApiError::internal)?;
    answer_text(headers, media_type, CACHE_CONTROL, body)
}

/// The same with a document that is written already.
pub fn answer_text(
    headers: &HeaderMap,
    media_type: &'static str,
    cache_control: &'static str,
    body: String,
) -> Result<Response, ApiError> {
    let tag = tag_of(body.as_bytes());
    answer_tagged(headers, media_type, cache_control, body, &tag)
}

fn tag_of(content: &[u8]) -> String {
    format!("\"{}\"", encode_base64url(digest(&SHA256, content).as_ref()))
}

/// A validator of documents that say the same in other bytes each time (RFC 9110 §8.8.1). `content` is what they say.
pub fn weak_tag(content: &[u8]) -> String {
    format!("W/{}", tag_of(content))
}

/// The same with a validator of the document's own.
pub fn answer_tagged(
    headers: &HeaderMap,
    media_type: &'static str,
    cache_control: &'static str,
    body: String,
    tag: &str,
) -> Result<Response, ApiError> {
    let mut response = if is_held(headers, tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, media_type)], body).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    headers.insert(header::ETAG, HeaderValue::from_str(tag).map_err(ApiError::internal)?);
    Ok(response)
}

/// Whether `If-None-Match` names `tag`, by weak comparison (RFC 9110 §13.1.2).
fn is_held(headers: &HeaderMap, tag: &str) -> bool {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|held| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(condition: Option<&str>) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(condition) = condition {
            headers.insert(header::IF_NONE_MATCH, condition.parse().unwrap());
        }
        answer(&headers, JSON, &serde_json::json!({ "keys": [] })).unwrap()
    }

    #[test]
    fn whoever_holds_the_document_is_told_so_and_nobody_else() {
        let first = ask(None);
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        for (condition, status) in [
            (tag.clone(), 304),
            (format!("\"other\", {tag}"), 304),
            (format!("W/{tag}"), 304),
            ("*".into(), 304),
            ("\"other\"".into(), 200),
            ("nonsense".into(), 200),
        ] {
            let response = ask(Some(&condition));
            assert_eq!(response.status().as_u16(), status, "{condition}");
            assert_eq!(response.headers()[header::ETAG], tag.as_str());
            assert!(response.headers().contains_key(header::CACHE_CONTROL));
        }
    }
}
