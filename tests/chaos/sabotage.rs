//! The checks checked: each kind of loss is made on purpose, in the scratch database, and must be found.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use crate::invariants::{Case, Invariant};
use crate::ledger::{Column, Fate, Kind, Outcome};

/// What is done to the data, and which checks must then find something that they did not find before.
struct Damage {
    what: &'static str,
    sql: &'static str,
    found_by: &'static [Invariant],
}

/// `$mark` and `$other` are those of acknowledged tokens, `$jti` that of an acknowledged revocation, and `$agent` and
/// `$credential` were acknowledged too.
const DAMAGES: &[Damage] = &[
    Damage {
        what: "an event of an acknowledged request is deleted",
        sql: "delete from audit_events where user_agent = '$mark'",
        found_by: &[Invariant::Requests, Invariant::Halves, Invariant::Log],
    },
    Damage {
        what: "an event is recorded twice",
        sql: "insert into audit_events select gen_random_uuid(), occurred_at, organization_id, agent_id, action, outcome, ip_address,
                user_agent, metadata from audit_events where user_agent = '$other' limit 1",
        found_by: &[Invariant::Requests, Invariant::Log],
    },
    Damage {
        what: "a seal in the middle of the log is deleted",
        sql: "delete from audit_seals where sequence = (select max(sequence) / 2 from audit_seals)",
        found_by: &[Invariant::Log],
    },
    Damage {
        what: "the tree over the log is another",
        sql: "update audit_tree set hash = sha256(hash)",
        found_by: &[Invariant::Proofs],
    },
    Damage {
        what: "an acknowledged revocation is deleted from the table",
        sql: "delete from revoked_tokens where jti = '$jti'",
        found_by: &[Invariant::Halves, Invariant::Introspection],
    },
    Damage {
        what: "and from the feed",
        sql: "delete from edge_feed where key = 'token/$jti'",
        found_by: &[Invariant::Feed, Invariant::Edges, Invariant::Snapshot],
    },
    Damage {
        what: "an agent's acknowledged suspension or reactivation is lost",
        sql: "update agents set status = case status when 'active' then 'suspended' else 'active' end where id = '$agent'",
        found_by: &[Invariant::State, Invariant::Halves],
    },
    Damage {
        what: "an acknowledged update is lost",
        sql: "update agents set owner = 'as it was' where id = '$agent'",
        found_by: &[Invariant::State],
    },
    Damage {
        what: "an acknowledged agent is lost",
        sql: "delete from agents where id = '$agent'",
        found_by: &[Invariant::State, Invariant::Halves],
    },
    Damage {
        what: "an acknowledged credential is lost",
        sql: "delete from credentials where id = '$credential'",
        found_by: &[Invariant::State, Invariant::Halves],
    },
    Damage {
        what: "a token is in no status list",
        sql: "delete from status_list_entries where jti = '$jti'",
        found_by: &[Invariant::Halves],
    },
    Damage {
        what: "a notice of expiry is lost",
        sql: "delete from audit_events where action = 'credential.expiring'",
        found_by: &[Invariant::Jobs, Invariant::Halves],
    },
    Damage {
        what: "a job is left running",
        sql: "update jobs set state = 'running', due_at = now() + interval '1 day' where id = (select id from jobs limit 1)",
        found_by: &[Invariant::Jobs],
    },
];

/// What was done, and whether it was found.
pub struct Tried {
    pub what: String,
    pub missed_by: Vec<Invariant>,
}

/// Damages one thing after the other and looks each time. Nothing can be relied on afterwards.
pub async fn try_all(case: &mut Case<'_>, told: impl Fn(&Tried)) -> Vec<Tried> {
    let secret = wrong_secret(case).await;
    told(&secret);
    let mut tried = vec![secret];
    let names = Names::choose(case).await;
    for damage in DAMAGES {
        let one = try_one(case, damage, &names).await;
        told(&one);
        tried.push(one);
    }
    tried
}

/// What the damages are about.
struct Names([(&'static str, String); 5]);

impl Names {
    async fn choose(case: &Case<'_>) -> Self {
        let ledger = &case.ledger;
        let mut marks = ledger
            .entries
            .iter()
            .filter(|entry| entry.kind == Kind::IssueToken && entry.outcome == Outcome::Acknowledged)
            .map(|entry| entry.mark.clone());
        let subject = |column: Column| {
            let mut facts =
                ledger.facts.iter().filter(|fact| fact.column == column && fact.in_doubt.is_none());
            facts.find(|fact| fact.value == "active").map(|fact| fact.subject.clone()).unwrap_or_default()
        };
        // One that would be good but for its revocation.
        let sql = "select metadata->>'jti' from audit_events join agents on agents.id = audit_events.agent_id
                   where action = 'token.revoked' and metadata ? 'jti' and status = 'active' and not_before is null";
        let revoked: Vec<String> =
            sqlx::query_scalar(sql).fetch_all(&mut case.database().await).await.unwrap();
        let jti = ledger
            .tokens
            .iter()
            .find(|token| token.fate == Fate::Bad && revoked.contains(&token.jti))
            .map(|token| token.jti.clone());
        Self([
            ("$mark", marks.next().unwrap_or_default()),
            ("$other", marks.next().unwrap_or_default()),
            ("$jti", jti.unwrap_or_default()),
            ("$agent", subject(Column::AgentStatus)),
            ("$credential", subject(Column::CredentialStatus)),
        ])
    }

    fn put_into(&self, sql: &str) -> String {
        self.0.iter().fold(sql.to_owned(), |sql, (name, value)| sql.replace(name, value))
    }
}

async fn try_one(case: &Case<'_>, damage: &Damage, names: &Names) -> Tried {
    let mut before = Vec::new();
    for invariant in damage.found_by {
        before.push(invariant.check(case).await.violations);
    }
    let mut database = case.database().await;
    // The log refuses changes by triggers; whoever has the disk has no triggers.
    database.execute("set session_replication_role = replica").await.unwrap();
    let sql = AssertSqlSafe(names.put_into(damage.sql));
    sqlx::raw_sql(sql)
        .execute(&mut database)
        .await
        .unwrap_or_else(|error| panic!("{}: {error}", damage.what));
    database.close().await.unwrap();
    let mut missed_by = Vec::new();
    for (invariant, before) in damage.found_by.iter().zip(before) {
        let after = invariant.check(case).await.violations;
        if after.iter().all(|violation| before.contains(violation)) {
            missed_by.push(*invariant);
        }
    }
    Tried { what: damage.what.to_owned(), missed_by }
}

/// A secret that counts, taken for one that was rotated away.
async fn wrong_secret(case: &mut Case<'_>) -> Tried {
    let before = Invariant::Secrets.check(case).await.violations.len();
    if let Some(secret) = case.ledger.secrets.iter_mut().find(|secret| secret.fate == Fate::Good) {
        secret.fate = Fate::Bad;
    }
    let found = Invariant::Secrets.check(case).await.violations.len() > before;
    let missed_by = if found { Vec::new() } else { vec![Invariant::Secrets] };
    Tried { what: "a secret that was rotated away is taken".into(), missed_by }
}
