//! Tokens, revoked by the second.

use agentidp::housekeeping;
use serde_json::json;
use time::Duration;

use crate::support::{START, World, payload};

#[tokio::test]
async fn a_token_issued_in_the_second_of_a_revocation_survives_it_and_those_before_do_not() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let (agent, _) = world.agent(&admin, &["agents:read"]).await;
    let (token, path) = (world.token(&admin).await, format!("/api/v1/agents/{}", agent.id));
    let before = world.token(&agent).await;
    world.json("PATCH", &path, &token, &json!({"revokeTokens": true}), None).await.expect(200);
    let after = world.token(&agent).await;
    assert_eq!(payload(&before)["iat"], START);
    let claims = payload(&after);
    assert_eq!((&claims["iat"], &claims["nbf"]), (&json!(START + 1), &json!(START)));
    world.get(&path, &before).await.expect(401);
    world.get(&path, &after).await.expect(200);
    assert_eq!(claims["exp"], START + 1 + 3_600);
}

#[tokio::test]
async fn revocation_is_idempotent_recorded_once_and_forgotten_only_after_the_token_expired() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let (agent, _) = world.agent(&admin, &["agents:read", "tokens:read"]).await;
    let (doomed, good) = (world.token(&agent).await, world.token(&agent).await);
    for _ in 0..3 {
        world.form("/oauth2/revoke", &good, &format!("token={doomed}")).await.expect(200);
    }
    let asked = world.form("/oauth2/introspect", &good, &format!("token={doomed}")).await.expect(200);
    assert_eq!(asked.body, json!({"active": false}));
    let path = format!("/api/v1/audit?action=token.revoked&agentId={}", agent.id);
    let token = world.token(&admin).await;
    assert_eq!(world.get(&path, &token).await.expect(200).body["total"], 1);
    let kept = async || -> i64 {
        housekeeping::run(&world.app).await.unwrap();
        housekeeping::run(&world.app).await.unwrap();
        let mut connection = world.database.superuser().await;
        sqlx::query_scalar("select count(*) from revoked_tokens").fetch_one(&mut connection).await.unwrap()
    };
    world.pass(Duration::seconds(3_600));
    assert_eq!(kept().await, 1);
    world.pass(Duration::minutes(11));
    assert_eq!(kept().await, 0);
    world.get("/api/v1/agents", &doomed).await.expect(401);
}

#[tokio::test]
async fn an_administrator_gets_a_token_for_its_agent_which_dies_with_either() {
    let world = World::new().await;
    let platform = world.bootstrap().await;
    let (admin, _) = world.organization(&platform, "free").await;
    let (agent, _) = world.agent(&admin, &["agents:read"]).await;
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&agent_id={}",
        admin.id, admin.secret, agent.id
    );
    let request = http::Request::post("/oauth2/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.into())
        .unwrap();
    let token = world.send(request).await.expect(200).get("access_token");
    let claims = payload(&token);
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(agent.id), &json!(admin.id)));
    assert_eq!(claims["scope"], "agents:read");
    world.get("/api/v1/agents", &token).await.expect(200);
    let own = world.token(&admin).await;
    let path = format!("/api/v1/agents/{}", admin.id);
    world.json("PATCH", &path, &own, &json!({"revokeTokens": true}), None).await.expect(200);
    world.get("/api/v1/agents", &token).await.expect(401);
}
