//! Credentials as time passes.

use futures_util::future::join_all;
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::support::{Agent, Answer, Instance, Tenant};

const MOMENT: Duration = Duration::microseconds(1);

async fn scene() -> (Instance, Tenant, Agent) {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&[]).await;
    (instance, tenant, agent)
}

async fn rotate(tenant: &Tenant, agent: &Agent, body: Value) -> Answer {
    tenant.api.post(&format!("{}/rotate", agent.credential_path()), &body).await
}

/// The agent with the credential of an answer.
fn with_credential(agent: &Agent, answer: &Answer) -> Agent {
    let (secret, credential_id) = (answer.text("clientSecret"), answer.text("credentialId"));
    Agent { credential_id, secret, ..agent.clone() }
}

async fn rotated(tenant: &Tenant, agent: &Agent, body: Value) -> Agent {
    with_credential(agent, &rotate(tenant, agent, body).await.expect(200))
}

/// The agent with a further credential that ends by itself.
async fn ending_in(instance: &Instance, tenant: &Tenant, agent: &Agent, life: Duration) -> Agent {
    let end = (instance.now() + life).format(&Rfc3339).unwrap();
    let made = tenant.api.post(&format!("{}/credentials", agent.path()), &json!({"expiresAt": end})).await;
    with_credential(agent, &made.expect(201))
}

#[tokio::test]
async fn a_credential_is_accepted_until_it_expires_and_not_a_moment_longer() {
    let (instance, tenant, agent) = scene().await;
    let agent = ending_in(&instance, &tenant, &agent, Duration::minutes(10)).await;
    instance.advance(Duration::minutes(10) - MOMENT);
    agent.ask_token(&tenant.api).await.expect(200);
    assert_eq!(tenant.credential(&agent).await["status"], "active");
    instance.advance(MOMENT);
    agent.ask_token(&tenant.api).await.expect(401);
    assert_eq!(tenant.credential(&agent).await["status"], "expired");
    assert_eq!(rotate(&tenant, &agent, json!({})).await.expect(409).code(), "CREDENTIAL_EXPIRED");
}

#[tokio::test]
async fn a_credential_that_would_have_expired_already_is_not_made() {
    let (instance, tenant, agent) = scene().await;
    let now = instance.now().format(&Rfc3339).unwrap();
    tenant.api.post(&format!("{}/credentials", agent.path()), &json!({"expiresAt": now})).await.expect(400);
}

#[tokio::test]
async fn during_an_overlap_both_secrets_are_good_and_after_it_only_the_new_one() {
    let (instance, tenant, old) = scene().await;
    let new = rotated(&tenant, &old, json!({"overlapSeconds": 300})).await;
    for after in [Duration::ZERO, Duration::seconds(300) - MOMENT] {
        instance.advance(after);
        old.ask_token(&tenant.api).await.expect(200);
        new.ask_token(&tenant.api).await.expect(200);
        assert!(tenant.credential(&new).await["previousValidUntil"].is_string());
    }
    instance.advance(MOMENT);
    old.ask_token(&tenant.api).await.expect(401);
    new.ask_token(&tenant.api).await.expect(200);
    assert!(tenant.credential(&new).await["previousValidUntil"].is_null());
}

#[tokio::test]
async fn an_overlap_ends_with_the_next_rotation() {
    let (instance, tenant, first) = scene().await;
    let second = rotated(&tenant, &first, json!({"overlapSeconds": 86_400})).await;
    instance.advance(Duration::seconds(6));
    let third = rotated(&tenant, &first, json!({"overlapSeconds": 60})).await;
    for (agent, status) in [(&first, 401), (&second, 200), (&third, 200)] {
        agent.ask_token(&tenant.api).await.expect(status);
    }
    instance.advance(Duration::seconds(6));
    let fourth = rotated(&tenant, &first, json!({})).await;
    for (agent, status) in [(&first, 401), (&second, 401), (&third, 401), (&fourth, 200)] {
        agent.ask_token(&tenant.api).await.expect(status);
    }
}

#[tokio::test]
async fn revocation_ends_the_overlap_too() {
    let (_instance, tenant, old) = scene().await;
    let new = rotated(&tenant, &old, json!({"overlapSeconds": 300})).await;
    tenant.api.delete(&new.credential_path()).await.expect(204);
    old.ask_token(&tenant.api).await.expect(401);
    new.ask_token(&tenant.api).await.expect(401);
}

#[tokio::test]
async fn the_overlap_of_a_credential_that_expires_ends_with_it() {
    let (instance, tenant, agent) = scene().await;
    let old = ending_in(&instance, &tenant, &agent, Duration::minutes(1)).await;
    rotated(&tenant, &old, json!({"overlapSeconds": 3_600})).await;
    old.ask_token(&tenant.api).await.expect(200);
    instance.advance(Duration::minutes(1));
    old.ask_token(&tenant.api).await.expect(401);
}

#[tokio::test]
async fn a_rotation_within_five_seconds_of_the_last_is_refused_and_after_them_done() {
    let (instance, tenant, agent) = scene().await;
    let once = rotated(&tenant, &agent, json!({})).await;
    instance.advance(Duration::seconds(5) - MOMENT);
    let refused = rotate(&tenant, &agent, json!({})).await.expect(409);
    assert_eq!((refused.code().as_str(), refused.retry_after()), ("CREDENTIAL_JUST_ROTATED", 5));
    once.ask_token(&tenant.api).await.expect(200);
    instance.advance(MOMENT);
    let twice = rotated(&tenant, &agent, json!({})).await;
    once.ask_token(&tenant.api).await.expect(401);
    twice.ask_token(&tenant.api).await.expect(200);
    assert_eq!(tenant.events("credential.rotated").await.len(), 2);
}

#[tokio::test]
async fn use_is_noted_once_a_minute() {
    let (instance, tenant, agent) = scene().await;
    assert!(tenant.credential(&agent).await["lastUsedAt"].is_null());
    let mut noted = vec![];
    for _ in 0..5 {
        agent.ask_token(&tenant.api).await.expect(200);
        noted.push(tenant.credential(&agent).await["lastUsedAt"].clone());
        instance.advance(Duration::seconds(25));
    }
    // At 0, 25, 50, 75 and 100 seconds.
    assert!(noted[0] == noted[1] && noted[1] == noted[2], "{noted:?}");
    assert_ne!(noted[2], noted[3]);
    assert_eq!(noted[3], noted[4]);
}

#[tokio::test]
async fn a_noted_use_says_where_it_came_from_and_a_busy_client_at_many_places_is_one_write_a_minute() {
    let (instance, tenant, agent) = scene().await;
    let version = "select xmin::text::bigint from credentials where last_used_address is not null";
    let at = async |address: &str| {
        agent.ask_token(&tenant.api.from(address)).await.expect(200);
        tenant.credential(&agent).await["lastUsedAddress"].clone()
    };
    assert!(tenant.credential(&agent).await["lastUsedAddress"].is_null());
    instance.execute("update credentials set last_used_address = null").await;
    assert_eq!(at("192.0.2.7").await, "192.0.2.7");
    let first = instance.number(version).await;
    for address in ["2001:db8::1", "192.0.2.8", "192.0.2.7"] {
        assert_eq!(at(address).await, "192.0.2.7");
    }
    assert_eq!(instance.number(version).await, first, "written again");
    instance.advance(Duration::seconds(61));
    assert_eq!(at("2001:db8::1").await, "2001:db8::1");
    assert_ne!(instance.number(version).await, first);
}

#[tokio::test]
async fn an_agent_has_only_so_many_credentials_however_many_are_asked_for_at_once() {
    let instance = Instance::start_with(|settings| {
        settings.with("AGENTIDP_MAX_CREDENTIALS_PER_AGENT", "4").with("DATABASE_MAX_CONNECTIONS", "8")
    })
    .await;
    let other = instance.another_process().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&[]).await;
    let path = format!("{}/credentials", agent.path());
    let (here, there) = (tenant.api.clone(), tenant.api.at(&other));
    let answers = join_all((0..12).map(|n| if n % 2 == 0 { &here } else { &there }).map(|api| {
        let path = path.clone();
        async move { api.post(&path, &json!({})).await }
    }))
    .await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(201), count(409)), (3, 9), "{answers:?}");
    let refused = answers.iter().find(|answer| answer.status == 409).unwrap();
    assert_eq!(refused.code(), "CREDENTIAL_LIMIT_REACHED");
    // A key counts too; what was revoked or has expired does not.
    let key = agentidp_tests::ClientKey::generate(agentidp_shared::jwk::Algorithm::ES256);
    let body = json!({ "publicJwk": key.public_jwk() });
    tenant.api.post(&path, &body).await.expect(409);
    tenant.api.delete(&agent.credential_path()).await.expect(204);
    tenant.api.post(&path, &body).await.expect(201);
    tenant.api.post(&path, &json!({})).await.expect(409);
    tenant.api.delete(&path).await.expect(200);
    ending_in(&instance, &tenant, &agent, Duration::minutes(1)).await;
    for _ in 0..3 {
        tenant.api.post(&path, &json!({})).await.expect(201);
    }
    tenant.api.post(&path, &json!({})).await.expect(409);
    instance.advance(Duration::minutes(1));
    tenant.api.post(&path, &json!({})).await.expect(201);
    // Rotating makes none.
    let other_agents = tenant.create_agent(&[]).await;
    rotated(&tenant, &other_agents, json!({})).await;
}

#[tokio::test]
async fn a_failed_login_is_not_a_use() {
    let (_instance, tenant, agent) = scene().await;
    tenant.api.token(&agent.id, &"sk_live_".repeat(9)).await.expect(401);
    tenant.api.token(&agent.id, &tenant.admin.secret).await.expect(401);
    assert!(tenant.credential(&agent).await["lastUsedAt"].is_null());
}

#[tokio::test]
async fn a_credential_under_another_keystore_key_never_authenticates() {
    let (instance, tenant, agent) = scene().await;
    let relabel =
        format!("update credentials set hmac_key_id = 'another' where id = '{}'", agent.credential_id);
    instance.execute(&relabel).await;
    agent.ask_token(&tenant.api).await.expect(401);
    // A rotation brings it under the present key.
    rotated(&tenant, &agent, json!({})).await.ask_token(&tenant.api).await.expect(200);
}

#[tokio::test]
async fn stolen_database_attack_what_is_stored_of_a_secret_does_not_log_in() {
    let (instance, tenant, agent) = scene().await;
    let stored: String =
        sqlx::query_scalar("select encode(secret_hmac, 'hex') from credentials where id = $1::uuid")
            .bind(&agent.credential_id)
            .fetch_one(&mut instance.superuser().await)
            .await
            .unwrap();
    tenant.api.token(&agent.id, &format!("sk_live_{stored}")).await.expect(401);
}

#[tokio::test]
async fn the_only_credential_is_rotated_without_being_named_and_one_of_two_is_not() {
    let (instance, tenant, agent) = scene().await;
    let only = async || tenant.api.post(&format!("{}/credentials/rotate", agent.path()), &json!({})).await;
    let rotated = with_credential(&agent, &only().await.expect(200));
    assert_eq!(rotated.credential_id, agent.credential_id);
    agent.ask_token(&tenant.api).await.expect(401);
    let second = ending_in(&instance, &tenant, &agent, Duration::minutes(10)).await;
    assert_eq!(only().await.expect(409).code(), "CREDENTIAL_AMBIGUOUS");
    instance.advance(Duration::minutes(10));
    let again = with_credential(&agent, &only().await.expect(200));
    assert_eq!(again.credential_id, agent.credential_id, "one that has expired does not count");
    tenant.api.delete(&again.credential_path()).await.expect(204);
    assert_eq!(only().await.expect(409).code(), "CREDENTIAL_AMBIGUOUS");
    second.ask_token(&tenant.api).await.expect(401);
}

#[tokio::test]
async fn all_credentials_are_revoked_at_once_each_with_its_event_and_a_new_one_gets_in() {
    let (instance, tenant, agent) = scene().await;
    let second = ending_in(&instance, &tenant, &agent, Duration::minutes(10)).await;
    let token = agent.token(&tenant.api).await;
    let credentials = format!("{}/credentials", agent.path());
    let revoke = async |query: &str| {
        let answer = tenant.api.delete(&format!("{credentials}{query}")).await.expect(200).json();
        let ids = answer["revokedCredentialIds"].as_array().unwrap().clone();
        ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    let both = [agent.credential_id.clone(), second.credential_id.clone()].into();
    assert_eq!(revoke("").await, both);
    for gone in [&agent, &second] {
        gone.ask_token(&tenant.api).await.expect(401);
    }
    assert!(tenant.is_active(&token).await, "tokens stay, unless it is asked for");
    let events = tenant.events("credential.revoked").await;
    let of_events = events.iter().map(|event| event["metadata"]["credentialId"].as_str().unwrap().to_owned());
    assert_eq!(of_events.collect::<std::collections::BTreeSet<_>>(), both);
    // Repeated, it has nothing to revoke, and still takes the tokens back.
    assert!(revoke("?revokeTokens=true").await.is_empty());
    assert!(!tenant.is_active(&token).await);
    instance.advance(Duration::seconds(1));
    let renewed = with_credential(&agent, &tenant.api.post(&credentials, &json!({})).await.expect(201));
    renewed.ask_token(&tenant.api).await.expect(200);
}

#[tokio::test]
async fn scope_escalation_attack_a_narrowed_token_makes_no_secret_that_can_do_more() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:write", "agents:read", "audit:read"]).await;
    let api = tenant.api.with_basic(&agent.id, &agent.secret);
    let form = [("grant_type", "client_credentials"), ("scope", "agents:write")];
    let narrowed = api.form("/oauth2/token", &form).await.expect(200).json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let narrowed = tenant.api.with_token(&narrowed);
    let credentials = format!("{}/credentials", agent.path());
    for path in [
        credentials.clone(),
        format!("{credentials}/rotate"),
        format!("{credentials}/{}/rotate", agent.credential_id),
    ] {
        assert_eq!(narrowed.post(&path, &json!({})).await.expect(403).code(), "SCOPE_NOT_HELD", "{path}");
    }
    let whole = tenant.api.with_token(&agent.token(&tenant.api).await);
    whole.post(&format!("{credentials}/rotate"), &json!({})).await.expect(200);
}

#[tokio::test]
async fn role_escalation_attack_an_administrator_makes_no_secret_of_an_owner() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let every = [
        "agents:read",
        "agents:write",
        "tokens:read",
        "audit:read",
        "webhooks:read",
        "webhooks:write",
        "admin:orgs",
        "openid",
    ];
    let admin = tenant.create_agent(&every).await;
    let members = format!("/api/v1/organizations/{}/members", tenant.organization_id);
    tenant.api.post(&members, &json!({"agentId": admin.id, "role": "admin"})).await.expect(201);
    let api = tenant.api.with_token(&admin.token(&tenant.api).await);
    let of_owner = format!("{}/credentials", tenant.admin.path());
    for path in [of_owner.clone(), format!("{of_owner}/rotate")] {
        assert_eq!(api.post(&path, &json!({})).await.expect(403).code(), "ROLE_INSUFFICIENT", "{path}");
    }
    let plain = tenant.create_agent(&["agents:read"]).await;
    api.post(&format!("{}/credentials", plain.path()), &json!({})).await.expect(201);
}
