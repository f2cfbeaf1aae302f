//! Strict query strings.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::{Map, Value};

use super::error::{ApiError, shown};
use super::fields::{Fields, FromFields};
use crate::app::App;

/// Longest query string looked at, in bytes.
const MAX_LENGTH: usize = 4_096;

/// Query parameters, each at most once, none unknown, with every bad one named.
#[derive(Debug)]
pub struct StrictQuery<T>(pub T);

impl<T: FromFields> FromRequestParts<App> for StrictQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let invalid = |message: &'static str| ApiError::bad_request("INVALID_QUERY", message);
        if query.len() > MAX_LENGTH {
            return Err(invalid("the query string is too long"));
        }
        let mut members = Map::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = percent_decode(name).zip(percent_decode(value));
            let (name, value) =
                decoded.ok_or_else(|| invalid("the query string is not valid percent-encoded UTF-8"))?;
            if members.contains_key(&name) {
                return Err(ApiError::bad_request("INVALID_QUERY", format!("{} is repeated", shown(&name))));
            }
            members.insert(name, Value::String(value));
        }
        Fields::of_query(members).read().map(Self)
    }
}

/// Percent-decoding with `+` as space; `None` for broken escapes and what is not UTF-8.
pub fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    let digit = char::from(rest.next()?).to_digit(16)?;
                    u8::try_from(digit).ok()
                };
                let high = digit()?;
                high << 4 | digit()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
