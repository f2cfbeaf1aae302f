//! The controls: what their checks find, what is shown of it, and that each can fail.

use time::Duration;

use crate::support::{Instance, execute};

/// The public status of a control.
async fn status(instance: &Instance, id: &str) -> String {
    let answer = instance.api().get("/api/v1/compliance/controls").await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=60"));
    let body = answer.json();
    let controls = body["controls"].as_array().unwrap();
    assert_eq!(controls.len(), 5, "{body}");
    let control = controls.iter().find(|control| control["id"] == id).unwrap();
    control["status"].as_str().unwrap().to_owned()
}

/// After the next check.
async fn checked(instance: &Instance, id: &str) -> String {
    instance.seal().await;
    instance.advance(Duration::hours(1));
    instance.run_schedules().await;
    status(instance, id).await
}

/// An instance with a row in every table that holds a secret.
async fn with_secrets() -> Instance {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let keyed = tenant.api.with("idempotency-key", "a-key");
    keyed.post(&format!("{}/credentials", agent.path()), &serde_json::json!({})).await.expect(201);
    instance
}

#[tokio::test]
async fn nothing_is_known_before_a_check_and_everything_passes_after_it() {
    let instance = with_secrets().await;
    let controls = ["CC6.1", "CC6.7", "CC7.1", "CC7.2", "CC9.2"];
    for control in controls {
        assert_eq!(status(&instance, control).await, "unknown", "{control}");
    }
    instance.seal().await;
    instance.run_schedules().await;
    for control in controls {
        assert_eq!(status(&instance, control).await, "passing", "{control}");
    }
    let body = instance.api().get("/api/v1/compliance/controls").await.json();
    assert_eq!(body["controls"][0]["lastChecked"], "2030-01-15T12:00:00.25Z");
    instance.advance(Duration::hours(2));
    assert_eq!(status(&instance, "CC6.1").await, "passing", "two intervals");
    instance.advance(Duration::MICROSECOND);
    for control in controls {
        assert_eq!(status(&instance, control).await, "unknown", "{control}: too old to say anything");
    }
}

#[tokio::test]
async fn plaintext_attack_a_secret_that_is_not_sealed_fails_encryption_at_rest() {
    let pem = "decode(repeat('6b6579', 40), 'hex')";
    for statement in [
        format!("update signing_keys set private_key_ciphertext = {pem}"),
        format!("update agent_did_keys set private_key_ciphertext = {pem}"),
        format!("update idempotency_keys set response_ciphertext = {pem}"),
        "update signing_keys set wrapping_key_id = '0123456789abcdef'".into(),
        "update credentials set secret_hmac = convert_to('sk_live_in_the_clear', 'utf8') where id = (select min(id::text)::uuid from credentials)".into(),
        "update credentials set hmac_key_id = 'another'".into(),
        // Sealed, but another row's.
        "update agent_did_keys set private_key_ciphertext = (select private_key_ciphertext from agent_did_keys limit 1)".into(),
    ] {
        let instance = with_secrets().await;
        assert_eq!(checked(&instance, "CC6.1").await, "passing");
        instance.execute(&statement).await;
        assert_eq!(checked(&instance, "CC6.1").await, "failing", "{statement}");
    }
}

#[tokio::test]
async fn an_issuer_in_the_clear_fails_encryption_in_transit_and_one_on_loopback_tells_nothing() {
    for (issuer, expected) in [
        ("https://id.example", "passing"),
        ("http://id.example", "failing"),
        ("http://127.0.0.1:8080", "unknown"),
    ] {
        let instance = Instance::start_with(|settings| {
            settings.with("AGENTIDP_ENV", "development").with("AGENTIDP_ISSUER", issuer)
        });
        assert_eq!(checked(&instance.await, "CC6.7").await, expected, "{issuer}");
    }
}

#[tokio::test]
async fn a_dead_job_fails_its_control_until_it_is_handled() {
    let instance = Instance::start().await;
    instance
        .execute(
            "insert into jobs (id, kind, payload, state, due_at, created_at, finished_at)
         values ('0198c5a4-0000-7000-8000-000000000001', 'gone', '{}', 'dead', now(), now(), now())",
        )
        .await;
    assert_eq!(checked(&instance, "CC7.1").await, "failing");
    instance.execute("update jobs set state = 'done' where kind = 'gone'").await;
    assert_eq!(checked(&instance, "CC7.1").await, "passing");
}

#[tokio::test]
async fn tampering_attack_an_altered_event_fails_audit_integrity() {
    let instance = with_secrets().await;
    assert_eq!(checked(&instance, "CC7.2").await, "passing");
    let mut superuser = instance.superuser().await;
    execute(
        &mut superuser,
        "set session_replication_role = replica;
         update audit_events set action = 'agent.updated' where action = 'agent.created'",
    )
    .await;
    assert_eq!(checked(&instance, "CC7.2").await, "failing");
}

#[tokio::test]
async fn a_secret_or_key_that_is_too_old_fails_rotation() {
    let instance = with_secrets().await;
    assert_eq!(checked(&instance, "CC9.2").await, "passing");
    let of_the_platform = "update credentials set created_at = created_at - interval '366 days'
        where organization_id = (select id from organizations where is_system)";
    instance.execute(of_the_platform).await;
    assert_eq!(checked(&instance, "CC9.2").await, "failing");
    instance.execute("update credentials set rotated_at = '2030-01-15T12:00:00Z'").await;
    assert_eq!(checked(&instance, "CC9.2").await, "passing");
    // As if it had not been replaced when it was due.
    instance.execute("update signing_keys set activated_at = activated_at - interval '92 days'").await;
    assert_eq!(checked(&instance, "CC9.2").await, "failing");
}

#[tokio::test]
async fn blame_attack_a_tenants_old_secrets_do_not_fail_the_control_that_everybody_sees() {
    let instance = with_secrets().await;
    instance
        .execute(
            "update credentials set created_at = created_at - interval '366 days'
             where organization_id <> (select id from organizations where is_system)",
        )
        .await;
    let old = "select count(*) from credentials where created_at < '2029-06-01'";
    assert!(instance.number(old).await > 0);
    assert_eq!(checked(&instance, "CC9.2").await, "passing");
}

#[tokio::test]
async fn without_a_policy_rotation_is_not_claimed() {
    let instance = Instance::start_with(|settings| {
        settings.with("AGENTIDP_KEY_ROTATION_DAYS", "0").with("AGENTIDP_SECRET_MAX_AGE_DAYS", "0")
    })
    .await;
    assert_eq!(checked(&instance, "CC9.2").await, "unknown");
}

#[tokio::test]
async fn one_address_asks_120_times_a_minute_and_others_are_not_disturbed() {
    let instance = Instance::start().await;
    let api = instance.api();
    for _ in 0..120 {
        api.get("/api/v1/compliance/controls").await.expect(200);
    }
    let refused = api.get("/api/v1/compliance/controls").await.expect(429);
    assert_eq!((refused.code().as_str(), refused.retry_after()), ("RATE_LIMITED", 1));
    api.from("198.51.100.7").get("/api/v1/compliance/controls").await.expect(200);
    instance.advance(Duration::SECOND);
    api.get("/api/v1/compliance/controls").await.expect(200);
}
