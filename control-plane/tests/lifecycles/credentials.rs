//! Secrets as time passes.

use serde_json::json;
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::support::{Client, World};

#[tokio::test]
async fn an_expired_credential_stops_working_by_itself() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let (agent, _) = world.agent(&admin, &["agents:read"]).await;
    let token = world.token(&admin).await;
    let end = (world.app.now() + Duration::minutes(10)).format(&Rfc3339).unwrap();
    let path = format!("/api/v1/agents/{}/credentials", agent.id);
    let made = world.post(&path, &token, &json!({"expiresAt": end})).await.expect(201);
    let short_lived = Client { id: agent.id.clone(), secret: made.get("clientSecret") };
    world.pass(Duration::seconds(599));
    world.ask_token(&short_lived).await.expect(200);
    world.pass(Duration::seconds(1));
    assert_eq!(world.ask_token(&short_lived).await.expect(401).get("error"), "invalid_client");
    world.ask_token(&agent).await.expect(200);
    let list = world.get(&path, &token).await.expect(200);
    let expired =
        list.body["data"].as_array().unwrap().iter().find(|c| c["expiresAt"] == json!(end)).unwrap();
    assert_eq!(expired["status"], "expired");
    let rotate = format!("{path}/{}/rotate", made.get("credentialId"));
    assert_eq!(world.post(&rotate, &token, &json!({})).await.expect(409).get("code"), "CREDENTIAL_EXPIRED");
}

#[tokio::test]
async fn during_the_overlap_both_secrets_work_and_after_it_only_the_new_one() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let (old, credential) = world.agent(&admin, &[]).await;
    let token = world.token(&admin).await;
    let path = format!("/api/v1/agents/{}/credentials/{credential}/rotate", old.id);
    let rotated = world.post(&path, &token, &json!({"overlapSeconds": 60})).await.expect(200);
    assert_eq!(rotated.get("credentialId"), credential);
    let new = Client { secret: rotated.get("clientSecret"), ..old.clone() };
    for client in [&old, &new] {
        world.ask_token(client).await.expect(200);
    }
    world.pass(Duration::seconds(60));
    world.ask_token(&old).await.expect(401);
    world.ask_token(&new).await.expect(200);
}

#[tokio::test]
async fn rotated_secret_stops_working_at_once() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let (old, credential) = world.agent(&admin, &[]).await;
    let token = world.token(&admin).await;
    let path = format!("/api/v1/agents/{}/credentials/{credential}/rotate", old.id);
    let first = world.post(&path, &token, &json!({})).await.expect(200);
    world.ask_token(&old).await.expect(401);
    // Sent twice, it is one rotation; a moment later it is another.
    world.pass(Duration::milliseconds(4_999));
    let repeated = world.post(&path, &token, &json!({})).await.expect(409);
    assert_eq!(repeated.get("code"), "CREDENTIAL_JUST_ROTATED");
    assert_eq!(repeated.headers["retry-after"], "5");
    world.pass(Duration::milliseconds(1));
    let second = world.post(&path, &token, &json!({})).await.expect(200);
    world.ask_token(&Client { secret: first.get("clientSecret"), ..old.clone() }).await.expect(401);
    world.ask_token(&Client { secret: second.get("clientSecret"), ..old }).await.expect(200);
}

#[tokio::test]
async fn the_only_credential_is_rotated_without_being_named_and_one_of_two_is_not() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let (agent, _) = world.agent(&admin, &[]).await;
    let token = world.token(&admin).await;
    let base = format!("/api/v1/agents/{}/credentials", agent.id);
    world.post(&format!("{base}/rotate"), &token, &json!({})).await.expect(200);
    world.post(&base, &token, &json!({})).await.expect(201);
    world.pass(Duration::minutes(1));
    let refused = world.post(&format!("{base}/rotate"), &token, &json!({})).await.expect(409);
    assert_eq!(refused.get("code"), "CREDENTIAL_AMBIGUOUS");
}

#[tokio::test]
async fn uses_are_noted_to_the_minute() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let (agent, _) = world.agent(&admin, &[]).await;
    let path = format!("/api/v1/agents/{}/credentials", agent.id);
    let last_used = async || {
        let token = world.token(&admin).await;
        world.get(&path, &token).await.expect(200).body["data"][0]["lastUsedAt"].clone()
    };
    assert!(last_used().await.is_null());
    world.token(&agent).await;
    let first = last_used().await;
    assert!(first.is_string());
    world.pass(Duration::seconds(30));
    world.token(&agent).await;
    assert_eq!(last_used().await, first);
    world.pass(Duration::seconds(31));
    world.token(&agent).await;
    assert_ne!(last_used().await, first);
}

#[tokio::test]
async fn a_database_of_another_keystore_key_is_refused_at_start() {
    let world = World::new().await;
    world.bootstrap().await;
    let other = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let refused = world.another(&[("AGENTIDP_KEYSTORE_KEY", other)]).await.unwrap_err();
    let cause = format!("{:#}", anyhow::Error::from(refused));
    assert!(cause.contains("AGENTIDP_KEYSTORE_KEY"), "{cause}");
}
