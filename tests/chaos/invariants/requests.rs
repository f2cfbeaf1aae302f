//! Every request against the events recorded under its mark.

use std::collections::BTreeMap;

use super::{Case, Verdict};
use crate::ledger::{Entry, Outcome};

type Events = BTreeMap<String, i64>;

/// What was acknowledged has its events, each once; what was refused has none; what is in doubt has all or none.
pub async fn events(case: &Case<'_>) -> Verdict {
    let sql = "select user_agent, action, count(*) from audit_events
               where user_agent like 'chaos/%' and outcome = 'success' group by user_agent, action";
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as(sql).fetch_all(&mut case.database().await).await.unwrap();
    let mut recorded: BTreeMap<String, Events> = BTreeMap::new();
    for (mark, action, count) in rows {
        recorded.entry(mark).or_default().insert(action, count);
    }
    compare(&case.ledger.entries, &recorded)
}

fn compare(entries: &[Entry], recorded: &BTreeMap<String, Events>) -> Verdict {
    let mut verdict = Verdict::new("every acknowledged request has its audit events, once");
    let none = Events::new();
    for entry in entries {
        let wanted: Events =
            entry.kind.events().iter().map(|(action, count)| ((*action).to_owned(), *count)).collect();
        let found = recorded.get(&entry.mark).unwrap_or(&none);
        let holds = match entry.outcome {
            Outcome::Acknowledged => *found == wanted,
            Outcome::Refused => found.is_empty(),
            Outcome::InDoubt => found.is_empty() || *found == wanted,
        };
        verdict.check(holds, || {
            format!("{} ({}, {:?}) has events {found:?}", entry.mark, entry.kind.name(), entry.outcome)
        });
    }
    verdict
}

/// What was answered during the chaos agreed with what had been acknowledged before.
pub fn answers(case: &Case<'_>) -> Verdict {
    Verdict {
        name: "no answer contradicts an earlier one",
        checked: case.ledger.expected_answers,
        violations: case.ledger.surprises.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Kind;

    fn violations(outcome: Outcome, kind: Kind, found: &[(&str, i64)]) -> usize {
        let entry = Entry { mark: "m".into(), kind, outcome };
        let events: Events = found.iter().map(|(action, count)| ((*action).to_owned(), *count)).collect();
        let recorded =
            if events.is_empty() { BTreeMap::new() } else { BTreeMap::from([("m".to_owned(), events)]) };
        compare(&[entry], &recorded).violations.len()
    }

    #[test]
    fn a_lost_a_doubled_and_a_foreign_event_are_violations() {
        use Outcome::{Acknowledged, InDoubt, Refused};
        let one = [("token.issued", 1)];
        assert_eq!(violations(Acknowledged, Kind::IssueToken, &one), 0);
        assert_eq!(violations(Acknowledged, Kind::IssueToken, &[]), 1, "lost");
        assert_eq!(violations(Acknowledged, Kind::IssueToken, &[("token.issued", 2)]), 1, "twice");
        assert_eq!(violations(Acknowledged, Kind::RevokeToken, &one), 1, "of something else");
        assert_eq!(violations(Refused, Kind::IssueToken, &[]), 0);
        assert_eq!(violations(Refused, Kind::IssueToken, &one), 1, "happened although it was refused");
        assert_eq!(violations(InDoubt, Kind::IssueToken, &[]), 0);
        assert_eq!(violations(InDoubt, Kind::IssueToken, &one), 0);
        let half = [("org.created", 1), ("agent.created", 1), ("credential.generated", 1)];
        assert_eq!(violations(InDoubt, Kind::CreateOrganization, &half), 1, "half");
    }
}
