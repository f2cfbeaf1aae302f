//! What an `Authorization` header presents.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::errors::Problem;

/// What a caller presents, before any of it was checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// Nothing, or a scheme that is none of ours.
    Nothing,
    /// RFC 6750 §2.1.
    Bearer(&'a str),
    /// Client authentication (RFC 6749 §2.3.1).
    Basic,
}

/// Reads the header. Two of them are an error: which one is meant would be a guess.
pub fn presented(headers: &HeaderMap) -> Result<Presented<'_>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(Presented::Nothing) };
    let is_one = values.next().is_none();
    // What is not ASCII is no token.
    let text = value.to_str().unwrap_or("Bearer ?");
    // RFC 9110 §5.5: not part of the value, but not every host takes it away.
    let text = text.trim_matches([' ', '\t']);
    // RFC 9110 §11.1: the scheme is compared without case.
    let presented = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Presented::Bearer(token.trim_start_matches(' '))
        }
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("basic") => Presented::Basic,
        _ => Presented::Nothing,
    };
    // Some hosts join headers of one name with commas (RFC 9110 §5.3). Neither a token nor Basic credentials hold one.
    if !is_one || (presented != Presented::Nothing && text.contains(',')) {
        return Err(Problem::invalid_request("more than one Authorization header")
            .challenge(&[("error", "invalid_request")]));
    }
    Ok(presented)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        match presented(&headers).ok()? {
            Presented::Nothing => Some("nothing".into()),
            Presented::Basic => Some("basic".into()),
            Presented::Bearer(token) => Some(format!("token {token}")),
        }
    }

    #[test]
    fn the_scheme_decides_whatever_its_case() {
        assert_eq!(read(&["Bearer a.b.c"]).as_deref(), Some("token a.b.c"));
        assert_eq!(read(&["bEARER   a"]).as_deref(), Some("token a"));
        assert_eq!(read(&["basic eA=="]).as_deref(), Some("basic"));
        for value in ["", "Bearer", "Bearer \t ", "a.b.c", "Token a.b.c", "BearerX a"] {
            assert_eq!(read(&[value]).as_deref(), Some("nothing"), "{value}");
        }
    }

    #[test]
    fn two_headers_attack_neither_is_believed() {
        assert_eq!(read(&["Bearer a", "Bearer b"]), None);
        assert_eq!(read(&["Basic eA==", "Bearer b"]), None);
        for joined in ["Bearer a, Bearer b", "Bearer a,b", "Basic eA==, Bearer b"] {
            assert_eq!(read(&[joined]), None, "{joined}");
        }
    }

    #[test]
    fn a_header_that_is_not_ascii_is_a_bad_token() {
        assert_eq!(read(&["Bearer ü"]).as_deref(), Some("token ?"));
    }
}
