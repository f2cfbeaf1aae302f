//! What was measured, as a table for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use crate::compare::{Pairs, Spread};
use crate::load::{Sample, micros_together, percentile};

/// What a row is to reach.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// A figure to know, which nothing is asked of.
    None,
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(goal) => value >= goal,
            Self::AtMost(goal) => value <= goal,
            Self::None => true,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(goal) => format!("≥ {}", number(goal)),
            Self::AtMost(goal) => format!("≤ {}", number(goal)),
            Self::None => String::new(),
        }
    }
}

/// One side of a row: medians over its samples, and percentiles of all their answers together.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// CPU seconds of each process for a thousand requests, which is milliseconds for one.
    cpu_seconds_per_1000: BTreeMap<&'static str, f64>,
    /// The most that each had resident; of several processes, at the end of a round.
    peak_memory_mib: BTreeMap<&'static str, u64>,
    /// How many, by what happened instead of the answer that was due.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    failures: BTreeMap<String, usize>,
}

impl Figures {
    pub fn of(samples: &[Sample]) -> Self {
        let names = samples.first().map(|sample| sample.cpu_ms.keys().copied().collect::<Vec<_>>());
        let cpu =
            |name| Spread::of(samples.iter().filter_map(|sample| sample.cpu_ms.get(name).copied())).median;
        let mut memory = BTreeMap::new();
        for (name, mib) in samples.iter().flat_map(|sample| &sample.memory_mib) {
            let most: &mut u64 = memory.entry(*name).or_default();
            *most = (*most).max(*mib);
        }
        let mut failures = BTreeMap::new();
        for (what, count) in samples.iter().flat_map(|sample| &sample.failures) {
            *failures.entry(what.clone()).or_default() += count;
        }
        let micros = micros_together(samples);
        Self {
            per_second: Spread::of(samples.iter().map(|sample| sample.per_second)).median,
            p50_ms: percentile(&micros, 50),
            p99_ms: percentile(&micros, 99),
            cpu_seconds_per_1000: names
                .unwrap_or_default()
                .into_iter()
                .map(|name| (name, cpu(name)))
                .collect(),
            peak_memory_mib: memory,
            failures,
        }
    }

    /// Of one load among several, when what a process spends cannot be told apart.
    pub fn without_cpu(sample: &Sample) -> Self {
        Self { cpu_seconds_per_1000: BTreeMap::new(), ..Self::of(std::slice::from_ref(sample)) }
    }

    fn text(&self) -> String {
        let cpu: Vec<String> =
            self.cpu_seconds_per_1000.iter().map(|(name, seconds)| format!("{name} {seconds:.3}")).collect();
        let mut text =
            format!("{:.0}/s, p50 {:.2} ms, p99 {:.2} ms", self.per_second, self.p50_ms, self.p99_ms);
        if !cpu.is_empty() {
            let _ = write!(text, ", CPU {}", cpu.join(" + "));
        }
        let memory: Vec<String> = self.peak_memory_mib.values().map(u64::to_string).collect();
        if !memory.is_empty() {
            let _ = write!(text, ", {} MiB", memory.join(" + "));
        }
        for (what, count) in &self.failures {
            let _ = write!(text, ", {count} FAILED ({what})");
        }
        text
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    bench: &'static str,
    shape: String,
    /// What is compared with the goal, in words.
    measure: String,
    value: Spread,
    goal: Goal,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ours: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<Figures>,
}

impl Row {
    pub fn new(
        bench: &'static str,
        shape: impl Into<String>,
        measure: impl Into<String>,
        value: Spread,
        goal: Goal,
    ) -> Self {
        let ok = goal.is_met(value.median);
        Self { bench, shape: shape.into(), measure: measure.into(), value, goal, ok, ours: None, peer: None }
    }

    /// Requests per CPU second, ours by the peer's.
    pub fn compared(bench: &'static str, shape: impl Into<String>, pairs: &Pairs, goal: Goal) -> Self {
        Self::new(bench, shape, "× requests per CPU second", pairs.per_cpu_second(), goal)
            .ours(Figures::of(&pairs.ours))
            .peer(Figures::of(&pairs.peer))
    }

    pub fn ours(mut self, figures: Figures) -> Self {
        self.ok &= figures.failures.is_empty();
        self.ours = Some(figures);
        self
    }

    pub fn peer(mut self, figures: Figures) -> Self {
        self.ok &= figures.failures.is_empty();
        self.peer = Some(figures);
        self
    }

    fn verdict(&self) -> &'static str {
        match (self.goal, self.ok) {
            (Goal::None, true) => "",
            (_, true) => "ok",
            (_, false) => "short",
        }
    }

    fn print(&self) {
        let Spread { median, low, high } = self.value;
        println!(
            "  {:<17} {:<34} {:>8} {:<27} {:>8}–{:<8} {:<9} {}",
            self.bench,
            self.shape,
            number(median),
            self.measure,
            number(low),
            number(high),
            self.goal.text(),
            self.verdict()
        );
        for (name, figures) in [("ours", &self.ours), ("peer", &self.peer)] {
            if let Some(figures) = figures {
                println!("  {:<17}   {name}: {}", "", figures.text());
            }
        }
    }

    fn markdown(&self) -> String {
        let Spread { median, low, high } = self.value;
        let side = |figures: &Option<Figures>| figures.as_ref().map(Figures::text).unwrap_or_default();
        format!(
            "| {} | {} | {} {} ({}–{}) | {} | {} | {} | {} |\n",
            self.bench,
            self.shape,
            number(median),
            self.measure,
            number(low),
            number(high),
            self.goal.text(),
            self.verdict(),
            side(&self.ours),
            side(&self.peer)
        )
    }
}

/// Three digits that matter.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

/// Two runs of the same, compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    pub ratios: usize,
    /// Those that are further apart than [`TOLERANCE`](Self::TOLERANCE), in words.
    pub apart: Vec<String>,
}

impl Agreement {
    /// How much more one of two figures may be than the other.
    const TOLERANCE: f64 = 0.15;

    pub fn print(&self) {
        let agree = self.ratios - self.apart.len();
        println!("  {agree} of {} ratios are within 15 % of the run before", self.ratios);
        self.apart.iter().for_each(|what| println!("    apart: {what}"));
    }
}

/// All rows so far. Each is printed when it is there.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub fn add(&mut self, row: Row) {
        row.print();
        self.rows.push(row);
    }

    pub fn short(&self) -> usize {
        self.rows.iter().filter(|row| !row.ok).count()
    }

    pub fn print_again(&self) {
        self.rows.iter().for_each(Row::print);
        println!("  {} rows, {} short of their goal", self.rows.len(), self.short());
    }

    /// How the ratios of this run stand to those of an earlier one, as [`json`](Self::json) told it; `None` if that run measured
    /// something else.
    pub fn agreement_with(&self, earlier: &Value) -> Option<Agreement> {
        let earlier = earlier["rows"].as_array().filter(|rows| rows.len() == self.rows.len())?;
        let mut agreement = Agreement::default();
        for (row, before) in self.rows.iter().zip(earlier) {
            if before["bench"] != row.bench || before["measure"] != row.measure.as_str() {
                return None;
            }
            if !row.measure.starts_with('×') {
                continue;
            }
            agreement.ratios += 1;
            let (before, now) = (before["value"]["median"].as_f64()?, row.value.median);
            if before.max(now) / before.min(now) > 1.0 + Agreement::TOLERANCE {
                let (before, now) = (number(before), number(now));
                agreement.apart.push(format!("{}, {}: {before} before, {now} now", row.bench, row.shape));
            }
        }
        Some(agreement)
    }

    pub fn json(&self, facts: &BTreeMap<&'static str, String>) -> Value {
        json!({ "machine": facts, "rows": self.rows })
    }

    pub fn markdown(&self, facts: &BTreeMap<&'static str, String>) -> String {
        let mut text = String::from(
            "| bench | shape | measured (low–high) | goal | | ours | peer |\n|---|---|---|---|---|---|---|\n",
        );
        text.extend(self.rows.iter().map(Row::markdown));
        let facts: Vec<String> = facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let _ = writeln!(text, "\nMachine: {}. CPU is seconds per 1 000 requests.", facts.join(", "));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ratio: f64, seconds: f64) -> Report {
        let row = |measure, median| {
            Row::new("scale", "so many", measure, Spread { median, low: median, high: median }, Goal::None)
        };
        Report { rows: vec![row("× CPU of the least", ratio), row("s, p50", seconds)] }
    }

    #[test]
    fn runs_agree_by_their_ratios_and_by_nothing_else() {
        let earlier = report(1.0, 5.0).json(&BTreeMap::new());
        let agreement = |ratio| report(ratio, 1.0).agreement_with(&earlier).unwrap();
        assert_eq!((agreement(1.14).ratios, agreement(1.14).apart.len()), (1, 0));
        assert_eq!((agreement(0.88).apart.len(), agreement(0.86).apart.len()), (0, 1));
        assert_eq!(agreement(1.16).apart, ["scale, so many: 1.00 before, 1.16 now"]);
    }

    #[test]
    fn runs_of_something_else_are_not_compared() {
        let mut fewer = report(1.0, 5.0);
        fewer.rows.pop();
        assert_eq!(report(1.0, 5.0).agreement_with(&fewer.json(&BTreeMap::new())), None);
        assert_eq!(report(1.0, 5.0).agreement_with(&json!({"rows": "?"})), None);
    }
}
