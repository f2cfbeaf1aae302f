//! Tokens revoked one by one, and what becomes of it beyond an organization's limits.

use agentidp_shared::exceptions::Revoked;
use agentidp_shared::verify::{Refusal, Verdict};
use time::Duration;

use crate::shares::instance;
use crate::support::{Agent, Instance, Tenant};

async fn tokens(agent: &Agent, tenant: &Tenant, count: usize) -> Vec<String> {
    let mut tokens = vec![];
    for _ in 0..count {
        tokens.push(agent.token(&tenant.api).await);
    }
    tokens
}

async fn revoke(instance: &Instance, agent: &Agent, token: &str) {
    let form = [("token", token), ("client_id", &*agent.id), ("client_secret", &*agent.secret)];
    instance.api().form("/oauth2/revoke", &form).await.expect(200);
    instance.sequence().await;
}

/// Single revocations in the feed, superseded or not.
const TOLD_SINGLY: &str = "select count(*) from edge_feed where key like 'token/%'";

#[tokio::test]
async fn beyond_an_agents_limit_all_its_tokens_are_revoked_at_once() {
    let instance = instance(&[("revocations_per_agent = 1_000", "revocations_per_agent = 3")]).await;
    let tenant = instance.platform().await.create_organization("free").await;
    let (agent, other) =
        (tenant.create_agent(&["agents:read"]).await, tenant.create_agent(&["agents:read"]).await);
    let (held, of_other) = (tokens(&agent, &tenant, 6).await, other.token(&tenant.api).await);
    let edge = instance.edge("osaka");
    for token in &held[..3] {
        revoke(&instance, &agent, token).await;
    }
    let state = edge.begin().await;
    let single = Verdict::Refused(Refusal::Revoked(Revoked::Token));
    for token in &held[..3] {
        assert_eq!(edge.judge(&state, token), single);
    }
    assert!(held[3..].iter().all(|token| edge.accepts(&state, token)), "the limit is not passed yet");
    assert_eq!(instance.number(TOLD_SINGLY).await, 3);

    revoke(&instance, &agent, &held[3]).await;
    let words = "select count(*) from edge_feed where key like 'agent/%'";
    let told = instance.number(words).await;
    // They are refused already: there is nothing to tell.
    revoke(&instance, &agent, &held[4]).await;
    assert_eq!((instance.number(TOLD_SINGLY).await, instance.number(words).await), (3, told));
    let state = edge.begin().await;
    for token in &held[3..] {
        assert_eq!(edge.judge(&state, token), Verdict::Refused(Refusal::Revoked(Revoked::AgentTokens)));
        tenant.api.with_token(token).get(&agent.path()).await.expect(401);
    }
    assert!(edge.accepts(&state, &of_other));

    // What it obtains afterwards is good, until one of those is revoked too.
    instance.advance(Duration::seconds(5));
    let later = tokens(&agent, &tenant, 2).await;
    let state = edge.begin().await;
    assert!(later.iter().all(|token| edge.accepts(&state, token)));
    revoke(&instance, &agent, &later[0]).await;
    let state = edge.begin().await;
    assert!(later.iter().all(|token| !edge.accepts(&state, token)));
    assert_eq!(instance.number(TOLD_SINGLY).await, 3);
}

#[tokio::test]
async fn beyond_an_organizations_limit_all_tokens_of_the_agent_are_and_no_others() {
    let instance = instance(&[("revocations = 5_000", "revocations = 2")]).await;
    let platform = instance.platform().await;
    let (tenant, stranger) =
        (platform.create_organization("free").await, platform.create_organization("free").await);
    let edge = instance.edge("osaka");
    let mut agents = vec![];
    for _ in 0..4 {
        let agent = tenant.create_agent(&["agents:read"]).await;
        let held = tokens(&agent, &tenant, 2).await;
        agents.push((agent, held));
    }
    for (agent, held) in &agents[..3] {
        revoke(&instance, agent, &held[0]).await;
    }
    assert_eq!(instance.number(TOLD_SINGLY).await, 2);
    let state = edge.begin().await;
    let accepted: Vec<Vec<bool>> = agents
        .iter()
        .map(|(_, held)| held.iter().map(|token| edge.accepts(&state, token)).collect())
        .collect();
    assert_eq!(accepted, [[false, true], [false, true], [false, false], [true, true]]);

    let foreign = stranger.create_agent(&["agents:read"]).await;
    let held = tokens(&foreign, &stranger, 2).await;
    revoke(&instance, &foreign, &held[0]).await;
    assert!(edge.accepts(&edge.begin().await, &held[1]), "the limit is another organization's");
}

#[tokio::test]
async fn what_has_expired_counts_no_longer() {
    let instance = instance(&[("revocations_per_agent = 1_000", "revocations_per_agent = 1")]).await;
    let tenant = instance.platform().await.create_organization("free").await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let first = agent.token(&tenant.api).await;
    revoke(&instance, &agent, &first).await;
    instance.advance(Duration::hours(2));
    let later = tokens(&agent, &tenant, 2).await;
    revoke(&instance, &agent, &later[0]).await;
    let edge = instance.edge("osaka");
    let state = edge.begin().await;
    assert_eq!((edge.accepts(&state, &later[0]), edge.accepts(&state, &later[1])), (false, true));
}
