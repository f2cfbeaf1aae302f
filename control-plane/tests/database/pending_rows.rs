//! What the role of one organization may append to the feed, and to what waits for its seal: decided by the database.

use serde_json::{Value, json};

use crate::support::{Tenant, execute, number, refusal};
use crate::tenancy::Scene;

/// What PostgreSQL says to a row that a policy, a check or a foreign key refuses.
const BY_POLICY: &str = "42501";
const BY_CHECK: &str = "23514";
const BY_KEY: &str = "23503";

const TOKEN: &str = "0198c5a4-0000-7000-8000-0000000000aa";

fn row(key: &str, change: &Value) -> String {
    format!("insert into edge_feed_pending (key, change) values ('{key}', '{change}')")
}

fn agent_row(tenant: &Tenant) -> String {
    let id = &tenant.admin.id;
    row(&format!("agent/{id}"), &json!({"type": "agent", "agentId": id, "exception": {}}))
}

fn partner_row(tenant: &Tenant) -> String {
    let id = &tenant.organization_id;
    let change = json!({"type": "partner", "organizationId": id, "issuer": "https://a.example"});
    row(&format!("partner/{id}/digest"), &change)
}

#[tokio::test]
async fn an_organization_appends_what_concerns_itself() {
    let scene = Scene::set().await;
    let mut connection = scene.act_as("agentidp_app", &scene.one.organization_id).await;
    let token =
        row(&format!("token/{TOKEN}"), &json!({"type": "tokenRevoked", "jti": TOKEN, "expiresAt": 1}));
    for statement in [agent_row(&scene.one), partner_row(&scene.one), token] {
        execute(&mut connection, &statement).await;
    }
    execute(&mut connection, "commit").await;
    let own = format!(
        "select count(*) from edge_feed_pending where organization_id = '{}'",
        scene.one.organization_id
    );
    // One was there before.
    assert_eq!(number(&mut scene.instance.superuser().await, &own).await, 4);
}

#[tokio::test]
async fn feed_injection_attack_rows_of_others_and_of_the_instance_are_refused_by_the_database() {
    let scene = Scene::set().await;
    let (one, other) = (&scene.one, &scene.other);
    let mut connection = scene.act_as("agentidp_app", &one.organization_id).await;
    let in_the_name_of = |organization: &str| {
        let change = json!({"type": "tokenRevoked", "jti": TOKEN, "expiresAt": 1});
        format!(
            "insert into edge_feed_pending (key, change, organization_id) values ('token/{TOKEN}', '{change}', {organization})"
        )
    };
    let keys = json!({"type": "keys", "jwks": {"keys": []}});
    let own_agent = format!("agent/{}", one.admin.id);
    let foreign_agent = json!({"type": "agent", "agentId": other.admin.id, "exception": {}});
    let of_organization =
        json!({"type": "organization", "organizationId": one.organization_id, "exception": {}});
    let tier = json!({"type": "tier", "organizationId": one.organization_id, "tier": "enterprise"});
    for (statement, code) in [
        // Another's agent and partner, and rows in the name of another or of the instance.
        (agent_row(other), BY_KEY),
        (partner_row(other), BY_CHECK),
        (in_the_name_of(&format!("'{}'", other.organization_id)), BY_POLICY),
        (in_the_name_of("null"), BY_POLICY),
        // Ids that others' rows are about to get.
        (
            agent_row(one).replace(
                "(key, change) values (",
                "(id, key, change) overriding system value values (1000, ",
            ),
            BY_POLICY,
        ),
        // What is the instance's, under its own key or under one that looks harmless.
        (row("keys", &keys), BY_CHECK),
        (row(&own_agent, &keys), BY_CHECK),
        (row(&format!("token/{TOKEN}"), &keys), BY_CHECK),
        (row("issuer", &json!({"type": "issuer", "issuer": {}})), BY_CHECK),
        (row("policy", &json!({"type": "policy", "endpoints": {}})), BY_CHECK),
        (row("rate-limits", &json!({"type": "rateLimits", "limits": {}})), BY_CHECK),
        (row("keys", &json!({})), BY_CHECK),
        // What only the platform says of an organization.
        (row(&format!("organization/{}", one.organization_id), &of_organization), BY_CHECK),
        (row(&format!("tier/{}", one.organization_id), &tier), BY_CHECK),
        // A key that says one thing and a change that says another.
        (row(&own_agent, &foreign_agent), BY_CHECK),
        (
            format!(
                "insert into edge_feed_pending (key, change, agent_id) values ('{own_agent}', '{foreign_agent}', '{}')",
                one.admin.id
            ),
            BY_CHECK,
        ),
    ] {
        assert_eq!(refusal(&mut connection, &statement).await, code, "{statement}");
    }
}

#[tokio::test]
async fn forged_seal_attack_an_event_of_another_organization_is_not_put_up_for_sealing() {
    let scene = Scene::set().await;
    scene.instance.seal().await;
    let mut superuser = scene.instance.superuser().await;
    let event: (String, String) = sqlx::query_as(
        "select event_id::text, occurred_at::text from audit_events where organization_id = $1
         order by occurred_at, event_id limit 1",
    )
    .bind(scene.other.uuid())
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    let put_up = |organization: &str| {
        format!(
            "insert into audit_unsealed (event_id, occurred_at, organization_id) values ('{}', '{}', '{organization}')",
            event.0, event.1
        )
    };
    let mut connection = scene.act_as("agentidp_app", &scene.one.organization_id).await;
    let foreign = put_up(&scene.other.organization_id);
    assert_eq!(refusal(&mut connection, &foreign).await, BY_POLICY);
    // As if it were one's own: no event of the organization is found, and none is sealed.
    execute(&mut connection, &put_up(&scene.one.organization_id)).await;
    execute(&mut connection, "commit").await;
    let seals = "select count(*) from audit_seals";
    let before = number(&mut superuser, seals).await;
    scene.instance.seal().await;
    assert_eq!(number(&mut superuser, seals).await, before);
}

#[tokio::test]
async fn stalled_log_attack_rows_without_an_event_to_seal_are_cleared_and_hold_nothing_up() {
    let scene = Scene::set().await;
    scene.instance.seal().await;
    let mut superuser = scene.instance.superuser().await;
    let seals = "select count(*) from audit_seals";
    let before = number(&mut superuser, seals).await;
    let mut connection = scene.act_as("agentidp_app", &scene.one.organization_id).await;
    // More than one round's, older than every event; and events of its own that have their seals.
    for statement in [
        "insert into audit_unsealed (event_id, occurred_at)
         select gen_random_uuid(), 'epoch'::timestamptz + n * interval '1 second' from generate_series(1, 1500) n",
        "insert into audit_unsealed (event_id, occurred_at) select event_id, occurred_at from audit_events",
        "commit",
    ] {
        execute(&mut connection, statement).await;
    }
    scene.other.create_agent(&["agents:read"]).await;
    let waiting = "select count(*) from audit_unsealed";
    let events = number(&mut superuser, "select count(*) from audit_events").await;
    scene.instance.seal().await;
    assert_eq!(number(&mut superuser, waiting).await, 0);
    let sealed = number(&mut superuser, seals).await;
    assert!(sealed > before && sealed == events, "{before} before, {sealed} of {events}");
    assert!(agentidp::audit::verify(&scene.instance.app, None).await.unwrap().broken.is_none());
}
