//! What the database holds: what was acknowledged, and no halves.

use std::collections::BTreeMap;

use super::{Case, Verdict};
use crate::ledger::{Column, Fact};

type Values = BTreeMap<(Column, String), String>;

/// Every column holds what was acknowledged last, or what a request in doubt put there if it happened.
pub async fn facts(case: &Case<'_>) -> Verdict {
    let sources = [
        (Column::AgentOwner, "select id::text, owner from agents"),
        (Column::AgentStatus, "select id::text, status from agents"),
        (
            Column::AgentIsMember,
            "select id::text, exists (select from organization_members where agent_id = agents.id)::text from agents",
        ),
        (Column::CredentialStatus, "select id::text, status from credentials"),
        (Column::OrganizationStatus, "select id::text, status from organizations"),
        (Column::SigningKeyExists, "select kid, 'true' from signing_keys"),
    ];
    let mut database = case.database().await;
    let mut values = Values::new();
    for (column, sql) in sources {
        let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut database).await.unwrap();
        values.extend(rows.into_iter().map(|(subject, value)| ((column, subject), value)));
    }
    let happened = case.happened().await;
    compare(&case.ledger.facts, &values, |mark| happened.contains(mark))
}

fn compare(facts: &[Fact], values: &Values, happened: impl Fn(&str) -> bool) -> Verdict {
    let mut verdict = Verdict::new("what was acknowledged is in the database");
    for fact in facts {
        let wanted = match &fact.in_doubt {
            Some((mark, other)) if happened(mark) => other,
            _ => &fact.value,
        };
        let found = values.get(&(fact.column, fact.subject.clone()));
        verdict.check(found == Some(wanted), || {
            format!("{:?} of {} is {found:?}, and must be {wanted}", fact.column, fact.subject)
        });
    }
    verdict
}

/// What one transaction writes in several places is in all of them or in none. Of everything, whoever asked for it.
pub async fn halves(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::new("nothing is there by half");
    let mut database = case.database().await;
    for (what, sql) in HALVES {
        verdict.query(&mut database, what, sql).await;
    }
    verdict
}

/// Each counts its subjects and lists those of which one place says what another does not.
const HALVES: &[(&str, &str)] = &[
    (
        "token in the log or in a status list only",
        "select count(*), coalesce(array_agg(coalesce(event.jti, entry.jti)) filter (where event.jti is null or entry.jti is null), '{}')
         from (select metadata->>'jti' as jti from audit_events where action = 'token.issued' and outcome = 'success') event
         full join (select jti::text from status_list_entries) entry on entry.jti = event.jti",
    ),
    (
        "tokens counted and tokens issued",
        "select 1::bigint, case when counted = issued then '{}' else array[counted || ' counted, ' || issued || ' issued'] end
         from (select coalesce(sum(count), 0)::bigint as counted from usage_counters where metric = 'tokens') usage,
           (select count(*) as issued from audit_events where action = 'token.issued' and outcome = 'success') log",
    ),
    (
        "token revoked in some places only (log, table, feed)",
        "select count(*), coalesce(array_agg(coalesce(event.jti, revoked.jti, feed.jti))
             filter (where event.jti is null or revoked.jti is null or feed.jti is null), '{}')
         from (select metadata->>'jti' as jti from audit_events where action = 'token.revoked' and metadata ? 'jti') event
         full join (select jti::text from revoked_tokens) revoked on revoked.jti = event.jti
         full join (select distinct substr(key, 7) as jti from edge_feed where key like 'token/%') feed
           on feed.jti = coalesce(event.jti, revoked.jti)",
    ),
    (
        "agent in the log or in the table only",
        "select count(*), coalesce(array_agg(coalesce(event.id, agents.id)::text) filter (where event.id is null or agents.id is null), '{}')
         from (select agent_id as id from audit_events where action = 'agent.created' and outcome = 'success') event
         full join agents on agents.id = event.id",
    ),
    (
        "agent whose DID key is not there, or still there",
        "select count(*), coalesce(array_agg(agents.id::text)
             filter (where (coalesce(length(private_key_ciphertext), 0) = 0) <> (status = 'decommissioned')), '{}')
         from agents left join agent_did_keys keys on keys.agent_id = agents.id",
    ),
    (
        "credential in the log or in the table only",
        "select count(*), coalesce(array_agg(coalesce(event.id, credentials.id::text)) filter (where event.id is null or credentials.id is null), '{}')
         from (select metadata->>'credentialId' as id from audit_events where action = 'credential.generated' and outcome = 'success') event
         full join credentials on credentials.id::text = event.id",
    ),
    (
        "credential rotated in the log or in the table only",
        "select count(*), coalesce(array_agg(credentials.id::text) filter (where (event.id is null) <> (rotated_at is null)), '{}')
         from credentials left join (select distinct metadata->>'credentialId' as id from audit_events
           where action = 'credential.rotated' and outcome = 'success') event on event.id = credentials.id::text",
    ),
    (
        "credential revoked in some places only (log, table)",
        "select count(*), coalesce(array_agg(credentials.id::text)
             filter (where (event.id is not null or agents.status = 'decommissioned') <> (credentials.status = 'revoked')
               or (credentials.status = 'revoked') <> (credentials.revoked_at is not null)), '{}')
         from credentials join agents on agents.id = credentials.agent_id
         left join (select distinct metadata->>'credentialId' as id from audit_events
           where action = 'credential.revoked' and outcome = 'success') event on event.id = credentials.id::text",
    ),
    (
        "agent that stands one way in the log and another in the table or the feed",
        "select count(*), coalesce(array_agg(agents.id::text) filter (where
             status <> coalesce(split_part(event.action, '.', 2), 'reactivated')
               and not (status = 'active' and coalesce(event.action, 'agent.reactivated') = 'agent.reactivated')
             or (feed.standing is null) <> (event.action is null)
             or feed.standing is not null and replace(feed.standing, 'gone', 'decommissioned') <> status), '{}')
         from agents
         left join (select distinct on (agent_id) agent_id, action from audit_events
           where action in ('agent.suspended', 'agent.reactivated', 'agent.decommissioned') and outcome = 'success'
           order by agent_id, occurred_at desc, event_id desc) event on event.agent_id = agents.id
         left join (select distinct on (key) substr(key, 7) as id, change #>> '{exception,standing}' as standing from edge_feed
           where key like 'agent/%' order by key, sequence desc) feed on feed.id = agents.id::text",
    ),
    (
        "member in the log or in the table only",
        "select count(*), coalesce(array_agg(event.agent_id::text)
             filter (where (event.action = 'org.member_added') <> (members.agent_id is not null)), '{}')
         from (select distinct on (agent_id) agent_id, action from audit_events
           where action in ('org.member_added', 'org.member_removed') and outcome = 'success'
           order by agent_id, occurred_at desc, event_id desc) event
         left join organization_members members on members.agent_id = event.agent_id",
    ),
    (
        "organization in some places only (table, both logs, its administrator, its credential)",
        "select count(*), coalesce(array_agg(coalesce(event.id, organizations.id::text)) filter (where
             event.events is distinct from 2 or not exists (select from organization_members members
               join agents on agents.id = members.agent_id join credentials on credentials.agent_id = agents.id
               where members.organization_id = organizations.id and members.role = 'owner')), '{}')
         from (select metadata->>'organizationId' as id, count(*) as events from audit_events
           where action = 'org.created' and metadata->>'slug' is not null group by 1) event
         full join organizations on organizations.id::text = event.id
         where organizations.is_system is not true",
    ),
    (
        "organization that stands one way in the log and another in the table or the feed",
        "select count(*), coalesce(array_agg(organizations.id::text) filter (where
             (status = 'suspended') <> (event.id is not null)
             or (status = 'suspended') <> (feed.standing is not distinct from 'suspended')), '{}')
         from organizations
         left join (select distinct metadata->>'organizationId' as id from audit_events where action = 'org.suspended') event
           on event.id = organizations.id::text
         left join (select distinct on (key) substr(key, 14) as id, change #>> '{exception,standing}' as standing from edge_feed
           where key like 'organization/%' order by key, sequence desc) feed on feed.id = organizations.id::text",
    ),
    (
        "signing key in the log or in the table only",
        "select count(*), coalesce(array_agg(coalesce(event.kid, keys.kid)) filter (where event.kid is null or keys.kid is null), '{}')
         from (select metadata->>'kid' as kid from audit_events where action = 'key.rotated' and outcome = 'success') event
         full join (select kid from signing_keys order by created_at offset 1) keys on keys.kid = event.kid",
    ),
    (
        "signing key in the table or in the feed's last word only",
        "select count(*), coalesce(array_agg(coalesce(keys.kid, feed.kid)) filter (where keys.kid is null or feed.kid is null), '{}')
         from (select kid from signing_keys where status <> 'removed') keys
         full join (select key->>'kid' as kid from (select change from edge_feed where key = 'keys' order by sequence desc limit 1) last,
           jsonb_array_elements(last.change #> '{jwks,keys}') key) feed on feed.kid = keys.kid",
    ),
    (
        "notice of expiry in the log or in the table only",
        "select count(*), coalesce(array_agg(coalesce(event.id, notices.credential_id::text) || ' ' || coalesce(event.count::text, 'no') || ' events')
             filter (where event.count is distinct from 1 or notices.credential_id is null), '{}')
         from (select metadata->>'credentialId' as id, (metadata->>'thresholdDays')::integer as days, count(*) from audit_events
           where action = 'credential.expiring' group by 1, 2) event
         full join credential_expiry_notices notices on notices.credential_id::text = event.id and notices.threshold_days = event.days",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_value_is_a_violation_and_one_in_doubt_must_agree_with_the_log() {
        let fact = |in_doubt: Option<(&str, &str)>| Fact {
            column: Column::AgentStatus,
            subject: "a".into(),
            value: "active".into(),
            in_doubt: in_doubt.map(|(mark, value)| (mark.into(), value.into())),
        };
        let violations = |fact: Fact, found: Option<&str>, happened: bool| {
            let values = found.map(|value| ((Column::AgentStatus, "a".to_owned()), value.to_owned()));
            compare(&[fact], &values.into_iter().collect(), |_| happened).violations.len()
        };
        assert_eq!(violations(fact(None), Some("active"), false), 0);
        assert_eq!(violations(fact(None), Some("suspended"), false), 1);
        assert_eq!(violations(fact(None), None, false), 1);
        let doubt = Some(("mark", "suspended"));
        assert_eq!(violations(fact(doubt), Some("active"), false), 0);
        assert_eq!(violations(fact(doubt), Some("suspended"), true), 0);
        assert_eq!(violations(fact(doubt), Some("suspended"), false), 1, "changed without an event");
        assert_eq!(violations(fact(doubt), Some("active"), true), 1, "an event without the change");
    }
}
