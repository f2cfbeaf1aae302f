//! What must hold afterwards. Each check tells how much it looked at, and every violation by name.

pub mod access;
pub mod feed;
pub mod jobs;
pub mod log;
pub mod requests;
pub mod state;

use std::collections::{BTreeMap, BTreeSet};

use agentidp_tests::{ControlPlane, Tenant};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::ledger::Ledger;
use crate::readers::Seen;

/// Everything that is known when the load is over.
pub struct Case<'a> {
    pub control_plane: &'a ControlPlane,
    pub platform: Tenant,
    /// The organization whose agents the clients had.
    pub tenant: Tenant,
    pub ledger: Ledger,
    pub edges: Vec<Seen>,
    /// Signed heads of the log, as they were given out.
    pub heads: BTreeMap<u64, (String, String)>,
}

impl Case<'_> {
    pub async fn database(&self) -> PgConnection {
        self.control_plane.database.connect().await
    }

    /// The marks under which events were recorded: their requests happened.
    pub async fn happened(&self) -> BTreeSet<String> {
        let sql = "select distinct user_agent from audit_events where user_agent like 'chaos/%' and outcome = 'success'";
        let marks: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut self.database().await).await.unwrap();
        marks.into_iter().collect()
    }
}

/// What came of one check.
#[derive(Debug)]
pub struct Verdict {
    pub name: &'static str,
    pub checked: usize,
    pub violations: Vec<String>,
}

impl Verdict {
    pub fn new(name: &'static str) -> Self {
        Self { name, checked: 0, violations: Vec::new() }
    }

    pub fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.checked += 1;
        if !holds {
            self.violations.push(otherwise());
        }
    }

    /// A query whose first column counts what was looked at, and whose second lists what is wrong.
    pub async fn query(&mut self, database: &mut PgConnection, what: &str, sql: &'static str) {
        let (count, wrong): (i64, Vec<String>) =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_one(database).await.unwrap_or_else(|error| {
                panic!("{what}: {error}");
            });
        self.checked += usize::try_from(count).unwrap();
        self.violations.extend(wrong.into_iter().map(|subject| format!("{what}: {subject}")));
    }
}

/// The checks by name, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invariant {
    Requests,
    Answers,
    State,
    Halves,
    Feed,
    Edges,
    Snapshot,
    Secrets,
    Introspection,
    Log,
    Proofs,
    Jobs,
}

impl Invariant {
    pub const ALL: [Self; 12] = [
        Self::Requests,
        Self::Answers,
        Self::State,
        Self::Halves,
        Self::Feed,
        Self::Edges,
        Self::Snapshot,
        Self::Secrets,
        Self::Introspection,
        Self::Log,
        Self::Proofs,
        Self::Jobs,
    ];

    pub async fn check(self, case: &Case<'_>) -> Verdict {
        match self {
            Self::Requests => requests::events(case).await,
            Self::Answers => requests::answers(case),
            Self::State => state::facts(case).await,
            Self::Halves => state::halves(case).await,
            Self::Feed => feed::entries(case).await,
            Self::Edges => feed::edges(case).await,
            Self::Snapshot => feed::snapshot(case).await,
            Self::Secrets => access::secrets(case).await,
            Self::Introspection => access::introspection(case).await,
            Self::Log => log::chain(case).await,
            Self::Proofs => log::proofs(case).await,
            Self::Jobs => jobs::effects(case).await,
        }
    }
}
