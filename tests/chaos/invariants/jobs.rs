//! Jobs: none is lost, none has its effect twice.

use std::collections::BTreeMap;

use super::{Case, Verdict};

/// Of every credential that was acknowledged to expire soon it was told, once; and no job is dead or left running.
pub async fn effects(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("jobs had their effect, each once, and none is dead or left over");
    let mut database = case.database().await;
    let sql = "select metadata->>'credentialId', count(*) from audit_events where action = 'credential.expiring' group by 1";
    let told: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&mut database).await.unwrap();
    let told: BTreeMap<String, i64> = told.into_iter().collect();
    for credential in &case.ledger.expiring {
        let count = told.get(credential).copied().unwrap_or(0);
        verdict.check(count == 1, || format!("of credential {credential} it was told {count} times"));
    }
    for (credential, count) in &told {
        verdict.check(*count == 1, || format!("of credential {credential} it was told {count} times"));
    }
    let sql = "select count(*), coalesce(array_agg(kind || ' is ' || state || coalesce(': ' || last_error, '')) filter (where state <> 'done'), '{}') from jobs";
    verdict.query(&mut database, "job", sql).await;
    verdict
}

/// Jobs done, and how many of them had been interrupted and were taken again.
pub async fn counts(case: &Case<'_>) -> (i64, i64) {
    let sql = "select count(*) filter (where state = 'done'), count(*) filter (where state = 'done' and attempts > 1) from jobs";
    sqlx::query_as(sql).fetch_one(&mut case.database().await).await.unwrap()
}
