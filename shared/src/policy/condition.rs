//! A condition of an operator's own, in Rego: one rule that must be `true`. Whatever goes wrong, it is not.
//!
//! Evaluation is bounded by steps and not by the clock: on some hosts the clock stands still while code runs.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::Duration;

use regorus::utils::limits::{ExecutionTimerConfig, TimeSource, set_time_source};
use regorus::{Engine, Value};

use super::PolicyError;

/// Most steps of one evaluation: some milliseconds.
pub const MAX_STEPS: u64 = 20_000;

/// The engine's clock, whose nanoseconds are the steps that were taken.
struct Steps;

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

impl TimeSource for Steps {
    fn now(&self) -> Option<Duration> {
        Some(Duration::from_nanos(TAKEN.replace(TAKEN.get().wrapping_add(1))))
    }
}

/// Whether the engine counts steps; it takes one clock for good.
fn counts_steps() -> bool {
    static SET: OnceLock<bool> = OnceLock::new();
    *SET.get_or_init(|| set_time_source(&Steps).is_ok())
}

fn limit() -> ExecutionTimerConfig {
    ExecutionTimerConfig { limit: Duration::from_nanos(MAX_STEPS), check_interval: NonZeroU32::MIN }
}

/// Compiled modules and the rule that is asked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Condition {
    engine: Engine,
    entrypoint: String,
}

impl Condition {
    /// `modules` are Rego sources by name; `entrypoint` is the path of the rule, for example `data.orders.allow`.
    pub fn new(modules: &BTreeMap<String, String>, entrypoint: &str) -> Result<Self, PolicyError> {
        let rego = |error: &dyn std::fmt::Display| PolicyError::Rego(error.to_string());
        if !counts_steps() {
            return Err(PolicyError::Rego("its evaluation cannot be bounded here".to_owned()));
        }
        let mut engine = Engine::new();
        engine.set_execution_timer_config(limit());
        for (name, source) in modules {
            engine.add_policy(name.clone(), source.clone()).map_err(|error| rego(&error))?;
        }
        engine.compile_with_entrypoint(&entrypoint.into()).map_err(|error| rego(&error))?;
        Ok(Self { engine, entrypoint: entrypoint.to_owned() })
    }

    /// Whether the rule is exactly `true` for this input.
    pub fn holds(&self, input: &serde_json::Value) -> Result<bool, PolicyError> {
        let rego = |error: &dyn std::fmt::Display| PolicyError::Rego(error.to_string());
        let input = Value::from_json_str(&input.to_string()).map_err(|error| rego(&error))?;
        // A clone shares the compiled rules and begins with no steps taken.
        let mut engine = self.engine.clone();
        engine.set_input(input);
        let value = engine.eval_rule(self.entrypoint.clone()).map_err(|error| rego(&error))?;
        Ok(value == Value::from(true))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn condition(source: &str) -> Result<Condition, PolicyError> {
        Condition::new(&BTreeMap::from([("own.rego".to_owned(), source.to_owned())]), "data.own.allow")
    }

    #[test]
    fn only_true_is_true() {
        let holds = |body: &str| {
            condition(&format!("package own\nimport rego.v1\n{body}")).unwrap().holds(&json!({"n": 1}))
        };
        assert!(holds("allow if input.n == 1").unwrap());
        assert!(holds("default allow := false\nallow if input.n == 1").unwrap());
        for body in [
            "allow if input.n == 2",
            "allow := 1",
            "allow := \"true\"",
            "allow := [true]",
            "allow := input.missing",
            "default allow := false\nallow if input.n > 1",
        ] {
            assert!(!holds(body).unwrap_or(false), "{body}");
        }
    }

    #[test]
    fn modules_import_one_another() {
        let modules = BTreeMap::from([
            ("own.rego".to_owned(), "package own\nimport rego.v1\nallow if data.hours.open".to_owned()),
            ("hours.rego".to_owned(), "package hours\nimport rego.v1\nopen if input.hour < 18".to_owned()),
        ]);
        let condition = Condition::new(&modules, "data.own.allow").unwrap();
        assert!(condition.holds(&json!({"hour": 9})).unwrap());
        assert!(!condition.holds(&json!({"hour": 19})).unwrap());
    }

    #[test]
    fn a_condition_that_does_not_compile_or_is_not_there_is_refused_at_load() {
        for source in ["package own\nallow if {", "package other\nimport rego.v1\nallow if true", ""] {
            assert!(condition(source).is_err(), "{source}");
        }
    }

    #[test]
    fn endless_policy_attack_evaluation_is_bounded() {
        let source = "package own\nimport rego.v1\nallow if {\n  some a in input.n\n  some b in input.n\n  some c in input.n\n  some d in input.n\n  a + b + c + d == -1\n}";
        let condition = condition(source).unwrap();
        let numbers: Vec<u32> = (0..200).collect();
        let error = condition.holds(&json!({"n": numbers})).unwrap_err().to_string();
        assert!(error.contains("limit"), "{error}");
        // And the next evaluation begins anew.
        assert!(!condition.holds(&json!({"n": [1]})).unwrap());
    }

    #[test]
    fn conditions_keep_nothing_of_earlier_inputs() {
        let condition = condition("package own\nimport rego.v1\nallow if input.ok").unwrap();
        for ok in [true, false, true, false] {
            assert_eq!(condition.holds(&json!({"ok": ok})).unwrap(), ok);
        }
    }
}
