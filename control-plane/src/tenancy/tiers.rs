//! What each tier allows, read from `tiers.toml`.

use std::path::{Path, PathBuf};

use agentidp_shared::tier::Tier;
use serde::Deserialize;
use serde::de::{Error as _, Unexpected};
use time::Duration;

use super::Share;

/// The file that is used unless another is named.
const EMBEDDED: &str = include_str!("../../../tiers.toml");
/// Largest limit, so that sums stay far from the end of the numbers.
const MOST: i64 = 1_000_000_000_000;

/// A limit that may be absent. Written as a whole number from 1, or "unlimited".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(Option<i64>);

/// A limit that must be there: what it is about is shared by every organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finite(i64);

impl<'de> Deserialize<'de> for Finite {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        if (1..=MOST).contains(&number) {
            return Ok(Self(number));
        }
        Err(D::Error::invalid_value(Unexpected::Signed(number), &"a whole number from 1 to 10^12"))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a whole number from 1 to 10^12 or \"unlimited\" is expected")]
        enum Written {
            Number(Finite),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self(Some(number.0))),
            Written::Word(word) if word == "unlimited" => Ok(Self(None)),
            Written::Word(word) => {
                Err(D::Error::invalid_value(Unexpected::Str(&word), &"a whole number or \"unlimited\""))
            }
        }
    }
}

/// The limits of one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    agents: Amount,
    audit_window_days: Amount,
    partners: Finite,
    trust_policies: Finite,
    grants: Finite,
    feed_bytes: Finite,
    feed_changes_per_minute: Finite,
    outbound_in_flight: Finite,
    outbound_requests_per_minute: Finite,
    signing_algorithm_changes_per_day: Finite,
    lists_in_flight: Finite,
    revocations: Finite,
    revocations_per_agent: Finite,
}

impl Limits {
    /// The limit of a share; `None` if the tier has none.
    pub fn of(&self, share: Share) -> Option<i64> {
        match share {
            Share::Agents => self.agents.0,
            Share::Partners => Some(self.partners.0),
            Share::TrustPolicies => Some(self.trust_policies.0),
            Share::Grants => Some(self.grants.0),
            Share::FeedBytes => Some(self.feed_bytes.0),
            Share::FeedChanges => Some(self.feed_changes_per_minute.0),
            Share::OutboundInFlight => Some(self.outbound_in_flight.0),
            Share::OutboundRequests => Some(self.outbound_requests_per_minute.0),
            Share::SigningAlgorithmChanges => Some(self.signing_algorithm_changes_per_day.0),
            Share::ListsInFlight => Some(self.lists_in_flight.0),
        }
    }

    /// How far back the audit log can be read; `None` is without limit.
    pub fn audit_window(&self) -> Option<Duration> {
        self.audit_window_days.0.map(Duration::days)
    }

    /// Lists and searches that run at once in one process.
    pub fn lists_in_flight(&self) -> usize {
        usize::try_from(self.lists_in_flight.0).unwrap_or(usize::MAX)
    }

    /// Single tokens that are revoked and not yet expired, of the organization.
    pub fn revocations(&self) -> i64 {
        self.revocations.0
    }

    /// Single tokens that are revoked and not yet expired, of one agent.
    pub fn revocations_per_agent(&self) -> i64 {
        self.revocations_per_agent.0
    }
}

/// The limits of every tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    free: Limits,
    pro: Limits,
    enterprise: Limits,
}

/// Why the limits cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TiersError {
    #[error("AGENTIDP_TIERS_FILE: {0} cannot be read")]
    Read(PathBuf, #[source] std::io::Error),
    #[error("the tiers are not usable: {0}")]
    Content(String),
}

impl Tiers {
    /// Reads `file`, or the limits that this version was built with.
    pub fn load(file: Option<&Path>) -> Result<Self, TiersError> {
        let Some(file) = file else { return Self::parse(EMBEDDED) };
        let text = std::fs::read_to_string(file).map_err(|error| TiersError::Read(file.to_owned(), error))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, TiersError> {
        let mut tiers: toml::Table =
            text.parse().map_err(|error: toml::de::Error| TiersError::Content(error.to_string()))?;
        let mut problems = vec![];
        let mut limits = |tier: Tier| match tiers.remove(tier.as_str()).map(toml::Value::try_into::<Limits>) {
            Some(Ok(limits)) => Some(limits),
            Some(Err(error)) => {
                problems.push(format!("[{tier}]: {}", error.to_string().trim()));
                None
            }
            None => {
                problems.push(format!("[{tier}] is missing"));
                None
            }
        };
        let (free, pro, enterprise) = (limits(Tier::Free), limits(Tier::Pro), limits(Tier::Enterprise));
        problems.extend(tiers.keys().map(|name| format!("`{name}` is not a tier")));
        match (free, pro, enterprise) {
            (Some(free), Some(pro), Some(enterprise)) if problems.is_empty() => {
                Ok(Self { free, pro, enterprise })
            }
            _ => Err(TiersError::Content(problems.join("; "))),
        }
    }

    /// The limits of a tier.
    pub fn of(&self, tier: Tier) -> &Limits {
        match tier {
            Tier::Free => &self.free,
            Tier::Pro => &self.pro,
            Tier::Enterprise => &self.enterprise,
        }
    }

    /// The smallest tier above `tier` that has more of a share.
    pub fn with_more(&self, tier: Tier, share: Share) -> Option<Tier> {
        let has = self.of(tier).of(share)?;
        Tier::ALL
            .into_iter()
            .filter(|other| *other > tier)
            .find(|other| self.of(*other).of(share).is_none_or(|more| more > has))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tier_of_the_file_has_at_least_what_the_smaller_one_has() {
        let tiers = Tiers::load(None).unwrap();
        for share in Share::ALL {
            let limits = Tier::ALL.map(|tier| tiers.of(tier).of(share).unwrap_or(i64::MAX));
            assert!(limits.is_sorted(), "{share}: {limits:?}");
        }
        assert_eq!(tiers.of(Tier::Free).audit_window(), Some(Duration::days(90)));
        assert_eq!(tiers.of(Tier::Pro).audit_window(), None);
    }

    #[test]
    fn the_tier_that_has_more_is_the_next_that_does() {
        let tiers = Tiers::load(None).unwrap();
        assert_eq!(tiers.with_more(Tier::Free, Share::Partners), Some(Tier::Pro));
        assert_eq!(tiers.with_more(Tier::Pro, Share::Agents), Some(Tier::Enterprise));
        assert_eq!(tiers.with_more(Tier::Enterprise, Share::Partners), None);
        assert_eq!(tiers.with_more(Tier::Enterprise, Share::Agents), None);
    }

    #[test]
    fn a_file_that_is_not_complete_is_refused_by_the_name_of_the_field() {
        let refused = |from: &str, to: &str| {
            let text = EMBEDDED.replacen(from, to, 1);
            assert_ne!(text, EMBEDDED);
            Tiers::parse(&text).unwrap_err().to_string()
        };
        for (from, to, names) in [
            ("partners = 10 ", "", "[free]: missing field `partners`"),
            ("partners = 10 ", "partners = 0 ", "partners"),
            ("partners = 10 ", "partners = \"unlimited\" ", "partners"),
            ("agents = 10 ", "agents = \"many\" ", "agents"),
            ("grants = 20 ", "grants = -1 ", "grants"),
            ("[pro]", "[silver]", "[pro] is missing"),
            ("[pro]", "[pro]\nwebhooks = 1", "[pro]: unknown field `webhooks`"),
            ("[enterprise]", "[gold]\n[enterprise]", "`gold` is not a tier"),
        ] {
            let said = refused(from, to);
            assert!(said.contains(names), "{from} → {to}: {said}");
        }
    }
}
