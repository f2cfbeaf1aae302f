//! Parameters of a query string or form (`application/x-www-form-urlencoded`), strictly: each at most once, percent-encoded
//! UTF-8, no control characters.

use agentidp_shared::strict::percent_decode;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::errors::Problem;

/// Most parameters in one request.
const MAX_PARAMETERS: usize = 32;

/// Decoded parameters, in order. May hold secrets: no `Debug`.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `name=value` pairs. `text` must already be bounded in size.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if parameters.len() >= MAX_PARAMETERS {
                return Err(Problem::invalid_request("too many parameters"));
            }
            if parameters.iter().any(|(held, _)| *held == name) {
                return Err(Problem::invalid_request("a parameter is repeated"));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// Reads the body of a request that says it is a form.
    pub fn from_body(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Problem::invalid_request("the body must be application/x-www-form-urlencoded"));
        }
        let text =
            std::str::from_utf8(body).map_err(|_| Problem::invalid_request("the body is not UTF-8"))?;
        Self::parse(text)
    }

    /// A parameter; one without a value counts as absent (RFC 6749 §3.2).
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(held, _)| held == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether the parameter is there, be it without a value.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(held, _)| held == name)
    }

    /// The name of a parameter that is none of `known`.
    pub fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).find(|name| !known.contains(name))
    }
}

fn decode(text: &str) -> Result<String, Problem> {
    percent_decode(text).filter(|decoded| !decoded.chars().any(char::is_control)).ok_or_else(|| {
        Problem::invalid_request("a parameter is not percent-encoded UTF-8 without control characters")
    })
}

/// Percent-encodes everything that is not unreserved (RFC 3986 §2.3).
pub fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_are_absent() {
        let form = Parameters::parse("scope=agents%3Aread+openid&a=&x").ok().unwrap();
        assert_eq!(form.get("scope"), Some("agents:read openid"));
        assert_eq!((form.get("a"), form.get("x"), form.get("y")), (None, None, None));
        assert_eq!(form.unknown(&["scope", "a"]), Some("x"));
    }

    #[test]
    fn parameter_pollution_attack_a_repeated_parameter_is_refused() {
        assert!(Parameters::parse("scope=a&scope=b").is_err());
        assert!(Parameters::parse("scope=a&%73cope=b").is_err());
    }

    #[test]
    fn broken_escapes_control_characters_and_bad_utf8_are_refused() {
        for text in ["a=%", "a=%1", "a=%zz", "a=%00", "a=%0a", "a=%ff", "a=%c3%28", "%=a", "a=%+1"] {
            assert!(Parameters::parse(text).is_err(), "{text}");
        }
        let many = (0..=MAX_PARAMETERS).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert!(Parameters::parse(&many).is_err());
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        let text = "a b&c=d+é%~\u{1F600}";
        assert_eq!(percent_decode(&percent_encode(text)).as_deref(), Some(text));
    }
}
