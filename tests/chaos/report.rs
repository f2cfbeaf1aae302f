//! What is printed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::invariants::{Case, Verdict, jobs};
use crate::killer::{Recoveries, Strike};
use crate::ledger::{Kind, Outcome};
use crate::options::Options;
use crate::sabotage::Tried;

/// Violations of one check that are shown.
const SHOWN: usize = 10;

struct Row {
    kind: Kind,
    acknowledged: usize,
    refused: usize,
    happened: usize,
    did_not: usize,
}

pub struct Report {
    seed: u64,
    lasted: Duration,
    kills: [usize; 2],
    recoveries: Recoveries,
    rows: Vec<Row>,
    events: i64,
    changes: i64,
    jobs: (i64, i64),
    edges: Vec<Value>,
    heads: usize,
    pub verdicts: Vec<Verdict>,
    pub tried: Vec<Tried>,
}

impl Report {
    pub async fn new(options: &Options, lasted: Duration, recoveries: Recoveries, case: &Case<'_>) -> Self {
        let happened = case.happened().await;
        let entries = &case.ledger.entries;
        let rows = case.ledger.counts().into_iter().map(|(kind, [acknowledged, in_doubt, refused])| {
            let in_doubt_and_happened = |entry: &&crate::ledger::Entry| {
                entry.kind == kind && entry.outcome == Outcome::InDoubt && happened.contains(&entry.mark)
            };
            let happened = entries.iter().filter(in_doubt_and_happened).count();
            Row { kind, acknowledged, refused, happened, did_not: in_doubt - happened }
        });
        let edges = case.edges.iter().map(|seen| {
            let sequence = seen.state.as_ref().map_or(0, agentidp_shared::state::State::sequence);
            json!({"sequence": sequence, "changes": seen.changes.len(), "batches": seen.batches, "snapshots": seen.snapshots})
        });
        let (mut database, count) = (case.database().await, "select count(*) from audit_events");
        Self {
            seed: options.seed,
            lasted,
            kills: [options.kills, options.database_kills],
            recoveries,
            rows: rows.collect(),
            events: sqlx::query_scalar(count).fetch_one(&mut database).await.unwrap(),
            changes: sqlx::query_scalar("select count(*) from edge_feed")
                .fetch_one(&mut database)
                .await
                .unwrap(),
            jobs: jobs::counts(case).await,
            edges: edges.collect(),
            heads: case.heads.len(),
            verdicts: Vec::new(),
            tried: Vec::new(),
        }
    }

    pub fn is_good(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.violations.is_empty())
            && self.tried.iter().all(|tried| tried.missed_by.is_empty())
    }

    /// As soon as it is known.
    pub fn show_verdict(verdict: &Verdict) {
        eprintln!("  {}", line(verdict));
        for violation in verdict.violations.iter().take(SHOWN) {
            eprintln!("      {violation}");
        }
    }

    /// Median, 99th of a hundred, and longest, by what was killed.
    fn recovery(&self) -> Vec<(Strike, usize, [Duration; 3])> {
        [Strike::ControlPlane, Strike::ControlPlaneTwice, Strike::Database, Strike::Both]
            .into_iter()
            .filter_map(|strike| {
                let of_strike = self.recoveries.iter().filter(|(which, _)| *which == strike);
                let mut all: Vec<Duration> = of_strike.map(|(_, took)| *took).collect();
                all.sort();
                let last = *all.last()?;
                Some((strike, all.len(), [percentile(&all, 50), percentile(&all, 99), last]))
            })
            .collect()
    }

    pub fn print(&self, as_json: bool) {
        if as_json {
            println!("{}", self.json());
            return;
        }
        println!(
            "\n{:<22} {:>12} {:>8} {:>20} {:>20}",
            "asked", "acknowledged", "refused", "in doubt: happened", "in doubt: did not"
        );
        for row in &self.rows {
            let Row { kind, acknowledged, refused, happened, did_not } = row;
            println!("{:<22} {acknowledged:>12} {refused:>8} {happened:>20} {did_not:>20}", kind.name());
        }
        println!(
            "\n{:<42} {:>6} {:>9} {:>9} {:>9}",
            "killed: a token again after", "times", "p50", "p99", "longest"
        );
        for (strike, times, took) in self.recovery() {
            let [p50, p99, longest] = took.map(|took| format!("{:.2} s", took.as_secs_f64()));
            println!("{:<42} {times:>6} {p50:>9} {p99:>9} {longest:>9}", strike.name());
        }
        println!();
        for verdict in &self.verdicts {
            println!("{}", line(verdict));
        }
        let found = self.tried.iter().filter(|tried| tried.missed_by.is_empty()).count();
        println!("\n{found} of {} kinds of damage done on purpose were found", self.tried.len());
        println!(
            "{} events, {} changes of the feed, {} signed heads kept; {} jobs done, {} of them taken up again",
            self.events, self.changes, self.heads, self.jobs.0, self.jobs.1
        );
        let violations: usize = self.verdicts.iter().map(|verdict| verdict.violations.len()).sum();
        println!(
            "{} + {} kills in {:.0} s, seed {}: {violations} violations",
            self.kills[0],
            self.kills[1],
            self.lasted.as_secs_f64(),
            self.seed
        );
    }

    fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "request": row.kind.name(), "acknowledged": row.acknowledged, "refused": row.refused,
                "inDoubtHappened": row.happened, "inDoubtDidNot": row.did_not,
            })
        });
        let recovery = self.recovery().into_iter().map(|(strike, times, took)| {
            let [p50, p99, longest] = took.map(|took| took.as_secs_f64());
            json!({"killed": strike.name(), "times": times, "p50Seconds": p50, "p99Seconds": p99, "longestSeconds": longest})
        });
        let invariants = self.verdicts.iter().map(|verdict| {
            json!({"invariant": verdict.name, "checked": verdict.checked, "violations": verdict.violations})
        });
        let damages = self.tried.iter().map(|tried| {
            let missed: Vec<String> =
                tried.missed_by.iter().map(|invariant| format!("{invariant:?}")).collect();
            json!({"damage": tried.what, "missedBy": missed})
        });
        json!({
            "seed": self.seed,
            "seconds": self.lasted.as_secs_f64(),
            "kills": self.kills[0],
            "databaseKills": self.kills[1],
            "requests": rows.collect::<Vec<_>>(),
            "recovery": recovery.collect::<Vec<_>>(),
            "auditEvents": self.events,
            "feedChanges": self.changes,
            "edges": self.edges,
            "signedHeads": self.heads,
            "jobsDone": self.jobs.0,
            "jobsTakenAgain": self.jobs.1,
            "invariants": invariants.collect::<Vec<_>>(),
            "damages": damages.collect::<Vec<_>>(),
            "good": self.is_good(),
        })
    }
}

fn line(verdict: &Verdict) -> String {
    let result = match verdict.violations.len() {
        0 => "ok".to_owned(),
        count => format!("{count} VIOLATIONS"),
    };
    format!("{:<78} {:>8} checked  {result}", verdict.name, verdict.checked)
}

pub fn show_tried(tried: &Tried) {
    if tried.missed_by.is_empty() {
        eprintln!("  found: {}", tried.what);
    } else {
        eprintln!("  MISSED by {:?}: {}", tried.missed_by, tried.what);
    }
}

/// Of sorted durations, which there are.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100).clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let all: Vec<Duration> = (1..=200).map(Duration::from_secs).collect();
        assert_eq!(percentile(&all, 50), Duration::from_secs(100));
        assert_eq!(percentile(&all, 99), Duration::from_secs(198));
        assert_eq!(percentile(&all[..1], 99), Duration::from_secs(1));
    }

    #[test]
    fn one_violation_or_one_damage_that_was_missed_fails_the_run() {
        let verdict = |violations: &[&str]| Verdict {
            name: "",
            checked: 1,
            violations: violations.iter().map(|text| (*text).to_owned()).collect(),
        };
        let report = |verdict, missed_by: &[crate::invariants::Invariant]| Report {
            seed: 0,
            lasted: Duration::ZERO,
            kills: [0, 0],
            recoveries: Vec::new(),
            rows: Vec::new(),
            events: 0,
            changes: 0,
            jobs: (0, 0),
            edges: Vec::new(),
            heads: 0,
            verdicts: vec![verdict],
            tried: vec![Tried { what: String::new(), missed_by: missed_by.to_vec() }],
        };
        assert!(report(verdict(&[]), &[]).is_good());
        assert!(!report(verdict(&["lost"]), &[]).is_good());
        assert!(!report(verdict(&[]), &[crate::invariants::Invariant::Jobs]).is_good());
    }
}
