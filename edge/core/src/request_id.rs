//! The id of a request: the caller's, if it has a harmless form, or a new one.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Builder;

use crate::host::Platform;

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

pub fn of(headers: &HeaderMap, platform: &impl Platform) -> HeaderValue {
    given(headers).unwrap_or_else(|| fresh(platform))
}

fn given(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(HEADER)?;
    let harmless = (1..=MAX_LENGTH).contains(&id.len())
        && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    harmless.then(|| id.clone())
}

/// A UUID version 7 (RFC 9562 §5.7), like those the control plane gives.
fn fresh(platform: &impl Platform) -> HeaderValue {
    let mut random = [0; 10];
    platform.fill_random(&mut random);
    let id = Builder::from_unix_timestamp_millis(platform.now_ms(), &random).into_uuid();
    HeaderValue::try_from(id.to_string()).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestHost;

    fn id_for(given: &[u8]) -> HeaderValue {
        let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_bytes(given).unwrap())]);
        of(&headers, &*<TestHost>::new())
    }

    #[test]
    fn log_injection_attack_only_harmless_request_ids_are_taken() {
        assert_eq!(id_for(b"abc-DEF_1.2"), "abc-DEF_1.2");
        for value in [&b""[..], b"a b", b"a\"b", b"a{b}", b"\xfc", b"<script>", &[b'x'; 129]] {
            let id = id_for(value);
            assert_ne!(id.as_bytes(), value);
            assert_eq!(id.len(), 36);
        }
    }

    #[test]
    fn a_request_without_an_id_gets_one_of_its_own() {
        let host = <TestHost>::new();
        let (one, other) = (of(&HeaderMap::new(), &*host), of(&HeaderMap::new(), &*host));
        assert_ne!(one, other);
    }
}
