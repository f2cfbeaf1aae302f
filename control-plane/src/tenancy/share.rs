//! The shares: what an organization has or uses of what all organizations share.

use agentidp_shared::tier::Tier;
use axum::http::{StatusCode, header};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::Tiers;
use crate::infra::http::error::ApiError;

/// What a share is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    /// Agents that are not decommissioned.
    Agents,
    /// Partners.
    Partners,
    /// Trust policies.
    TrustPolicies,
    /// Grants for other organizations.
    Grants,
    /// Bytes of the organization's partners in the feed's snapshot.
    FeedBytes,
    /// Changes that reach the edges, a minute.
    FeedChanges,
    /// Requests to others' servers at once, of one process.
    OutboundInFlight,
    /// Requests to others' servers a minute, of one process.
    OutboundRequests,
    /// Changes of the signing algorithm, a day.
    SigningAlgorithmChanges,
    /// Lists and searches at once, of one process.
    ListsInFlight,
}

impl Share {
    pub const ALL: [Self; 10] = [
        Self::Agents,
        Self::Partners,
        Self::TrustPolicies,
        Self::Grants,
        Self::FeedBytes,
        Self::FeedChanges,
        Self::OutboundInFlight,
        Self::OutboundRequests,
        Self::SigningAlgorithmChanges,
        Self::ListsInFlight,
    ];

    /// The name in answers, metrics and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Partners => "partners",
            Self::TrustPolicies => "trust_policies",
            Self::Grants => "grants",
            Self::FeedBytes => "feed_bytes",
            Self::FeedChanges => "feed_changes",
            Self::OutboundInFlight => "outbound_in_flight",
            Self::OutboundRequests => "outbound_requests",
            Self::SigningAlgorithmChanges => "signing_algorithm_changes",
            Self::ListsInFlight => "lists_in_flight",
        }
    }

    /// How long a use counts; `None` for what counts while it is there.
    pub fn window(self) -> Option<Duration> {
        match self {
            Self::FeedChanges | Self::OutboundRequests => Some(Duration::MINUTE),
            Self::SigningAlgorithmChanges => Some(Duration::DAY),
            _ => None,
        }
    }

    /// The beginning of the window that `now` is in.
    pub fn window_start(self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let seconds = self.window()?.whole_seconds();
        let into = now.unix_timestamp().rem_euclid(seconds);
        Some(now.replace_nanosecond(0).unwrap_or(now) - Duration::seconds(into))
    }

    /// What the limit counts, for people.
    fn counted(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Partners => "partners",
            Self::TrustPolicies => "trust policies",
            Self::Grants => "grants",
            Self::FeedBytes => "bytes of partners at the edges",
            Self::FeedChanges => "changes a minute that reach the edges",
            Self::OutboundInFlight => "requests to other servers at once",
            Self::OutboundRequests => "requests to other servers a minute",
            Self::SigningAlgorithmChanges => "changes of the signing algorithm a day",
            Self::ListsInFlight => "lists and searches at once",
        }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A share of an organization as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub share: Share,
    /// `None` is without limit.
    pub limit: Option<i64>,
    pub used: i64,
    /// When uses count from nothing again, for what is counted by time.
    pub resets_at: Option<OffsetDateTime>,
}

impl Limit {
    /// The share as it stands at `now`, with the limit of `tier`.
    pub fn new(tiers: &Tiers, tier: Tier, share: Share, used: i64, now: OffsetDateTime) -> Self {
        let resets_at = share.window_start(now).zip(share.window()).map(|(start, window)| start + window);
        Self { share, limit: tiers.of(tier).of(share), used, resets_at }
    }
}

/// The organization has used up a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the organization's tier allows {limit} {}; {}", share.counted(), self.how_to_raise())]
pub struct LimitReached {
    share: Share,
    tier: Tier,
    limit: i64,
    used: i64,
    resets_at: Option<OffsetDateTime>,
    /// The next tier that has more.
    more: Option<Tier>,
    /// Seconds after which it is worth to ask again.
    retry_after: Option<i64>,
}

impl LimitReached {
    /// Makes the refusal, and counts it.
    pub fn new(tiers: &Tiers, tier: Tier, share: Share, used: i64, now: OffsetDateTime) -> Self {
        metrics::counter!("agentidp_share_refusals_total", "share" => share.as_str()).increment(1);
        let stands = Limit::new(tiers, tier, share, used, now);
        let retry_after = match (share, stands.resets_at) {
            (_, Some(resets_at)) => Some((resets_at - now).whole_seconds().max(0) + 1),
            (Share::OutboundInFlight, None) => Some(5),
            (_, None) => None,
        };
        Self {
            share,
            tier,
            limit: stands.limit.unwrap_or(i64::MAX),
            used,
            resets_at: stands.resets_at,
            more: tiers.with_more(tier, share),
            retry_after,
        }
    }

    /// The limit itself.
    pub fn limit(&self) -> i64 {
        self.limit
    }

    fn how_to_raise(&self) -> String {
        match self.more {
            Some(more) => {
                format!(
                    "the tier {more} has more: members of the system organization change an organization's tier"
                )
            }
            None => {
                "no tier has more: the operator of this instance changes the limits (AGENTIDP_TIERS_FILE)"
                    .into()
            }
        }
    }
}

impl From<LimitReached> for ApiError {
    fn from(reached: LimitReached) -> Self {
        let status =
            if reached.retry_after.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::FORBIDDEN };
        // Clients knew the agents' limit by this code before there were others.
        let code = if reached.share == Share::Agents { "TIER_LIMIT" } else { "LIMIT_REACHED" };
        let mut details = json!({
            "share": reached.share.as_str(),
            "limit": reached.limit,
            "used": reached.used,
            "tier": reached.tier,
            "howToRaise": reached.how_to_raise(),
        });
        if let (Some(resets_at), Some(details)) = (reached.resets_at, details.as_object_mut()) {
            details.insert("resetsAt".into(), resets_at.format(&Rfc3339).unwrap_or_default().into());
        }
        let error = Self::new(status, code, reached.to_string()).details(details);
        match reached.retry_after {
            Some(seconds) => error.header(header::RETRY_AFTER, seconds.to_string()),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::from_unix_seconds;

    #[test]
    fn a_window_begins_where_its_length_divides_the_time() {
        let at = from_unix_seconds;
        assert_eq!(Share::FeedChanges.window_start(at(119)), Some(at(60)));
        assert_eq!(Share::FeedChanges.window_start(at(120)), Some(at(120)));
        assert_eq!(Share::SigningAlgorithmChanges.window_start(at(86_401)), Some(at(86_400)));
        assert_eq!(Share::Partners.window_start(at(5)), None);
    }

    #[test]
    fn a_refusal_says_what_is_reached_and_which_tier_has_more() {
        let tiers = Tiers::load(None).unwrap();
        let now = from_unix_seconds(61);
        let reached = LimitReached::new(&tiers, Tier::Free, Share::FeedChanges, 30, now);
        let text = reached.to_string();
        assert!(text.contains("allows 30 changes a minute") && text.contains("tier pro has more"), "{text}");
        let error = ApiError::from(reached);
        assert_eq!(error.status(), StatusCode::TOO_MANY_REQUESTS);
        let reached = LimitReached::new(&tiers, Tier::Enterprise, Share::Partners, 1_000, now);
        assert!(reached.to_string().contains("AGENTIDP_TIERS_FILE"));
        assert_eq!(ApiError::from(reached).status(), StatusCode::FORBIDDEN);
    }
}
