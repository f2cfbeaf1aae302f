//! The audit log as it is written and read: with the change or not at all, for as long as the tier shows, page by page.

use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::support::{Instance, Tenant, new_agent};

/// What there is, to see that nothing changed.
async fn counts(instance: &Instance) -> Vec<i64> {
    let mut counts = vec![];
    for table in [
        "audit_events",
        "audit_unsealed",
        "agents",
        "agent_did_keys",
        "credentials",
        "organizations",
        "organization_members",
        "edge_feed_pending",
        "revoked_tokens",
        "usage_counters",
        "credentials where status = 'active'",
        "agents where status = 'active'",
        "agents where not_before is null",
    ] {
        counts.push(instance.number(&format!("select count(*) from {table}")).await);
    }
    counts.push(instance.number("select coalesce(sum(count), 0)::bigint from usage_counters").await);
    counts
}

#[tokio::test]
async fn when_its_event_cannot_be_written_no_change_is_made() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let tenant = platform.create_organization("enterprise").await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let token = agent.token(&tenant.api).await;
    instance.execute("revoke insert on audit_unsealed from agentidp_app, agentidp_system").await;
    let before = counts(&instance).await;
    let (path, credential) = (agent.path(), agent.credential_path());
    let organization = json!({"name": "x", "slug": "xx", "admin": {"email": "a@x.example", "owner": "x"}});
    for answer in [
        tenant.api.post("/api/v1/agents", &new_agent()).await,
        tenant.api.patch(&path, &json!({"owner": "someone else"})).await,
        tenant.api.patch(&path, &json!({"status": "suspended"})).await,
        tenant.api.patch(&path, &json!({"revokeTokens": true})).await,
        tenant.api.post(&format!("{path}/credentials"), &json!({})).await,
        tenant.api.post(&format!("{credential}/rotate"), &json!({})).await,
        tenant.api.delete(&credential).await,
        tenant.api.delete(&path).await,
        tenant.api.form("/oauth2/revoke", &[("token", &token)]).await,
        agent.ask_token(&tenant.api).await,
        platform.api.post("/api/v1/organizations", &organization).await,
    ] {
        assert_eq!(answer.status, 500, "{} → {}", answer.asked, answer.body);
        assert!(!answer.body.contains("audit_unsealed"), "{}", answer.body);
    }
    assert_eq!(counts(&instance).await, before);
    instance.execute("grant insert on audit_unsealed to agentidp_app, agentidp_system").await;
    agent.ask_token(&tenant.api).await.expect(200);
    tenant.api.with_token(&token).get(&path).await.expect(200);
}

#[tokio::test]
async fn when_a_change_fails_after_its_event_the_event_is_not_there_either() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let token = agent.token(&tenant.api).await;
    // The feed and the usage counter come last; neither can be written.
    instance
        .execute("revoke insert on edge_feed_pending, usage_counters from agentidp_app, agentidp_system")
        .await;
    let before = counts(&instance).await;
    let path = agent.path();
    for answer in [
        tenant.api.patch(&path, &json!({"owner": "someone else", "status": "suspended"})).await,
        tenant.api.post(&format!("{}/rotate", agent.credential_path()), &json!({"revokeTokens": true})).await,
        tenant.api.delete(&path).await,
        tenant.api.form("/oauth2/revoke", &[("token", &token)]).await,
        agent.ask_token(&tenant.api).await,
    ] {
        assert_eq!(answer.status, 500, "{} → {}", answer.asked, answer.body);
    }
    assert_eq!(counts(&instance).await, before);
    assert_eq!(tenant.api.get(&path).await.expect(200).json()["owner"], "the tests");
}

/// A free and an enterprise organization, each with an agent that was made before the clock moved.
async fn aged(by: Duration) -> (Instance, [Tenant; 2]) {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let tenants =
        [platform.create_organization("free").await, platform.create_organization("enterprise").await];
    instance.advance(by);
    let tenants = [tenants[0].again().await, tenants[1].again().await];
    (instance, tenants)
}

#[tokio::test]
async fn the_free_tier_sees_ninety_days_and_enterprise_everything() {
    let (instance, [free, enterprise]) = aged(Duration::days(91)).await;
    let asked = |days: i64, more: Duration| {
        let from = (instance.now() - Duration::days(days) - more).format(&Rfc3339).unwrap();
        format!("/api/v1/audit?fromDate={from}")
    };
    let too_far = asked(90, Duration::microseconds(1));
    let refused = free.api.get(&too_far).await.expect(400);
    assert_eq!(refused.code(), "RETENTION_WINDOW");
    let earliest = (instance.now() - Duration::days(90)).format(&Rfc3339).unwrap();
    assert_eq!(refused.json()["details"]["earliest"], earliest);
    free.api.get(&too_far.replace("fromDate", "toDate")).await.expect(400);
    free.api.get(&asked(90, Duration::ZERO)).await.expect(200);
    assert!(
        enterprise.api.get(&asked(91, Duration::ZERO)).await.expect(200).json()["total"].as_u64() > Some(1)
    );
}

#[tokio::test]
async fn what_lies_before_the_window_is_not_shown_without_asking_for_it_either() {
    let (instance, [free, enterprise]) = aged(Duration::days(90) + Duration::seconds(1)).await;
    let old = |tenant: &Tenant| {
        let query = format!(
            "select event_id::text from audit_events where organization_id = '{}' order by occurred_at limit 1",
            tenant.organization_id
        );
        let superuser = instance.superuser();
        async move {
            let id: String =
                sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&mut superuser.await).await.unwrap();
            format!("/api/v1/audit/{id}")
        }
    };
    assert_eq!(free.api.get(&old(&free).await).await.expect(400).code(), "RETENTION_WINDOW");
    enterprise.api.get(&old(&enterprise).await).await.expect(200);
    let shown = free.api.get("/api/v1/audit").await.expect(200).json();
    assert_eq!(shown["total"], 1, "only the token of a moment ago: {shown}");
    assert!(enterprise.api.get("/api/v1/audit").await.expect(200).json()["total"].as_u64() > Some(1));
}

#[tokio::test]
async fn stale_cursor_attack_a_cursor_does_not_lead_out_of_the_window() {
    let instance = Instance::start().await;
    let free = instance.platform().await.create_organization("free").await;
    let page = free.api.get("/api/v1/audit?limit=1").await.expect(200).json();
    let cursor = page["nextCursor"].as_str().unwrap().to_owned();
    instance.advance(Duration::days(91));
    let free = free.again().await;
    let page = free.api.get(&format!("/api/v1/audit?limit=100&cursor={cursor}")).await.expect(200).json();
    assert_eq!(page["data"], json!([]));
}

/// Follows `nextCursor` from `path` on, doing something between pages.
async fn walk(tenant: &Tenant, between: impl AsyncFn()) -> Vec<Value> {
    let (mut path, mut events) = ("/api/v1/audit?limit=4".to_owned(), vec![]);
    loop {
        let page = tenant.api.get(&path).await.expect(200).json();
        events.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["nextCursor"].as_str() else { return events };
        path = format!("/api/v1/audit?limit=4&cursor={cursor}");
        between().await;
    }
}

#[tokio::test]
async fn a_cursor_stays_in_place_while_events_come_in() {
    // At another moment each, and all at the same: then their ids decide.
    for step in [Duration::milliseconds(1), Duration::ZERO] {
        let instance = Instance::start().await;
        let tenant = instance.tenant().await;
        let agent = tenant.create_agent(&["agents:read"]).await;
        let happens = async || {
            instance.advance(step);
            agent.ask_token(&tenant.api).await.expect(200);
        };
        for _ in 0..15 {
            happens().await;
        }
        let before = tenant.api.get("/api/v1/audit?limit=100").await.expect(200).json();
        let before = before["data"].as_array().unwrap();
        let walked = walk(&tenant, async || {
            happens().await;
            happens().await;
        })
        .await;
        let position = |id: &Value| walked.iter().position(|event| event["eventId"] == *id);
        let positions: Vec<_> = before.iter().filter_map(|event| position(&event["eventId"])).collect();
        assert_eq!(positions.len(), before.len(), "each that was there is met");
        assert!(positions.is_sorted(), "in the same order");
        let mut ids: Vec<_> = walked.iter().map(|event| event["eventId"].as_str().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), walked.len(), "none twice");
    }
}
