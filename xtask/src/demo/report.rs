//! What happened and how long it took, for people and for machines.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

/// How long the edge went on accepting revoked tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    pub trials: usize,
    pub min: Duration,
    pub median: Duration,
    pub max: Duration,
}

impl Revocation {
    /// `None` without measurements.
    pub fn of(mut measured: Vec<Duration>) -> Option<Self> {
        measured.sort();
        let trials = measured.len();
        let middle = trials / 2;
        let upper = *measured.get(middle)?;
        let median = match trials % 2 {
            0 => (*measured.get(middle.checked_sub(1)?)? + upper) / 2,
            _ => upper,
        };
        Some(Self { trials, min: *measured.first()?, median, max: *measured.last()? })
    }
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    took: Duration,
    held: bool,
    details: Vec<String>,
}

/// The steps so far.
#[derive(Debug)]
pub struct Report {
    json: bool,
    steps: Vec<Step>,
    pub revocation: Option<Revocation>,
}

impl Report {
    pub fn new(json: bool) -> Self {
        Self { json, steps: Vec::new(), revocation: None }
    }

    /// Records a step, shows it unless a machine reads, and hands its value on.
    pub fn take<T>(
        &mut self,
        name: &'static str,
        took: Duration,
        result: Result<(T, Vec<String>)>,
    ) -> Result<T> {
        let (outcome, held, details) = match result {
            Ok((value, details)) => (Ok(value), true, details),
            Err(error) => {
                let details = vec![format!("{error:#}")];
                (Err(error), false, details)
            }
        };
        let step = Step { name, took, held, details };
        if !self.json {
            show(self.steps.len() + 1, &step);
        }
        self.steps.push(step);
        outcome
    }

    pub fn held(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|step| step.held)
    }

    /// Everything, for `--json`.
    pub fn to_json(&self, took: Duration) -> Value {
        json!({
            "ok": self.held(),
            "milliseconds": milliseconds(took),
            "revocation": self.revocation.as_ref().map(|revocation| json!({
                "trials": revocation.trials,
                "minMilliseconds": milliseconds(revocation.min),
                "medianMilliseconds": milliseconds(revocation.median),
                "maxMilliseconds": milliseconds(revocation.max),
            })),
            "steps": self.steps.iter().map(|step| json!({
                "name": step.name,
                "ok": step.held,
                "milliseconds": milliseconds(step.took),
                "details": step.details,
            })).collect::<Vec<_>>(),
        })
    }
}

/// To a tenth.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

#[expect(clippy::print_stdout, reason = "the demo's result")]
fn show(number: usize, step: &Step) {
    let mark = if step.held { "✓" } else { "✗" };
    println!("{mark} {number:>2}. {} ({} ms)", step.name, milliseconds(step.took));
    for detail in &step.details {
        println!("       {detail}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(values: &[u64]) -> Vec<Duration> {
        values.iter().map(|value| Duration::from_millis(*value)).collect()
    }

    #[test]
    fn median_of_even_and_odd_numbers_of_trials() {
        let odd = Revocation::of(ms(&[30, 10, 20])).unwrap();
        assert_eq!((odd.min, odd.median, odd.max), (ms(&[10])[0], ms(&[20])[0], ms(&[30])[0]));
        assert_eq!(Revocation::of(ms(&[10, 20, 30, 40])).unwrap().median, ms(&[25])[0]);
        assert_eq!(Revocation::of(Vec::new()), None);
    }

    #[test]
    fn one_failed_step_fails_the_report_and_is_told() {
        let mut report = Report::new(true);
        report.take("good", Duration::ZERO, Ok(((), Vec::new()))).unwrap();
        assert!(report.held());
        report.take::<()>("bad", Duration::ZERO, Err(anyhow::anyhow!("why"))).unwrap_err();
        let json = report.to_json(Duration::from_millis(1));
        assert_eq!((&json["ok"], &json["steps"][1]["details"][0]), (&json!(false), &json!("why")));
    }

    #[test]
    fn a_report_without_steps_does_not_hold() {
        assert!(!Report::new(true).held());
    }
}
