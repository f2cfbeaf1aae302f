//! The table: rows as they happen, and what they come to.

use std::collections::BTreeMap;
use std::process::ExitCode;

use agentidp_tests::environment::Host;

/// What was seen in one row.
#[derive(Debug)]
pub struct Row {
    name: &'static str,
    injected: &'static str,
    expected: String,
    observed: BTreeMap<String, usize>,
    notes: Vec<String>,
    wrong: usize,
}

impl Row {
    /// Counts an outcome of something that was asked; `allowed` are the ones that may be.
    pub fn count(&mut self, asked: &str, outcome: &str, allowed: &[&str]) {
        let is_right = allowed.contains(&outcome);
        self.wrong += usize::from(!is_right);
        let mark = if is_right { "" } else { " WRONG" };
        *self.observed.entry(format!("{asked} {outcome}{mark}")).or_default() += 1;
    }

    /// Something that must hold, in words that tell what was seen.
    pub fn check(&mut self, holds: bool, seen: impl Into<String>) {
        self.wrong += usize::from(!holds);
        let mark = if holds { "" } else { " WRONG" };
        self.notes.push(format!("{}{mark}", seen.into()));
    }
}

#[derive(Debug)]
pub struct Table {
    rows: usize,
    verdicts: usize,
    wrong: usize,
}

const WIDTHS: [usize; 3] = [31, 58, 70];

impl Table {
    pub fn new(host: Host) -> Self {
        println!("The edge's failure table, on {host:?}\n");
        line(["what fails", "injected", "expected", "observed"]);
        Self { rows: 0, verdicts: 0, wrong: 0 }
    }

    pub fn row(name: &'static str, injected: &'static str, expected: impl Into<String>) -> Row {
        let (observed, notes) = (BTreeMap::new(), Vec::new());
        Row { name, injected, expected: expected.into(), observed, notes, wrong: 0 }
    }

    /// Prints a row that is over.
    pub fn add(&mut self, row: Row) {
        let counts = row.observed.iter().map(|(outcome, count)| format!("{outcome} ×{count}"));
        let observed: Vec<String> = counts.chain(row.notes).collect();
        line([row.name, row.injected, &row.expected, &observed.join(", ")]);
        self.rows += 1;
        self.verdicts += row.observed.values().sum::<usize>();
        self.wrong += row.wrong;
    }

    pub fn finish(self) -> ExitCode {
        println!("\n{} rows, {} verdicts, {} wrong", self.rows, self.verdicts, self.wrong);
        if self.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn line(cells: [&str; 4]) {
    let [name, injected, expected, observed] = cells;
    println!("{name:<0$}  {injected:<1$}  {expected:<2$}  {observed}", WIDTHS[0], WIDTHS[1], WIDTHS[2]);
}
