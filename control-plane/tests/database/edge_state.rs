//! What an edge knows from the feed: the same from a snapshot as from the changes, and as much as the database itself.

use agentidp::housekeeping;
use agentidp::keys::{self, ChangedBy};
use agentidp_shared::jwk::Algorithm;
use agentidp_shared::state::State;
use serde_json::json;
use time::Duration;

use crate::support::{Agent, Edge, Instance, TOKEN_TTL, Tenant};

/// Two states that decide alike: the same keys, settings and policy, and the same word on each of these tokens.
#[track_caller]
fn assert_same(edge: &Edge, one: &State, other: &State, tokens: &[String]) {
    assert_eq!(one.sequence(), other.sequence());
    assert_eq!(one.issuer, other.issuer);
    assert_eq!(one.endpoints, other.endpoints);
    assert_eq!(format!("{:?}", one.keys), format!("{:?}", other.keys));
    assert_eq!(one.exceptions.len(), other.exceptions.len());
    for token in tokens {
        assert_eq!(edge.judge(one, token), edge.judge(other, token));
    }
}

/// Agents to whom everything happens that can, each with a token from before.
async fn fates(tenant: &Tenant) -> Vec<(&'static str, Agent, String)> {
    let mut agents = vec![];
    for fate in
        ["nothing", "suspended", "reactivated", "decommissioned", "token revoked", "all tokens revoked"]
    {
        let agent = tenant.create_agent(&["agents:read"]).await;
        let token = agent.token(&tenant.api).await;
        agents.push((fate, agent, token));
    }
    agents
}

async fn meet(tenant: &Tenant, fate: &str, agent: &Agent, token: &str) {
    let set = async |body| tenant.api.patch(&agent.path(), &body).await.expect(200);
    match fate {
        "suspended" => drop(set(json!({"status": "suspended"})).await),
        "reactivated" => {
            set(json!({"status": "suspended"})).await;
            set(json!({"status": "active"})).await;
        }
        "decommissioned" => drop(tenant.api.delete(&agent.path()).await.expect(204)),
        "token revoked" => drop(tenant.api.form("/oauth2/revoke", &[("token", token)]).await.expect(200)),
        "all tokens revoked" => drop(set(json!({"revokeTokens": true})).await),
        _ => {}
    }
}

#[tokio::test]
async fn following_the_changes_leads_where_a_snapshot_begins_and_both_say_what_the_database_says() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agents = fates(&tenant).await;
    instance.sequence().await;
    let edge = instance.edge("osaka");
    let mut follower = edge.begin().await;
    assert!(agents.iter().all(|(.., token)| edge.accepts(&follower, token)));

    for (fate, agent, token) in &agents {
        meet(&tenant, fate, agent, token).await;
        instance.advance(Duration::milliseconds(400));
        instance.sequence().await;
        edge.follow(&mut follower).await;
    }
    keys::rotate(&instance.app, Some(Algorithm::ES256), ChangedBy::CommandLine).await.unwrap();
    instance.sequence().await;
    instance.advance(Duration::seconds(6));
    keys::advance(&instance.app).await.unwrap();
    let mut tokens: Vec<_> = agents.iter().map(|(.., token)| token.clone()).collect();
    for (fate, agent, _) in &agents {
        if ["nothing", "reactivated", "token revoked", "all tokens revoked"].contains(fate) {
            tokens.push(agent.token(&tenant.api).await);
        }
    }
    instance.sequence().await;
    edge.follow(&mut follower).await;

    let fresh = edge.begin().await;
    assert_same(&edge, &follower, &fresh, &tokens);
    for token in &tokens {
        assert_eq!(edge.accepts(&fresh, token), tenant.is_active(token).await);
    }
    let accepted: Vec<_> = tokens.iter().map(|token| edge.accepts(&fresh, token)).collect();
    assert_eq!(accepted, [true, false, false, false, false, false, true, true, true, true]);
}

#[tokio::test]
async fn housekeeping_changes_nothing_of_what_a_snapshot_says() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agents = fates(&tenant).await;
    for (fate, agent, token) in &agents {
        meet(&tenant, fate, agent, token).await;
    }
    instance.advance(Duration::minutes(30));
    let tenant = tenant.again().await;
    for (fate, agent, token) in &fates(&tenant).await {
        meet(&tenant, fate, agent, token).await;
    }
    instance.sequence().await;
    let tokens: Vec<_> = agents.into_iter().map(|(.., token)| token).collect();
    for _ in 0..30 {
        instance.advance(Duration::minutes(5));
        let edge = instance.edge("osaka");
        let before = edge.begin().await;
        housekeeping::run(&instance.app).await.unwrap();
        assert_same(&edge, &before, &edge.begin().await, &tokens);
    }
}

#[tokio::test]
async fn a_revocation_is_in_the_snapshot_for_as_long_as_any_edge_may_take_the_token() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    instance.clock.set(instance.now().replace_nanosecond(0).unwrap());
    let token = agent.token(&tenant.api).await;
    tenant.api.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
    instance.sequence().await;
    let edge = instance.edge("osaka");
    assert_eq!(edge.begin().await.exceptions.len(), 1);
    // The token has expired, and clocks may differ by ten seconds on either side.
    instance.advance(Duration::seconds(TOKEN_TTL + 20) - Duration::microseconds(1));
    housekeeping::run(&instance.app).await.unwrap();
    assert_eq!(edge.begin().await.exceptions.len(), 1);
    instance.advance(Duration::microseconds(1));
    assert_eq!(edge.begin().await.exceptions.len(), 0);
    assert!(!edge.accepts(&edge.begin().await, &token), "expired");
}

#[tokio::test]
async fn a_suspended_agent_is_in_the_snapshot_until_its_longest_token_has_expired() {
    let instance =
        Instance::start_with(|settings| settings.with("AGENTIDP_TOKEN_TTL_SECONDS", "86400")).await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let token = agent.token(&tenant.api).await;
    tenant.api.patch(&agent.path(), &json!({"status": "suspended"})).await.expect(200);
    instance.sequence().await;
    let edge = instance.edge("osaka");
    for _ in 0..24 {
        instance.advance(Duration::hours(1) - Duration::seconds(1));
        housekeeping::run(&instance.app).await.unwrap();
        let state = edge.begin().await;
        assert!(state.exceptions.agent(agent.uuid().into()).is_some());
        assert!(!edge.accepts(&state, &token));
    }
    instance.advance(Duration::minutes(15));
    assert!(edge.begin().await.exceptions.is_empty());
}

#[tokio::test]
async fn a_snapshot_says_everything_that_is_numbered_and_nothing_that_is_not() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let token = agent.token(&tenant.api).await;
    instance.sequence().await;
    let edge = instance.edge("osaka");
    tenant.api.patch(&agent.path(), &json!({"status": "suspended"})).await.expect(200);
    let before = edge.begin().await;
    assert!(edge.accepts(&before, &token), "not numbered yet");
    instance.sequence().await;
    let after = edge.begin().await;
    assert!(!edge.accepts(&after, &token));
    assert_eq!(after.sequence(), before.sequence() + 1);
}
