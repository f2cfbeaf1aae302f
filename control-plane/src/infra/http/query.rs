//! Strict query strings.

use agentidp_shared::strict::percent_decode;
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
