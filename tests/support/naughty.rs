//! Strings that trouble parsers, databases, templates and people.

/// All of them. The file holds JSON with escapes, so that no editor or terminal is troubled by it.
pub fn strings() -> Vec<String> {
    let strings: Vec<String> = serde_json::from_str(include_str!("data/naughty.json")).unwrap();
    assert!(strings.len() >= 400, "only {} strings", strings.len());
    strings
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_string_is_there_twice() {
        let mut strings = super::strings();
        let count = strings.len();
        strings.sort();
        strings.dedup();
        assert_eq!(strings.len(), count);
    }
}
