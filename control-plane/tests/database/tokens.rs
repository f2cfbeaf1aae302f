//! Tokens as time passes: until when they are good, and what takes them back (decision 0004).

use agentidp::housekeeping;
use agentidp::infra::clock::unix_seconds;
use agentidp_shared::strict::{decode_base64url, parse_json_object};
use serde_json::{Map, Value, json};
use time::Duration;

use crate::support::{Agent, Instance, TOKEN_TTL, Tenant};

async fn scene() -> (Instance, Tenant, Agent) {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    (instance, tenant, agent)
}

fn claims(token: &str) -> Map<String, Value> {
    parse_json_object(&decode_base64url(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

async fn revoke_all(tenant: &Tenant, agent: &Agent) {
    tenant.api.patch(&agent.path(), &json!({"revokeTokens": true})).await.expect(200);
}

#[tokio::test]
async fn a_token_is_good_until_it_expires_and_clocks_have_had_their_difference() {
    let (instance, tenant, agent) = scene().await;
    let token = agent.token(&tenant.api).await;
    let (api, path) = (tenant.api.with_token(&token), agent.path());
    instance.clock.set(instance.now().replace_nanosecond(0).unwrap());
    instance.advance(Duration::seconds(TOKEN_TTL + 10) - Duration::microseconds(1));
    api.get(&path).await.expect(200);
    instance.advance(Duration::microseconds(1));
    api.get(&path).await.expect(401);
    assert!(!tenant.again().await.is_active(&token).await);
}

#[tokio::test]
async fn a_token_issued_after_a_revocation_in_the_same_second_gets_the_next_one() {
    let (instance, tenant, agent) = scene().await;
    let second = unix_seconds(instance.now());
    let before = agent.token(&tenant.api).await;
    assert_eq!(claims(&before)["iat"], second);
    revoke_all(&tenant, &agent).await;
    let after = agent.token(&tenant.api).await;
    let claims = claims(&after);
    assert_eq!((&claims["iat"], &claims["nbf"]), (&json!(second + 1), &json!(second)));
    assert_eq!(claims["exp"], second + 1 + TOKEN_TTL.unsigned_abs());
    assert!(!tenant.is_active(&before).await);
    assert!(tenant.is_active(&after).await, "good at once");
    tenant.api.with_token(&before).get(&agent.path()).await.expect(401);
    tenant.api.with_token(&after).get(&agent.path()).await.expect(200);
}

#[tokio::test]
async fn double_tap_attack_a_second_revocation_in_the_same_second_covers_what_was_issued_between() {
    let (instance, tenant, agent) = scene().await;
    let mut tokens = vec![];
    for _ in 0..3 {
        tokens.push(agent.token(&tenant.api).await);
        revoke_all(&tenant, &agent).await;
        instance.advance(Duration::milliseconds(10));
    }
    instance.sequence().await;
    let edge = instance.edge("osaka");
    let state = edge.begin().await;
    for (number, token) in tokens.iter().enumerate() {
        assert!(!tenant.is_active(token).await, "token {number}");
        tenant.api.with_token(token).get(&agent.path()).await.expect(401);
        assert!(!edge.accepts(&state, token), "token {number} at the edge");
    }
    let fresh = agent.token(&tenant.api).await;
    assert!(tenant.is_active(&fresh).await && edge.accepts(&state, &fresh));
}

#[tokio::test]
async fn a_suspension_right_after_a_reactivation_covers_what_was_issued_between() {
    let (instance, tenant, agent) = scene().await;
    let set = async |status: &str| {
        tenant.api.patch(&agent.path(), &json!({"status": status})).await.expect(200);
    };
    set("suspended").await;
    set("active").await;
    let between = agent.token(&tenant.api).await;
    assert!(tenant.is_active(&between).await);
    set("suspended").await;
    set("active").await;
    instance.advance(Duration::seconds(2));
    assert!(!tenant.is_active(&between).await, "it stays refused whatever becomes of the agent");
}

#[tokio::test]
async fn a_revocation_never_moves_back_when_the_clock_does() {
    let (instance, tenant, agent) = scene().await;
    instance.advance(Duration::seconds(3));
    let token = agent.token(&tenant.api).await;
    revoke_all(&tenant, &agent).await;
    instance.advance(Duration::seconds(-3));
    revoke_all(&tenant, &agent).await;
    let later = agent.token(&tenant.api).await;
    instance.advance(Duration::seconds(10));
    assert!(!tenant.is_active(&token).await);
    assert!(tenant.is_active(&later).await);
}

#[tokio::test]
async fn revoking_a_token_twice_is_one_event_and_one_entry_of_the_feed() {
    let (instance, tenant, agent) = scene().await;
    let token = agent.token(&tenant.api).await;
    for _ in 0..3 {
        tenant.api.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
        instance.advance(Duration::seconds(1));
    }
    assert!(!tenant.is_active(&token).await);
    assert_eq!(tenant.events("token.revoked").await.len(), 1);
    let entries = format!(
        "select count(*) from edge_feed_pending where key = 'token/{}'",
        claims(&token)["jti"].as_str().unwrap()
    );
    assert_eq!(instance.number(&entries).await, 1);
    assert_eq!(instance.number("select count(*) from revoked_tokens").await, 1);
}

#[tokio::test]
async fn tokens_of_a_suspended_agent_stay_refused_when_it_comes_back() {
    let (instance, tenant, agent) = scene().await;
    let token = agent.token(&tenant.api).await;
    assert!(tenant.is_active(&token).await);
    tenant.api.patch(&agent.path(), &json!({"status": "suspended"})).await.expect(200);
    assert!(!tenant.is_active(&token).await);
    instance.advance(Duration::minutes(5));
    tenant.api.patch(&agent.path(), &json!({"status": "active"})).await.expect(200);
    assert!(!tenant.is_active(&token).await);
    assert!(tenant.is_active(&agent.token(&tenant.api).await).await);
}

#[tokio::test]
async fn tokens_of_a_decommissioned_agent_are_refused() {
    let (_instance, tenant, agent) = scene().await;
    let token = agent.token(&tenant.api).await;
    tenant.api.delete(&agent.path()).await.expect(204);
    assert!(!tenant.is_active(&token).await);
    tenant.api.with_token(&token).get(&agent.path()).await.expect(401);
    agent.ask_token(&tenant.api).await.expect(401);
}

#[tokio::test]
async fn a_token_obtained_for_another_agent_dies_with_either() {
    for victim in ["the client", "the subject"] {
        let (_instance, tenant, agent) = scene().await;
        let client = tenant.create_agent(&["agents:read", "admin:orgs"]).await;
        tenant.set_role(&client, "admin").await;
        let asked = [("grant_type", "client_credentials"), ("agent_id", &agent.id)];
        let api = tenant.api.with_basic(&client.id, &client.secret);
        let token = api.form("/oauth2/token", &asked).await.expect(200).text("access_token");
        assert_eq!(claims(&token)["sub"], agent.id.as_str());
        assert!(tenant.is_active(&token).await);
        revoke_all(&tenant, if victim == "the client" { &client } else { &agent }).await;
        assert!(!tenant.is_active(&token).await, "{victim}");
        tenant.api.with_token(&token).get(&agent.path()).await.expect(401);
    }
}

#[tokio::test]
async fn revocations_are_forgotten_once_their_tokens_have_expired_and_not_before() {
    let (instance, tenant, agent) = scene().await;
    let token = agent.token(&tenant.api).await;
    tenant.api.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
    let kept = "select count(*) from revoked_tokens";
    instance.advance(Duration::seconds(TOKEN_TTL + 9));
    housekeeping::run(&instance.app).await.unwrap();
    assert_eq!(instance.number(kept).await, 1);
    let tenant = tenant.again().await;
    assert!(!tenant.is_active(&token).await, "it is not expired everywhere yet");
    instance.advance(Duration::minutes(11));
    housekeeping::run(&instance.app).await.unwrap();
    assert_eq!(instance.number(kept).await, 0);
    assert!(!tenant.is_active(&token).await);
    tenant.api.with_token(&token).get(&agent.path()).await.expect(401);
}

#[tokio::test]
async fn no_token_leaves_without_its_event() {
    let (instance, tenant, agent) = scene().await;
    instance.execute("revoke insert on audit_unsealed from agentidp_system").await;
    let refused = agent.ask_token(&tenant.api).await.expect(500);
    assert!(!refused.body.contains("access_token"), "{}", refused.body);
    let issued = format!(
        "select count(*) from audit_events where action = 'token.issued' and agent_id = '{}'",
        agent.id
    );
    assert_eq!(instance.number(&issued).await, 0);
}
