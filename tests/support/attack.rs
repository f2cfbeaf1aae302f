//! The catalogue of attacks, as a table that is printed: what was tried, what must come of it, what did, and what came of its
//! twin, which differs in the one thing that makes the attack and must be let through. `cargo xtask attack` prints all sections.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;

/// The file to which each section adds a line on what came of it.
pub const SUMMARY: &str = "AGENTIDP_ATTACK_SUMMARY";

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Accepted(String),
    Refused(String),
}

impl Outcome {
    /// Of an answer: a success is what 2xx says.
    pub fn of(answer: &crate::Answer) -> Self {
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let code = ["code", "error"].into_iter().find_map(|name| body.get(name)?.as_str());
        let shown =
            code.map_or_else(|| answer.status.to_string(), |code| format!("{} {code}", answer.status));
        if (200..300).contains(&answer.status) { Self::Accepted(shown) } else { Self::Refused(shown) }
    }

    /// Of a check in this process.
    pub fn of_result<T: fmt::Display, E: fmt::Display>(result: &Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Accepted(value.to_string()),
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(what) => write!(f, "accepted: {what}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

/// One attack.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    /// What the refusal must say.
    pub expected: String,
    pub observed: Outcome,
    pub twin: Outcome,
}

impl Row {
    /// What is wrong with it, if something is.
    fn fault(&self) -> Option<String> {
        let name = &self.name;
        match (&self.observed, &self.twin) {
            (Outcome::Accepted(what), _) => Some(format!("{name}: the attack was accepted: {what}")),
            (_, Outcome::Refused(why)) => Some(format!("{name}: its valid twin was refused: {why}")),
            (Outcome::Refused(why), _) if !why.contains(&self.expected) => {
                Some(format!("{name}: refused, but not as expected: {why:?} is not {:?}", self.expected))
            }
            _ => None,
        }
    }
}

/// The attacks on one thing.
#[derive(Debug)]
pub struct Section {
    name: &'static str,
    rows: Vec<Row>,
}

impl Section {
    pub fn new(name: &'static str) -> Self {
        Self { name, rows: vec![] }
    }

    /// Adds an attack, whose refusal must say `expected`.
    pub fn row(&mut self, name: impl Into<String>, expected: &str, observed: Outcome, twin: Outcome) {
        self.rows.push(Row { name: name.into(), expected: expected.into(), observed, twin });
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Prints the table.
    ///
    /// # Panics
    /// Unless there are at least so many attacks, each with a name of its own, all refused as expected, and every twin accepted.
    pub fn finish(self, at_least: usize) {
        let shown = |text: &str, width: usize| {
            let text: String = text.escape_debug().collect();
            if text.chars().count() <= width {
                return format!("{text:<width$}");
            }
            format!("{}…", text.chars().take(width - 1).collect::<String>())
        };
        println!("\n{}", self.name);
        println!("  {:<66} {:<34} {:<80} valid twin", "attack", "expected", "observed");
        for row in &self.rows {
            println!(
                "  {} {} {} {}",
                shown(&row.name, 66),
                shown(&format!("refused: {}", row.expected), 34),
                shown(&row.observed.to_string(), 80),
                shown(&row.twin.to_string(), 42).trim_end()
            );
        }
        let faults: Vec<String> = self.rows.iter().filter_map(Row::fault).collect();
        let count = |is: fn(&Row) -> bool| self.rows.iter().filter(|row| is(row)).count();
        let summary = format!(
            "{:<16} {:>4} attacks, {:>4} refused; {:>4} valid twins accepted; {} faults",
            self.name,
            self.rows.len(),
            count(|row| matches!(row.observed, Outcome::Refused(_))),
            count(|row| matches!(row.twin, Outcome::Accepted(_))),
            faults.len()
        );
        println!("  {summary}");
        if let Ok(file) = std::env::var(SUMMARY) {
            let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
            writeln!(file, "{summary}").unwrap();
        }
        assert!(faults.is_empty(), "{faults:#?}");
        let mut names: Vec<&str> = self.rows.iter().map(|row| row.name.as_str()).collect();
        names.sort_unstable();
        let repeated: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(repeated.is_empty(), "attacks with the same name: {repeated:?}");
        assert!(names.len() >= at_least, "only {} attacks", names.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(observed: Outcome, twin: Outcome) -> Section {
        let mut section = Section::new("example");
        section.row("an attack", "not allowed", observed, twin);
        section
    }

    fn refused(why: &str) -> Outcome {
        Outcome::Refused(why.into())
    }

    fn accepted() -> Outcome {
        Outcome::Accepted("as it should".into())
    }

    #[test]
    fn an_attack_that_is_refused_beside_a_twin_that_is_not_is_as_it_should_be() {
        section(refused("it is not allowed"), accepted()).finish(1);
    }

    #[test]
    fn what_is_not_as_it_should_be_fails_the_table() {
        for wrong in [
            section(accepted(), accepted()),
            section(refused("not allowed"), refused("anything")),
            section(refused("the machine is on fire"), accepted()),
        ] {
            assert!(std::panic::catch_unwind(|| wrong.finish(1)).is_err());
        }
        let few = section(refused("not allowed"), accepted());
        assert!(std::panic::catch_unwind(|| few.finish(2)).is_err());
        let mut twice = section(refused("not allowed"), accepted());
        twice.row("an attack", "not allowed", refused("not allowed"), accepted());
        assert!(std::panic::catch_unwind(|| twice.finish(1)).is_err());
    }
}
