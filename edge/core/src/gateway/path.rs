//! The path of a request as rules see it. What an API behind the gateway might read differently than its rules do is refused,
//! never normalised: two readers that normalise differently are an attack.

use agentidp_shared::strict::percent_decode;

/// The path may mean something else to the API than to its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the path has dot segments, empty segments, path parameters, encoded separators or characters that may be read in two ways"
)]
pub struct Ambiguous;

/// The decoded segments of a path. A trailing slash is an empty last one.
pub fn segments(path: &str) -> Result<Vec<String>, Ambiguous> {
    let path = path.strip_prefix('/').ok_or(Ambiguous)?;
    let count = path.split('/').count();
    path.split('/')
        .enumerate()
        .map(|(position, segment)| match segment {
            "" if position + 1 < count => Err(Ambiguous),
            segment => decode(segment),
        })
        .collect()
}

fn decode(segment: &str) -> Result<String, Ambiguous> {
    // Path parameters (`..;x`) are cut off by some servers before they look at the segment.
    if segment.bytes().any(|b| !b.is_ascii_graphic() || matches!(b, b'\\' | b';')) {
        return Err(Ambiguous);
    }
    // In a path, plus is plus.
    let decoded = percent_decode(&segment.replace('+', "%2B")).ok_or(Ambiguous)?;
    let separates = |c: char| matches!(c, '/' | '\\') || c.is_control();
    // Some file systems forget dots and spaces at the end of a name.
    let only_dots = !decoded.is_empty() && decoded.trim_matches(['.', ' ']).is_empty();
    if decoded.contains(separates) || only_dots || is_encoded_twice(&decoded) {
        return Err(Ambiguous);
    }
    Ok(decoded)
}

/// Whether decoding once more would yield what decoding once must not.
fn is_encoded_twice(decoded: &str) -> bool {
    let lower = decoded.to_ascii_lowercase();
    ["%2e", "%2f", "%5c", "%3b", "%25", "%00"].iter().any(|escape| lower.contains(escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_decoded_segment_by_segment() {
        for (path, expected) in [
            ("/", &[""][..]),
            ("/orders", &["orders"]),
            ("/orders/", &["orders", ""]),
            ("/orders/a%20b+c/%C3%A4", &["orders", "a b+c", "ä"]),
            ("/files/.hidden/v1.2/100%25", &["files", ".hidden", "v1.2", "100%"]),
            ("/~a/b:c@d/(e),f=g&h!$'*", &["~a", "b:c@d", "(e),f=g&h!$'*"]),
        ] {
            assert_eq!(segments(path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn dot_segment_attack_is_refused_in_every_spelling() {
        for dots in [
            ".", "..", "...", "%2e", "%2E%2e", ".%2e", "%2e.", "..%20", ".. ", "..;", "..;a=b", "%2e%2e;",
            ";..",
        ] {
            for path in [format!("/{dots}"), format!("/a/{dots}/b"), format!("/a/{dots}")] {
                assert_eq!(segments(&path), Err(Ambiguous), "{path}");
            }
        }
    }

    #[test]
    fn encoded_separator_attack_is_refused() {
        for path in ["/a%2fb", "/a%2Fb", "/a\\b", "/a%5cb", "/a%5C..%5Cb", "/%2f", "/a%0a", "/a%00", "/a%7f"]
        {
            assert_eq!(segments(path), Err(Ambiguous), "{path}");
        }
    }

    #[test]
    fn double_encoding_attack_is_refused() {
        for path in ["/%252e%252e/a", "/a%252fb", "/a%255Cb", "/%25252e", "/a%253bb", "/a%2500"] {
            assert_eq!(segments(path), Err(Ambiguous), "{path}");
        }
    }

    #[test]
    fn double_slash_attack_is_refused_wherever_it_is() {
        for path in ["//", "//evil.example", "/a//b", "/a//", "///"] {
            assert_eq!(segments(path), Err(Ambiguous), "{path}");
        }
    }

    #[test]
    fn overlong_and_broken_encoding_attack_is_refused() {
        for path in
            ["/%c0%ae%c0%ae", "/%c0%af", "/%e0%80%af", "/%", "/%2", "/%zz", "/%ff", "/ä", "", "*", "a"]
        {
            assert_eq!(segments(path), Err(Ambiguous), "{path}");
        }
    }
}
