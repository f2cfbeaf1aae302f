//! What was seen.

use std::time::Duration;

use serde_json::{Value, json};

#[derive(Debug, Default, Clone)]
pub struct Measured {
    /// Of those that came out right, in seconds.
    pub verified: Vec<f64>,
    pub issued: Vec<f64>,
    /// Of those verified: how many tokens were of a key that was not the newest any more.
    pub by_replaced_key: usize,
    /// `verified` or `issued`, and what came instead.
    pub failures: Vec<(&'static str, String)>,
}

impl Measured {
    pub fn note(&mut self, what: &'static str, took: Duration, outcome: Result<(), String>) {
        let times = if what == "verified" { &mut self.verified } else { &mut self.issued };
        match outcome {
            Ok(()) => times.push(took.as_secs_f64()),
            Err(failure) => self.failures.push((what, failure)),
        }
    }

    /// For people.
    pub fn line(&self) -> String {
        let [_, verify] = percentiles(&self.verified);
        let [_, issue] = percentiles(&self.issued);
        format!(
            "{} verified (p99 {:.1} ms), {} issued (p99 {:.1} ms), {} failures",
            self.verified.len(),
            verify * 1_000.0,
            self.issued.len(),
            issue * 1_000.0,
            self.failures.len()
        )
    }

    pub fn json(&self) -> Value {
        let of = |times: &[f64]| {
            let [p50, p99] = percentiles(times);
            json!({"requests": times.len(), "p50Seconds": p50, "p99Seconds": p99})
        };
        json!({
            "verified": of(&self.verified),
            "issued": of(&self.issued),
            "verifiedOfReplacedKeys": self.by_replaced_key,
            "failures": self.failures.iter().map(|(what, failure)| format!("{what}: {failure}")).collect::<Vec<_>>(),
        })
    }
}

/// The median, and the 99th of a hundred; zero of nothing.
pub fn percentiles(times: &[f64]) -> [f64; 2] {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    [50, 99].map(|percent| {
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let times: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert!(percentiles(&times).iter().zip([100.0, 198.0]).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!(percentiles(&[]).iter().all(|time| time.abs() < 1e-9));
    }

    #[test]
    fn a_failure_is_no_measurement() {
        let mut measured = Measured::default();
        measured.note("verified", Duration::from_secs(1), Err("401".into()));
        measured.note("issued", Duration::from_secs(1), Ok(()));
        assert_eq!((measured.verified.len(), measured.issued.len(), measured.failures.len()), (0, 1, 1));
    }
}
