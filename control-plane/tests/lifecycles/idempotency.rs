//! A repeated request, as time passes and between callers.

use agentidp::housekeeping;
use serde_json::json;
use time::Duration;

use crate::support::{World, new_agent};

#[tokio::test]
async fn the_first_answer_is_given_again_for_a_day_and_then_the_key_is_new() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let body = new_agent(&[]);
    let ask = async |body| {
        let token = world.token(&admin).await;
        world.json("POST", "/api/v1/agents", &token, body, Some("k")).await
    };
    let first = ask(&body).await.expect(201);
    world.pass(Duration::hours(23));
    housekeeping::run(&world.app).await.unwrap();
    let again = ask(&body).await.expect(201);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body, first.body);
    world.pass(Duration::hours(2));
    assert_eq!(ask(&body).await.expect(409).get("code"), "EMAIL_TAKEN");
}

#[tokio::test]
async fn a_failed_request_leaves_its_key_free_and_an_abandoned_one_after_a_minute() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let token = world.token(&admin).await;
    let (taken, other) = (new_agent(&[]), new_agent(&[]));
    world.post("/api/v1/agents", &token, &taken).await.expect(201);
    world.json("POST", "/api/v1/agents", &token, &taken, Some("k")).await.expect(409);
    world.json("POST", "/api/v1/agents", &token, &other, Some("k")).await.expect(201);

    // As a process that died in the middle leaves it.
    let mut connection = world.database.superuser().await;
    sqlx::query("update idempotency_keys set status = null, response_ciphertext = null")
        .execute(&mut connection)
        .await
        .unwrap();
    let busy = world.json("POST", "/api/v1/agents", &token, &other, Some("k")).await.expect(409);
    assert_eq!(busy.get("code"), "IDEMPOTENCY_IN_PROGRESS");
    world.pass(Duration::seconds(61));
    let after = world.json("POST", "/api/v1/agents", &token, &other, Some("k")).await.expect(409);
    assert_eq!(after.get("code"), "EMAIL_TAKEN");
}

#[tokio::test]
async fn a_key_belongs_to_its_caller_and_operation_and_the_answer_is_kept_sealed() {
    let world = World::new().await;
    let platform = world.bootstrap().await;
    let mut secrets = vec![];
    for _ in 0..2 {
        let (admin, _) = world.organization(&platform, "free").await;
        let token = world.token(&admin).await;
        world.json("POST", "/api/v1/agents", &token, &new_agent(&[]), Some("same")).await.expect(201);
        let path = format!("/api/v1/agents/{}/credentials", admin.id);
        let made = world.json("POST", &path, &token, &json!({}), Some("same")).await.expect(201);
        let again = world.json("POST", &path, &token, &json!({}), Some("same")).await.expect(201);
        assert_eq!(made.get("clientSecret"), again.get("clientSecret"));
        assert_eq!(again.headers["cache-control"], "no-store");
        secrets.push(made.get("clientSecret"));
    }
    assert_ne!(secrets[0], secrets[1]);
    let kept: Vec<Vec<u8>> = sqlx::query_scalar("select response_ciphertext from idempotency_keys")
        .fetch_all(&mut world.database.superuser().await)
        .await
        .unwrap();
    assert_eq!(kept.len(), 4);
    for answer in kept {
        assert!(!answer.windows(8).any(|window| window == b"sk_live_"), "a secret is stored in the clear");
    }
}
