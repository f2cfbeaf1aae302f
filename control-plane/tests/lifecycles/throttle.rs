//! Failed logins are slowed, and never lock a client out.

use time::Duration;

use crate::support::{Client, World};

fn wrong(client: &Client) -> Client {
    Client { secret: format!("sk_live_{}", "0".repeat(64)), ..client.clone() }
}

#[tokio::test]
async fn lockout_attack_the_right_secret_is_accepted_however_often_others_failed_under_its_id() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let (agent, _) = world.agent(&admin, &[]).await;
    for number in 0..20 {
        // From everywhere, so that no single address is slowed.
        let answer = world.ask_token_from(&wrong(&agent), &format!("198.51.100.{number}")).await;
        assert_eq!(answer.status, if number < 5 { 401 } else { 429 }, "{number}: {}", answer.text);
        assert_eq!(answer.headers.contains_key("retry-after"), number >= 5);
    }
    world.ask_token_from(&agent, "203.0.113.1").await.expect(200);
}

#[tokio::test]
async fn guessing_attack_an_address_that_keeps_failing_is_refused_before_any_secret_is_looked_at() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let (agent, _) = world.agent(&admin, &[]).await;
    for number in 0..31 {
        // Other ids each time, and other addresses of the same IPv6 network.
        let guess = Client { id: uuid::Uuid::from_u128(number).to_string(), secret: agent.secret.clone() };
        world.ask_token_from(&guess, &format!("2001:db8:1:2::{number:x}")).await;
    }
    let blocked = world.ask_token_from(&agent, "2001:db8:1:2:ffff::1").await.expect(429);
    assert_eq!(blocked.get("error"), "slow_down");
    world.ask_token_from(&agent, "2001:db8:1:3::1").await.expect(200);
    world.pass(Duration::seconds(2));
    world.ask_token_from(&agent, "2001:db8:1:2::1").await.expect(200);
}

#[tokio::test]
async fn after_a_quarter_of_an_hour_without_failures_the_count_begins_again() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    for _ in 0..6 {
        world.ask_token(&wrong(&admin)).await;
    }
    world.ask_token(&wrong(&admin)).await.expect(429);
    world.pass(Duration::minutes(16));
    world.ask_token(&wrong(&admin)).await.expect(401);
}

#[tokio::test]
async fn suspension_is_told_only_to_who_knows_the_secret_and_both_are_recorded() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let (agent, _) = world.agent(&admin, &[]).await;
    let token = world.token(&admin).await;
    let path = format!("/api/v1/agents/{}", agent.id);
    world.json("PATCH", &path, &token, &serde_json::json!({"status": "suspended"}), None).await.expect(200);
    assert_eq!(world.ask_token(&wrong(&agent)).await.expect(401).get("error"), "invalid_client");
    assert_eq!(world.ask_token(&agent).await.expect(400).get("error"), "unauthorized_client");
    let events = format!("/api/v1/audit?action=auth.failed&agentId={}", agent.id);
    let events = world.get(&events, &token).await.expect(200);
    let reasons: Vec<&str> = events.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["metadata"]["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons.len(), 2);
    assert!(reasons.contains(&"agent is suspended"), "{reasons:?}");
    assert!(!events.text.contains("sk_live_"));
}
