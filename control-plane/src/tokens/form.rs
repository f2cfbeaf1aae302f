//! Strict reading of `application/x-www-form-urlencoded` requests.

use std::collections::BTreeMap;

use agentidp_shared::strict::percent_decode;
use axum::body::Bytes;
use axum::http::{HeaderMap, header};

use super::oauth_error::OAuthError;
use crate::infra::config::Secret;

/// Most parameters in one request.
const MAX_PARAMETERS: usize = 32;

/// The parameters of a request, each at most once (RFC 6749 §3.2). Those we do not know are ignored, as the RFC asks.
pub(super) struct Form(BTreeMap<String, Secret<String>>);

impl Form {
    pub fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, OAuthError> {
        let content_type =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(OAuthError::InvalidRequest(
                "the body must be application/x-www-form-urlencoded".into(),
            ));
        }
        let text = std::str::from_utf8(body)
            .map_err(|_| OAuthError::InvalidRequest("the body is not UTF-8".into()))?;
        let mut parameters = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if parameters.len() >= MAX_PARAMETERS {
                return Err(OAuthError::InvalidRequest(
                    format!("more than {MAX_PARAMETERS} parameters").into(),
                ));
            }
            if parameters.insert(name, Secret::new(value)).is_some() {
                return Err(OAuthError::InvalidRequest("a parameter is repeated".into()));
            }
        }
        Ok(Self(parameters))
    }

    /// A parameter; one without a value counts as absent (RFC 6749 §3.2).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.expose().as_str()).filter(|value| !value.is_empty())
    }

    pub fn required(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::InvalidRequest(format!("{name} is required").into()))
    }
}

/// Percent-decoding with `+` as space, refusing broken escapes, control characters and what is not UTF-8.
pub(super) fn decode(text: &str) -> Result<String, OAuthError> {
    let invalid = || OAuthError::InvalidRequest("a parameter is not valid percent-encoded UTF-8".into());
    let decoded = percent_decode(text).ok_or_else(invalid)?;
    if decoded.chars().any(char::is_control) {
        return Err(OAuthError::InvalidRequest("a parameter has control characters".into()));
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(body: &'static str) -> Result<Form, OAuthError> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"),
        );
        Form::read(&headers, &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn values_are_decoded_and_empty_ones_are_absent() {
        let form = read("scope=agents%3Aread+openid&nonce=&x").unwrap();
        assert_eq!(form.get("scope"), Some("agents:read openid"));
        assert_eq!((form.get("nonce"), form.get("x"), form.get("y")), (None, None, None));
    }

    #[test]
    fn parameter_pollution_attack_a_repeated_parameter_is_refused() {
        assert!(read("scope=a&scope=b").is_err());
        assert!(read("scope=a&%73cope=b").is_err());
    }

    #[test]
    fn broken_escapes_control_characters_and_bad_utf8_are_refused() {
        for body in ["a=%", "a=%1", "a=%zz", "a=%00", "a=%0a", "a=%ff", "a=%c3%28"] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
