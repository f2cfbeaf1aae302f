//! OAuth scopes (RFC 6749 §3.3) and their subset arithmetic.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest scope token we accept, in bytes.
pub const MAX_SCOPE_LENGTH: usize = 64;
/// Most scopes in one set; bounds the work an untrusted `scope` parameter can cause.
pub const MAX_SCOPES: usize = 64;

/// The scopes of the management API, those of later versions included. No protected API can have a scope of one of these names.
pub const BUILT_IN: [&str; 16] = [
    "agents:read",
    "agents:write",
    "tokens:read",
    "audit:read",
    "events:read",
    "webhooks:read",
    "webhooks:write",
    "ssf.read",
    "ssf.manage",
    "billing:read",
    "billing:write",
    "orgs:read",
    "admin:orgs",
    "openid",
    "platform:read",
    "platform:write",
];

/// How scopes begin that only members of the platform's own organization can hold.
const PLATFORM: &str = "platform:";

/// One scope token: `%x21 / %x23-5B / %x5D-7E`, 1 to [`MAX_SCOPE_LENGTH`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Box<str>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScope {
    #[error("a scope has 1 to {MAX_SCOPE_LENGTH} characters")]
    Length,
    #[error("a scope has printable ASCII characters other than space, quote and backslash")]
    Character,
    #[error("at most {MAX_SCOPES} scopes")]
    TooMany,
    #[error("scopes are separated by single spaces")]
    Separator,
}

impl Scope {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is of the management API, or reserved for it. All others are of protected APIs.
    pub fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&&*self.0) || self.is_for_platform()
    }

    /// Whether only members of the platform's own organization can hold it.
    pub fn is_for_platform(&self) -> bool {
        self.0.starts_with(PLATFORM)
    }

    /// A scope that cannot change anything: `<resource>:read`, or `openid`.
    pub fn is_read_only(&self) -> bool {
        &*self.0 == "openid" || self.0.ends_with(":read")
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if text.is_empty() || text.len() > MAX_SCOPE_LENGTH {
            return Err(InvalidScope::Length);
        }
        if !text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
            return Err(InvalidScope::Character);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A set of scopes. As JSON it is an array; as a `scope` parameter or claim it is [`ScopeSet::parse`] and `Display`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    pub const fn empty() -> Self {
        Self(BTreeSet::new())
    }

    /// Parses the space-delimited form of RFC 6749 §3.3. The empty string is the empty set; a repeated scope counts once.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        if text.is_empty() {
            return Ok(Self::empty());
        }
        let mut scopes = BTreeSet::new();
        for (position, token) in text.split(' ').enumerate() {
            if position >= MAX_SCOPES {
                return Err(InvalidScope::TooMany);
            }
            if token.is_empty() {
                return Err(InvalidScope::Separator);
            }
            scopes.insert(token.parse()?);
        }
        Ok(Self(scopes))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|held| held.as_str() == scope)
    }

    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// What both hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// What `self` holds and `other` lacks.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// Whether nothing in the set can change anything (the empty set included).
    pub fn is_read_only(&self) -> bool {
        self.0.iter().all(Scope::is_read_only)
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scopes = Vec::<Scope>::deserialize(deserializer)?;
        if scopes.len() > MAX_SCOPES {
            return Err(de::Error::custom(InvalidScope::TooMany));
        }
        Ok(scopes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope_set() -> impl Strategy<Value = ScopeSet> {
        prop::collection::btree_set("[a-e]:(read|write)", 0..8)
            .prop_map(|scopes| scopes.iter().map(|scope| scope.parse().unwrap()).collect())
    }

    proptest! {
        #[test]
        fn text_form_round_trips(set in scope_set()) {
            prop_assert_eq!(ScopeSet::parse(&set.to_string()).unwrap(), set);
        }

        #[test]
        fn json_form_round_trips(set in scope_set()) {
            let json = serde_json::to_string(&set).unwrap();
            prop_assert_eq!(serde_json::from_str::<ScopeSet>(&json).unwrap(), set);
        }

        #[test]
        fn intersection_is_a_subset_of_both(a in scope_set(), b in scope_set()) {
            let both = a.intersection(&b);
            prop_assert!(both.is_subset_of(&a) && both.is_subset_of(&b));
        }

        #[test]
        fn subset_means_nothing_left_over(a in scope_set(), b in scope_set()) {
            prop_assert_eq!(a.is_subset_of(&b), a.difference(&b).is_empty());
            prop_assert_eq!(a.is_subset_of(&b), a.intersection(&b) == a);
        }

        #[test]
        fn subset_is_transitive(a in scope_set(), b in scope_set(), c in scope_set()) {
            if a.is_subset_of(&b) && b.is_subset_of(&c) {
                prop_assert!(a.is_subset_of(&c));
            }
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,200}") {
            let _ = ScopeSet::parse(&text);
        }
    }

    #[test]
    fn scope_injection_separators_and_controls_are_refused() {
        for text in [" a", "a ", "a  b", "a\tb", "a\nb", "a\"b", "a\\b", "a\0b", "ä:read", "a\u{a0}b"] {
            assert!(ScopeSet::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(ScopeSet::parse(&"x".repeat(65)), Err(InvalidScope::Length));
        assert_eq!(ScopeSet::parse(&vec!["a"; 65].join(" ")), Err(InvalidScope::TooMany));
    }

    #[test]
    fn a_prefix_of_a_scope_is_another_scope() {
        let held = ScopeSet::parse("agents:read").unwrap();
        for other in ["agents", "agents:", "agents:read2", "AGENTS:READ"] {
            assert!(!held.contains(other));
        }
    }

    #[test]
    fn only_read_scopes_and_openid_are_read_only() {
        assert!(ScopeSet::parse("agents:read openid").unwrap().is_read_only());
        assert!(!ScopeSet::parse("agents:read agents:write").unwrap().is_read_only());
        assert!(!ScopeSet::parse("admin:orgs").unwrap().is_read_only());
    }
}
