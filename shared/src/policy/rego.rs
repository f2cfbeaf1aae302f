//! The Rego policy, in process. Whatever goes wrong, the answer is "no".

use regorus::{Engine, Value};

use super::{Decision, Denial, EndpointTable, PolicyInput};

/// The rule that is asked.
const RULE: &str = "data.agentidp.authz.decision";

#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("the policy does not compile: {0}")]
    Rego(String),
    #[error("the policy data is not valid: {0}")]
    Data(#[from] serde_json::Error),
    #[error("the policy gave no decision")]
    NoDecision,
}

/// A compiled policy with its data. Cheap to clone; a clone evaluates on its own.
#[derive(Debug, Clone)]
pub struct RegoPolicy {
    engine: Engine,
    table: EndpointTable,
}

impl RegoPolicy {
    /// `policy` is Rego source, `data` the JSON of an [`EndpointTable`]. Evaluates once, so that a broken policy is found
    /// here and not at the first request.
    pub fn new(policy: &str, data: &str) -> Result<Self, PolicyError> {
        let table: EndpointTable = serde_json::from_str(data)?;
        let by_route: serde_json::Map<String, serde_json::Value> = table
            .endpoints
            .iter()
            .map(|endpoint| {
                Ok((format!("{} {}", endpoint.method, endpoint.path), serde_json::to_value(endpoint)?))
            })
            .collect::<Result<_, serde_json::Error>>()?;
        let data = serde_json::json!({ "endpoints": by_route }).to_string();

        let rego = |error: &dyn std::fmt::Display| PolicyError::Rego(error.to_string());
        let mut engine = Engine::new();
        engine.add_policy("authz.rego".to_owned(), policy.to_owned()).map_err(|error| rego(&error))?;
        engine
            .add_data(Value::from_json_str(&data).map_err(|error| rego(&error))?)
            .map_err(|error| rego(&error))?;
        let mut policy = Self { engine, table };
        policy.evaluate(&PolicyInput {
            method: "",
            route: "",
            authenticated: false,
            scopes: &ScopeSet::empty(),
        })?;
        Ok(policy)
    }

    pub fn table(&self) -> &EndpointTable {
        &self.table
    }

    pub fn evaluate(&mut self, input: &PolicyInput<'_>) -> Result<Decision, PolicyError> {
        let input = serde_json::to_string(input)?;
        let rego = |error: &dyn std::fmt::Display| PolicyError::Rego(error.to_string());
        self.engine.set_input(Value::from_json_str(&input).map_err(|error| rego(&error))?);
        let decision = self.engine.eval_rule(RULE.to_owned()).map_err(|error| rego(&error))?;
        let decision = decision.to_json_str().map_err(|error| rego(&error))?;
        let answer: Answer = serde_json::from_str(&decision).map_err(|_| PolicyError::NoDecision)?;
        Ok(match (answer.allow, answer.reason.as_deref()) {
            (true, None) => Decision::Allow,
            (false, Some("unauthenticated")) => Decision::Deny(Denial::Unauthenticated),
            (false, Some("insufficient_scope")) => {
                Decision::Deny(Denial::InsufficientScope { required: answer.required, any: answer.any })
            }
            (false, _) => Decision::Deny(Denial::UnknownEndpoint),
            (true, Some(_)) => return Err(PolicyError::NoDecision),
        })
    }
}

use crate::scopes::ScopeSet;

#[derive(serde::Deserialize)]
struct Answer {
    allow: bool,
    reason: Option<String>,
    #[serde(default)]
    required: ScopeSet,
    #[serde(default)]
    any: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scopes::Scope;

    const POLICY: &str = include_str!("../../../policies/authz.rego");
    const DATA: &str = include_str!("../../../policies/data/scopes.json");

    fn policy() -> RegoPolicy {
        RegoPolicy::new(POLICY, DATA).unwrap()
    }

    #[test]
    fn a_route_that_is_not_listed_is_denied_even_with_every_scope() {
        let mut policy = policy();
        let every: ScopeSet = policy.table().scopes.iter().cloned().collect();
        let input = PolicyInput { method: "GET", route: "/not/listed", authenticated: true, scopes: &every };
        assert_eq!(policy.evaluate(&input).unwrap(), Decision::Deny(Denial::UnknownEndpoint));
    }

    #[test]
    fn every_endpoint_asks_only_for_known_scopes_and_is_listed_once() {
        let table = policy().table().clone();
        let known: ScopeSet = table.scopes.iter().cloned().collect();
        let mut seen = std::collections::HashSet::new();
        for endpoint in &table.endpoints {
            assert!(endpoint.scopes.is_subset_of(&known), "{}", endpoint.operation);
            assert!(seen.insert((&endpoint.method, &endpoint.path)), "{} {}", endpoint.method, endpoint.path);
        }
    }

    #[test]
    fn the_scopes_that_come_with_it_are_those_that_no_other_api_can_have() {
        let table = policy().table().clone();
        assert!(table.scopes.iter().all(Scope::is_built_in), "{:?}", table.scopes);
    }

    #[test]
    fn a_policy_that_does_not_compile_is_refused_at_load() {
        assert!(matches!(
            RegoPolicy::new("package agentidp.authz\nallow if {", DATA),
            Err(PolicyError::Rego(_))
        ));
        assert!(RegoPolicy::new("package other", DATA).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn compiled_table_and_rego_agree(endpoint in 0_usize..64, held in any::<u64>(), authenticated: bool, wrong_method in 0..8) {
            let mut policy = policy();
            let table = policy.table().clone();
            let endpoint = &table.endpoints[endpoint % table.endpoints.len()];
            let scopes: ScopeSet = table.scopes.iter().enumerate().filter(|(i, _)| held >> i & 1 == 1).map(|(_, s)| s.clone()).collect();
            let method = if wrong_method == 0 { "TRACE" } else { &endpoint.method };
            let input = PolicyInput { method, route: &endpoint.path, authenticated, scopes: &scopes };
            prop_assert_eq!(policy.evaluate(&input).unwrap(), table.decide(&input));
        }
    }
}
