//! Validators of documents (RFC 9110 §8.8.3, §13.1.2).

use agentidp_shared::strict::encode_base64url;
use http::HeaderMap;
use http::header::IF_NONE_MATCH;
use sha2::{Digest, Sha256};

/// A strong validator: the document's own hash.
pub fn of(document: &[u8]) -> String {
    format!("\"{}\"", encode_base64url(&Sha256::digest(document)))
}

/// Whether `If-None-Match` names `tag`, by weak comparison.
pub fn is_held(headers: &HeaderMap, tag: &str) -> bool {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|held| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_by_star_and_otherwise_not() {
        let tag = of(b"x");
        let held = |value: &str| {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, value.parse().unwrap())]);
            is_held(&headers, &tag)
        };
        assert!(held(&tag) && held(&format!("\"o\", W/{tag}")) && held("*"));
        assert!(!held("\"o\"") && !held("nonsense") && !held("") && !is_held(&HeaderMap::new(), &tag));
    }
}
