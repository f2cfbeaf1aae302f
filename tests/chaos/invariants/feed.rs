//! The feed of the edges: numbered without a gap, the same for every reader, and a fresh edge refuses what was revoked.

use std::collections::BTreeMap;

use agentidp_shared::feed::Change;
use agentidp_shared::ids::{AgentId, OrganizationId};
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::state::State;
use agentidp_shared::verify::{Expectation, Verdict as Verification, verify};

use super::{Case, Verdict};
use crate::ledger::Column;
use crate::readers::{Feed, now_ms};

/// Younger entries are never deleted.
const KEPT: &str = "50 minutes";

/// In the table: no gap, nothing left without a number.
pub async fn entries(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("the feed is numbered without a gap");
    let mut database = case.database().await;
    let sql = "select sequence from edge_feed where sequenced_at > now() - $1::interval order by sequence";
    let numbers: Vec<i64> = sqlx::query_scalar(sql).bind(KEPT).fetch_all(&mut database).await.unwrap();
    for (missing, found) in gaps(&numbers) {
        verdict.violations.push(format!("after {} comes {found}", missing - 1));
    }
    verdict.checked = numbers.len();
    let sql = "select count(*), coalesce(array_agg(key), '{}') from edge_feed_pending";
    verdict.query(&mut database, "change without a number", sql).await;
    verdict
}

/// Where a number is not the one before and one: the number that had to come, and the one that did.
pub fn gaps(numbers: &[i64]) -> Vec<(i64, i64)> {
    numbers.windows(2).filter_map(|pair| (pair[1] != pair[0] + 1).then_some((pair[0] + 1, pair[1]))).collect()
}

/// What two edges were told, one that followed from the beginning and one that began anew again and again, is the same, what
/// the table holds, and adds up to what a fresh snapshot says.
pub async fn edges(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("edges were told the same, never less, and agree with a snapshot");
    let mut database = case.database().await;
    let rows: Vec<(i64, serde_json::Value)> =
        sqlx::query_as("select sequence, change from edge_feed").fetch_all(&mut database).await.unwrap();
    let table: BTreeMap<u64, Change> = rows
        .into_iter()
        .map(|(sequence, change)| (sequence.unsigned_abs(), serde_json::from_value(change).unwrap()))
        .collect();
    let Ok(Some(fresh)) = Feed::of(case.control_plane).snapshot("fresh").await else {
        verdict.violations.push("no snapshot".into());
        return verdict;
    };
    for (number, seen) in case.edges.iter().enumerate() {
        verdict.violations.extend(seen.violations.iter().cloned());
        for (sequence, change) in &seen.changes {
            verdict.check(table.get(sequence) == Some(change), || {
                format!("edge {number} was told a change {sequence} that the table does not hold")
            });
        }
        let Some(state) = &seen.state else {
            verdict.violations.push(format!("edge {number} never learned anything"));
            continue;
        };
        verdict.check(state.sequence() == fresh.sequence(), || {
            format!("edge {number} is at {}, the snapshot at {}", state.sequence(), fresh.sequence())
        });
        for difference in differences(state, &fresh, case) {
            verdict.violations.push(format!("edge {number} and the snapshot differ: {difference}"));
        }
    }
    verdict
}

fn differences(followed: &State, fresh: &State, case: &Case<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let kids = |state: &State| {
        let mut kids: Vec<_> = state.keys.to_jwks().keys.into_iter().filter_map(|key| key.kid).collect();
        kids.sort();
        kids
    };
    if kids(followed) != kids(fresh) {
        found.push(format!("keys {:?} and {:?}", kids(followed), kids(fresh)));
    }
    if format!("{:?}", followed.issuer) != format!("{:?}", fresh.issuer) {
        found.push("issuer".into());
    }
    if followed.exceptions.len() != fresh.exceptions.len() {
        found.push(format!("{} and {} exceptions", followed.exceptions.len(), fresh.exceptions.len()));
    }
    for fact in &case.ledger.facts {
        let differs = match fact.column {
            Column::AgentStatus => {
                let agent: AgentId = fact.subject.parse().unwrap();
                followed.exceptions.agent(agent) != fresh.exceptions.agent(agent)
            }
            Column::OrganizationStatus => {
                let organization: OrganizationId = fact.subject.parse().unwrap();
                followed.exceptions.organization(organization) != fresh.exceptions.organization(organization)
                    || followed.limit_of(organization) != fresh.limit_of(organization)
            }
            _ => false,
        };
        if differs {
            found.push(fact.subject.clone());
        }
    }
    for token in &case.ledger.tokens {
        if refusal(followed, &token.text, case) != refusal(fresh, &token.text, case) {
            found.push(format!("token {}", token.jti));
        }
    }
    found
}

/// Why an edge with this state refuses the token, if it does.
fn refusal(state: &State, token: &str, case: &Case<'_>) -> Option<String> {
    let issuer = case.control_plane.issuer();
    let scopes = ScopeSet::empty();
    let expected = Expectation { issuer, audience: issuer, scopes: &scopes };
    match verify(token, &state.keys, &state.exceptions, now_ms() / 1_000, &expected) {
        Verification::Accepted(_) => None,
        Verification::Refused(refusal) => Some(refusal.to_string()),
    }
}

/// An edge that knows nothing but a fresh snapshot takes every token that is good, and refuses every other.
pub async fn snapshot(case: &Case<'_>) -> Verdict {
    let mut verdict =
        Verdict::new("a fresh edge refuses what was revoked, suspended or ended, and nothing else");
    let Ok(Some(fresh)) = Feed::of(case.control_plane).snapshot("fresh").await else {
        verdict.violations.push("no snapshot".into());
        return verdict;
    };
    let happened = case.happened().await;
    for token in &case.ledger.tokens {
        let good = token.fate.is_good(|mark| happened.contains(mark));
        let refusal = refusal(&fresh, &token.text, case);
        verdict.check(good == refusal.is_none(), || match refusal {
            None => format!("{} is accepted ({:?})", token.jti, token.fate),
            Some(refusal) => format!("{} is refused: {refusal} ({:?})", token.jti, token.fate),
        });
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_and_a_repeated_number_are_gaps() {
        assert_eq!(gaps(&[3, 4, 5]), []);
        assert_eq!(gaps(&[3, 5]), [(4, 5)]);
        assert_eq!(gaps(&[3, 3, 4]), [(4, 3)]);
        assert_eq!(gaps(&[]), []);
    }
}
