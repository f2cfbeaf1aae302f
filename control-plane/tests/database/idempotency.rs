//! `Idempotency-Key` as time passes and processes die.

use serde_json::json;
use time::Duration;

use crate::support::{Agent, Answer, Instance, Tenant, new_agent};

const MOMENT: Duration = Duration::microseconds(1);

async fn scene() -> (Instance, Tenant, Agent) {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read", "agents:write"]).await;
    (instance, tenant, agent)
}

async fn generate(tenant: &Tenant, agent: &Agent, key: &str) -> Answer {
    tenant.api.with("idempotency-key", key).post(&format!("{}/credentials", agent.path()), &json!({})).await
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

#[tokio::test]
async fn the_first_answer_is_given_again_for_a_day_and_after_it_the_key_is_new() {
    let (instance, tenant, agent) = scene().await;
    let first = generate(&tenant, &agent, "k").await.expect(201);
    assert!(!is_replay(&first));
    instance.advance(Duration::hours(24));
    let tenant = tenant.again().await;
    let again = generate(&tenant, &agent, "k").await.expect(201);
    assert!(is_replay(&again));
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("cache-control"), first.header("cache-control"));
    instance.advance(MOMENT);
    let anew = generate(&tenant, &agent, "k").await.expect(201);
    assert!(!is_replay(&anew));
    assert_ne!(anew.text("credentialId"), first.text("credentialId"));
    assert!(is_replay(&generate(&tenant, &agent, "k").await.expect(201)), "for another day");
}

#[tokio::test]
async fn a_day_later_the_key_may_be_used_for_something_else() {
    let (instance, tenant, _) = scene().await;
    let keyed = tenant.api.with("idempotency-key", "k");
    keyed.post("/api/v1/agents", &new_agent()).await.expect(201);
    assert_eq!(keyed.post("/api/v1/agents", &new_agent()).await.expect(409).code(), "IDEMPOTENCY_KEY_REUSED");
    instance.advance(Duration::hours(24) + MOMENT);
    let keyed = tenant.again().await.api.with("idempotency-key", "k");
    keyed.post("/api/v1/agents", &new_agent()).await.expect(201);
}

#[tokio::test]
async fn a_request_whose_process_died_is_taken_over_after_a_minute() {
    let (instance, tenant, agent) = scene().await;
    let first = generate(&tenant, &agent, "k").await.expect(201);
    // As if the process had ended before it did its work.
    let died =
        "update idempotency_keys set status = null, response_ciphertext = null, wrapping_key_id = null";
    instance.execute(died).await;
    for after in [Duration::ZERO, Duration::minutes(1)] {
        instance.advance(after);
        assert_eq!(generate(&tenant, &agent, "k").await.expect(409).code(), "IDEMPOTENCY_IN_PROGRESS");
    }
    instance.advance(MOMENT);
    let second = generate(&tenant, &agent, "k").await.expect(201);
    assert_ne!(second.text("credentialId"), first.text("credentialId"));
    assert_eq!(generate(&tenant, &agent, "k").await.expect(201).body, second.body);
}

/// Else a process that dies between the two would leave something done, and do it again when the request is repeated.
#[tokio::test]
async fn what_was_done_and_its_answer_are_kept_together_or_not_at_all() {
    let (instance, tenant, agent) = scene().await;
    let refuse = "create trigger refuse_answers before update on idempotency_keys for each row
                  when (new.status is not null) execute function refuse_change()";
    instance.execute(refuse).await;
    let credentials = "select count(*) from credentials";
    let before = instance.number(credentials).await;
    let events = tenant.events("credential.generated").await.len();
    generate(&tenant, &agent, "k").await.expect(500);
    assert_eq!(instance.number(credentials).await, before);
    assert_eq!(tenant.events("credential.generated").await.len(), events);
    instance.execute("drop trigger refuse_answers on idempotency_keys").await;
    let first = generate(&tenant, &agent, "k").await.expect(201);
    assert!(!is_replay(&first));
    assert_eq!(generate(&tenant, &agent, "k").await.expect(201).body, first.body);
    assert_eq!(instance.number(credentials).await, before + 1);
}

#[tokio::test]
async fn an_answer_that_is_there_is_not_taken_over_however_old() {
    let (instance, tenant, agent) = scene().await;
    let first = generate(&tenant, &agent, "k").await.expect(201);
    instance.advance(Duration::minutes(30));
    assert_eq!(generate(&tenant, &agent, "k").await.expect(201).body, first.body);
}

#[tokio::test]
async fn a_request_that_failed_leaves_its_key_free() {
    let (instance, tenant, agent) = scene().await;
    let keyed = tenant.api.with("idempotency-key", "k");
    let mut taken = new_agent();
    taken["email"] = json!(agent.email);
    keyed.post("/api/v1/agents", &taken).await.expect(409);
    instance.execute("revoke insert on audit_unsealed from agentidp_app").await;
    keyed.post("/api/v1/agents", &new_agent()).await.expect(500);
    instance.execute("grant insert on audit_unsealed to agentidp_app").await;
    assert_eq!(instance.number("select count(*) from idempotency_keys").await, 0);
    let free = new_agent();
    let first = keyed.post("/api/v1/agents", &free).await.expect(201);
    let again = keyed.post("/api/v1/agents", &free).await.expect(201);
    assert!(is_replay(&again));
    assert_eq!(
        (again.body.as_str(), again.header("location")),
        (first.body.as_str(), first.header("location"))
    );
}

#[tokio::test]
async fn a_key_is_its_callers_and_its_operations_own() {
    let (instance, tenant, agent) = scene().await;
    let other = instance.tenant().await;
    let own = Tenant { api: agent.log_in(&tenant.api).await, ..tenant.clone() };
    let answers = [
        generate(&tenant, &agent, "k").await.expect(201),
        generate(&own, &agent, "k").await.expect(201),
        other.api.with("idempotency-key", "k").post("/api/v1/agents", &new_agent()).await.expect(201),
        tenant.api.with("idempotency-key", "k").post("/api/v1/agents", &new_agent()).await.expect(201),
        tenant
            .api
            .with("idempotency-key", "k")
            .post(&format!("{}/rotate", agent.credential_path()), &json!({}))
            .await
            .expect(200),
    ];
    assert!(!answers.iter().any(is_replay), "{answers:?}");
    assert_eq!(instance.number("select count(*) from idempotency_keys").await, 5);
}

#[tokio::test]
async fn a_rotation_that_is_repeated_gives_its_secret_again_and_rotates_once() {
    let (_instance, tenant, agent) = scene().await;
    let rotate = async || {
        let keyed = tenant.api.with("idempotency-key", "k");
        keyed.post(&format!("{}/rotate", agent.credential_path()), &json!({})).await.expect(200)
    };
    let (first, again) = (rotate().await, rotate().await);
    assert_eq!(first.body, again.body);
    tenant.api.token(&agent.id, &again.text("clientSecret")).await.expect(200);
    assert_eq!(tenant.events("credential.rotated").await.len(), 1);
}

#[tokio::test]
async fn stolen_database_attack_kept_answers_are_sealed_and_open_only_where_they_belong() {
    let (instance, tenant, agent) = scene().await;
    let (one, _) = (
        generate(&tenant, &agent, "one").await.expect(201),
        generate(&tenant, &agent, "two").await.expect(201),
    );
    let clear =
        "select count(*) from idempotency_keys where position('sk_live'::bytea in response_ciphertext) > 0";
    assert_eq!(instance.number(clear).await, 0);
    let swap = "update idempotency_keys set response_ciphertext =
        (select response_ciphertext from idempotency_keys where key = 'one') where key = 'two'";
    instance.execute(swap).await;
    let answer = generate(&tenant, &agent, "two").await.expect(500);
    assert!(!answer.body.contains(&one.text("clientSecret")), "{}", answer.body);
}
