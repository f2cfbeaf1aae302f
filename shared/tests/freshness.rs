//! The failure table of the edge: how old knowledge may be before it stops deciding.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use agentidp_shared::claims::Claims;
use agentidp_shared::delegation::{Wanted, derive};
use agentidp_shared::freshness::{Freshness, FreshnessLimits, assess};
use agentidp_shared::scopes::ScopeSet;
use proptest::prelude::*;
use uuid::Uuid;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

fn claims(scopes: &str, delegated: bool) -> Claims {
    let id = Uuid::from_u128(1);
    let own = Claims {
        iss: "https://id.example".into(),
        sub: id.into(),
        aud: vec!["https://id.example".into()],
        client_id: id.into(),
        organization_id: id.into(),
        scopes: ScopeSet::parse(scopes).unwrap(),
        jti: id.into(),
        iat: 1,
        nbf: 1,
        exp: 2,
        status: None,
        auth_time: None,
        delegation: None,
    };
    if !delegated {
        return own;
    }
    let wanted = Wanted {
        jti: Uuid::from_u128(2).into(),
        holder: Uuid::from_u128(3).into(),
        organization: own.organization_id,
        grant: None,
        scopes: None,
        audience: None,
        issuer: "https://id.example",
        now: 1,
        lifetime: 1,
        not_before: None,
        names_delegatee: false,
    };
    derive(&own, wanted).unwrap()
}

#[test]
fn the_limits_are_a_minute_and_a_day() {
    let limits = FreshnessLimits::default();
    assert_eq!((limits.max_staleness_ms, limits.stale_if_error_ms), (MINUTE, DAY));
}

#[test]
fn each_row_of_the_table_at_its_edges() {
    use Freshness::{Fresh, StaleReadOnly, Unknown};
    let limits = FreshnessLimits::default();
    for (age, scopes, delegated, expected) in [
        (0, "agents:write", false, Fresh),
        (MINUTE, "admin:orgs", true, Fresh),
        (MINUTE + 1, "agents:read openid", false, StaleReadOnly),
        (MINUTE + 1, "", false, StaleReadOnly),
        (MINUTE + 1, "agents:read agents:write", false, Unknown),
        (MINUTE + 1, "admin:orgs", false, Unknown),
        (MINUTE + 1, "agents:read", true, Unknown),
        (DAY, "agents:read", false, StaleReadOnly),
        (DAY + 1, "agents:read", false, Unknown),
        (u64::MAX, "", false, Unknown),
    ] {
        assert_eq!(
            assess(age, &claims(scopes, delegated), &limits),
            expected,
            "{age} {scopes:?} {delegated}"
        );
    }
}

proptest! {
    #[test]
    fn older_knowledge_never_decides_more(
        age in 0..2 * DAY,
        older in 0..2 * DAY,
        scopes in prop::sample::select(vec!["", "agents:read", "agents:write", "openid", "admin:orgs agents:read"]),
        delegated: bool,
    ) {
        let rank = |age| match assess(age, &claims(scopes, delegated), &FreshnessLimits::default()) {
            Freshness::Fresh => 2,
            Freshness::StaleReadOnly => 1,
            Freshness::Unknown => 0,
        };
        prop_assert!(rank(age + older) <= rank(age));
    }
}
