//! Properties of the authorisation policy: more scopes never allow less, and what is not listed is denied.
#![cfg(feature = "rego")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use agentidp_shared::feed::Change;
use agentidp_shared::policy::{Access, Decision, Denial, EndpointTable, PolicyInput, RegoPolicy};
use agentidp_shared::scopes::ScopeSet;
use proptest::prelude::*;

const POLICY: &str = include_str!("../../policies/authz.rego");
const DATA: &str = include_str!("../../policies/data/scopes.json");

fn policy() -> RegoPolicy {
    RegoPolicy::new(POLICY, DATA).unwrap()
}

fn table() -> EndpointTable {
    serde_json::from_str(DATA).unwrap()
}

fn chosen(table: &EndpointTable, bits: u64) -> ScopeSet {
    let held = |(position, _): &(usize, _)| bits >> position & 1 == 1;
    table.scopes.iter().enumerate().filter(held).map(|(_, scope)| scope.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn another_scope_never_takes_a_permission_away(endpoint in any::<prop::sample::Index>(), held: u64, more: u64) {
        let (mut policy, table) = (policy(), table());
        let endpoint = endpoint.get(&table.endpoints);
        let mut allowed = |scopes: &ScopeSet| {
            let input = PolicyInput { method: &endpoint.method, route: &endpoint.path, authenticated: true, scopes };
            policy.evaluate(&input).unwrap() == Decision::Allow
        };
        let (few, many) = (chosen(&table, held), chosen(&table, held | more));
        prop_assert!(!allowed(&few) || allowed(&many));
    }

    #[test]
    fn scopes_without_a_token_open_nothing_that_is_not_open(endpoint in any::<prop::sample::Index>(), held: u64) {
        let (mut policy, table) = (policy(), table());
        let endpoint = endpoint.get(&table.endpoints);
        let scopes = chosen(&table, held);
        let input =
            PolicyInput { method: &endpoint.method, route: &endpoint.path, authenticated: false, scopes: &scopes };
        let expected = match endpoint.access {
            Access::Bearer => Decision::Deny(Denial::Unauthenticated),
            Access::Public | Access::Client | Access::Edge => Decision::Allow,
        };
        prop_assert_eq!(policy.evaluate(&input).unwrap(), expected);
    }

    #[test]
    fn routes_that_are_not_listed_are_denied_by_both(method in "[A-Z]{0,8}|\\PC{0,8}", route in "\\PC{0,60}") {
        let (mut policy, table) = (policy(), table());
        let scopes = chosen(&table, u64::MAX);
        let input = PolicyInput { method: &method, route: &route, authenticated: true, scopes: &scopes };
        prop_assume!(table.find(&method, &route).is_none());
        prop_assert_eq!(policy.evaluate(&input).unwrap(), Decision::Deny(Denial::UnknownEndpoint));
        prop_assert_eq!(table.decide(&input), Decision::Deny(Denial::UnknownEndpoint));
    }
}

#[test]
fn lookalikes_of_a_listed_route_are_denied() {
    let (mut policy, table) = (policy(), table());
    let scopes = chosen(&table, u64::MAX);
    for (method, route) in [
        ("get", "/api/v1/agents"),
        ("GET ", "/api/v1/agents"),
        ("GET", "/api/v1/agents/"),
        ("GET", "//api/v1/agents"),
        ("GET", "/API/v1/agents"),
        ("GET", "/api/v1/agents/0198c5a4-0000-7000-8000-00000000000a"),
        ("GET", "/api/v1/agents/{agentid}"),
        ("GET /api/v1/agents", ""),
        ("HEAD", "/api/v1/agents"),
        ("OPTIONS", "/api/v1/agents"),
    ] {
        let input = PolicyInput { method, route, authenticated: true, scopes: &scopes };
        assert_eq!(
            policy.evaluate(&input).unwrap(),
            Decision::Deny(Denial::UnknownEndpoint),
            "{method} {route}"
        );
        assert_eq!(table.decide(&input), Decision::Deny(Denial::UnknownEndpoint), "{method} {route}");
    }
}

/// Whoever holds a token may pass on what is in it, take that back, and have one looked at.
const FOR_ANY_TOKEN: [&str; 3] = ["delegate", "revoke_delegation", "verify_delegation"];

#[test]
fn every_protected_endpoint_names_the_scopes_it_lacks() {
    let (mut policy, table) = (policy(), table());
    let none = ScopeSet::empty();
    for endpoint in table.endpoints.iter().filter(|endpoint| endpoint.access == Access::Bearer) {
        let takes_any = endpoint.scopes.is_empty() && endpoint.any_of.is_empty();
        assert_eq!(takes_any, FOR_ANY_TOKEN.contains(&&*endpoint.operation), "{}", endpoint.operation);
        let input = PolicyInput {
            method: &endpoint.method,
            route: &endpoint.path,
            authenticated: true,
            scopes: &none,
        };
        let expected = if takes_any {
            Decision::Allow
        } else if endpoint.scopes.is_empty() {
            Decision::Deny(Denial::InsufficientScope { required: endpoint.any_of.clone(), any: true })
        } else {
            Decision::Deny(Denial::InsufficientScope { required: endpoint.scopes.clone(), any: false })
        };
        assert_eq!(policy.evaluate(&input).unwrap(), expected, "{}", endpoint.operation);
    }
}

#[test]
fn one_of_several_scopes_is_enough_where_the_table_says_so() {
    let (mut policy, table) = (policy(), table());
    let some = table.endpoints.iter().filter(|endpoint| !endpoint.any_of.is_empty());
    let mut tried = 0;
    for endpoint in some {
        for scope in endpoint.any_of.iter() {
            let held: ScopeSet = endpoint.scopes.iter().chain([scope]).cloned().collect();
            let input = PolicyInput {
                method: &endpoint.method,
                route: &endpoint.path,
                authenticated: true,
                scopes: &held,
            };
            assert_eq!(policy.evaluate(&input).unwrap(), Decision::Allow, "{} {scope}", endpoint.operation);
            assert_eq!(table.decide(&input), Decision::Allow, "{} {scope}", endpoint.operation);
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn an_edge_of_the_first_version_leaves_rows_of_several_scopes_to_the_control_plane() {
    let first = table().in_first_version();
    assert!(first.endpoints.iter().all(|endpoint| endpoint.any_of.is_empty()));
    assert!(!serde_json::to_string(&first).unwrap().contains("anyOf"));
    assert_eq!(first.endpoints.len(), table().endpoints.len());
    let told = Change::Policy { endpoints: table() }.in_first_version().unwrap();
    assert!(!serde_json::to_string(&told).unwrap().contains("anyOf"));
}

#[test]
fn data_with_unknown_members_or_kinds_is_refused_at_load() {
    for data in [
        "",
        "[]",
        "{}",
        r#"{"scopes": [], "endpoints": [], "extra": 1}"#,
        r#"{"scopes": ["a b"], "endpoints": []}"#,
        r#"{"scopes": [], "endpoints": [{"operation": "x", "method": "GET", "path": "/", "access": "anyone"}]}"#,
        r#"{"scopes": [], "endpoints": [{"operation": "x", "method": "GET", "path": "/"}]}"#,
    ] {
        assert!(RegoPolicy::new(POLICY, data).is_err(), "{data}");
    }
}
