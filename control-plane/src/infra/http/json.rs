//! Strict JSON bodies.

use agentidp_shared::strict::parse_json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde_json::Value;

use super::error::ApiError;
use super::fields::{Fields, FromFields};
use super::limits::payload_too_large;
use crate::app::App;

/// A JSON object, `application/json`, without duplicate or unknown members, with every bad member named.
#[derive(Debug)]
pub struct StrictJson<T>(pub T);

/// The same, where an absent body counts as an empty object.
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: FromFields> FromRequest<App> for StrictJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let is_json = is_json(&request);
        let body = read_body(request, app).await?;
        if !is_json {
            return Err(not_json());
        }
        parse(&body).map(Self)
    }
}

impl<T: FromFields> FromRequest<App> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let is_json = is_json(&request);
        let body = read_body(request, app).await?;
        if body.is_empty() {
            return Fields::of_object(serde_json::Map::new()).read().map(Self);
        }
        if !is_json {
            return Err(not_json());
        }
        parse(&body).map(Self)
    }
}

/// Reads the body. The size limit is the router's.
async fn read_body(request: Request, app: &App) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, app).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => payload_too_large(),
        _ => ApiError::bad_request("INVALID_BODY", "the body could not be read to its end"),
    })
}

fn is_json(request: &Request) -> bool {
    let mut values = request.headers().get_all(header::CONTENT_TYPE).iter();
    let one = values.next().and_then(|value| value.to_str().ok());
    let media_type = one.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json") && values.next().is_none()
}

fn not_json() -> ApiError {
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        "the body must be application/json",
    )
}

fn parse<T: FromFields>(body: &[u8]) -> Result<T, ApiError> {
    let invalid = |message: &'static str| ApiError::bad_request("INVALID_JSON", message);
    let value = parse_json(body).map_err(|_| {
        invalid(
            "the body is not JSON: check syntax, UTF-8, nesting (at most 128 deep) and members named twice",
        )
    })?;
    match value {
        Value::Object(members) => Fields::of_object(members).read(),
        _ => Err(invalid("the body must be a JSON object")),
    }
}
