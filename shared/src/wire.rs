//! Versions of what edges and the control plane exchange: the feed, usage reports, and the claims of access tokens.
//!
//! An edge announces on every request to the control plane the highest version of each that it understands, in
//! [`HEADER`], and in every answer to a push. The control plane sends nothing newer. Without the header an edge is of
//! version 0.1.0, which had none: [`WireVersions::FIRST`].

use std::fmt;
use std::str::FromStr;

/// The header that announces [`WireVersions`], for example `feed=2, usage=1, claims=1`.
pub const HEADER: &str = "x-edge-versions";

/// Longest header value that is read, in bytes.
const MAX_LENGTH: usize = 128;

/// The highest version of each format that an edge understands. Every version includes all earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireVersions {
    pub feed: u8,
    pub usage: u8,
    pub claims: u8,
}

impl WireVersions {
    /// What AgentIdP 0.1.0 understands.
    pub const FIRST: Self = Self { feed: 1, usage: 1, claims: 1 };
    /// What this build understands.
    pub const CURRENT: Self = Self { feed: 2, usage: 1, claims: 1 };

    /// What both sides understand.
    #[must_use]
    pub fn common_with(self, other: Self) -> Self {
        Self {
            feed: self.feed.min(other.feed),
            usage: self.usage.min(other.usage),
            claims: self.claims.min(other.claims),
        }
    }
}

impl fmt::Display for WireVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "feed={}, usage={}, claims={}", self.feed, self.usage, self.claims)
    }
}

/// The value is not a list of `name=version` with versions from 1 to 255, each name at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("X-Edge-Versions must be a list like `feed=2, usage=1, claims=1`")]
pub struct InvalidVersions;

impl FromStr for WireVersions {
    type Err = InvalidVersions;

    /// Formats that are not named have version 1. Names that this build does not know are ignored: a later edge may
    /// exchange more.
    fn from_str(text: &str) -> Result<Self, InvalidVersions> {
        if text.len() > MAX_LENGTH {
            return Err(InvalidVersions);
        }
        let (mut feed, mut usage, mut claims) = (None, None, None);
        for item in text.split(',') {
            let (name, version) = item.trim_matches([' ', '\t']).split_once('=').ok_or(InvalidVersions)?;
            let is_plain = (1..=3).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_digit());
            let version: u8 = version.parse().map_err(|_| InvalidVersions)?;
            if !is_plain || version == 0 {
                return Err(InvalidVersions);
            }
            let place = match name {
                "feed" => &mut feed,
                "usage" => &mut usage,
                "claims" => &mut claims,
                _ => continue,
            };
            if place.replace(version).is_some() {
                return Err(InvalidVersions);
            }
        }
        let or_first = |version: Option<u8>| version.unwrap_or(1);
        Ok(Self { feed: or_first(feed), usage: or_first(usage), claims: or_first(claims) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_back() {
        for versions in
            [WireVersions::FIRST, WireVersions::CURRENT, WireVersions { feed: 255, usage: 7, claims: 1 }]
        {
            assert_eq!(versions.to_string().parse(), Ok(versions));
        }
    }

    #[test]
    fn what_is_not_named_is_of_the_first_version_and_unknown_names_are_ignored() {
        assert_eq!("feed=3".parse(), Ok(WireVersions { feed: 3, usage: 1, claims: 1 }));
        assert_eq!("limits=9,feed=2".parse(), Ok(WireVersions { feed: 2, ..WireVersions::FIRST }));
    }

    #[test]
    fn malformed_versions_are_refused() {
        let long = format!("feed=2{}", ", x=1".repeat(40));
        for bad in [
            "",
            "feed",
            "feed=",
            "feed=0",
            "feed=256",
            "feed=+1",
            "feed=-1",
            "feed=2, feed=2",
            "feed=1;usage=1",
            &long,
        ] {
            assert_eq!(bad.parse::<WireVersions>(), Err(InvalidVersions), "{bad}");
        }
    }
}
