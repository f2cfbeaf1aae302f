//! Delegation and token exchange (RFC 8693), at the control plane and as the edge's rules see it.

mod abroad;
mod attack;

use agentidp_shared::strict::{decode_base64url, parse_json_object};
use serde_json::{Map, Value, json};
use time::Duration;

use crate::support::{Agent, Answer, Api, Instance, Tenant};

pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SCOPES: [&str; 3] = ["agents:read", "audit:read", "tokens:read"];

pub fn claims(token: &str) -> Map<String, Value> {
    parse_json_object(&decode_base64url(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

pub fn id_of(token: &str) -> String {
    claims(token)["jti"].as_str().unwrap().to_owned()
}

pub async fn agents<const N: usize>(tenant: &Tenant) -> [Agent; N] {
    let mut agents = vec![];
    for _ in 0..N {
        agents.push(tenant.create_agent(&SCOPES).await);
    }
    agents.try_into().unwrap()
}

/// As the holder of `token`.
pub async fn ask_delegation(api: &Api, token: &str, delegatee: &Agent, scopes: &[&str]) -> Answer {
    let body = json!({"delegateeId": delegatee.id, "scopes": scopes, "ttlSeconds": 600});
    api.with_token(token).post("/oauth2/token/delegate", &body).await
}

pub async fn delegate(api: &Api, token: &str, delegatee: &Agent, scopes: &[&str]) -> String {
    ask_delegation(api, token, delegatee, scopes).await.expect(201).text("delegationToken")
}

pub async fn exchange(api: &Api, client: &Agent, subject_token: &str, more: &[(&str, &str)]) -> Answer {
    let mut form =
        vec![("grant_type", GRANT), ("subject_token", subject_token), ("subject_token_type", ACCESS_TOKEN)];
    form.extend(more);
    api.with_basic(&client.id, &client.secret).form("/oauth2/token", &form).await
}

async fn verify(api: &Api, token: &str) -> Value {
    api.post("/oauth2/token/verify-delegation", &json!({"delegationToken": token})).await.expect(200).json()
}

/// A → B → C → D, each passing on less; the tokens of all.
async fn chain(tenant: &Tenant, agents: &[Agent; 4]) -> [String; 4] {
    let [a, b, c, d] = agents;
    let api = &tenant.api;
    let root = a.token(api).await;
    let to_b = delegate(api, &root, b, &SCOPES).await;
    let to_c = delegate(api, &to_b, c, &["agents:read", "audit:read"]).await;
    let to_d = delegate(api, &to_c, d, &["agents:read"]).await;
    [root, to_b, to_c, to_d]
}

#[tokio::test]
async fn a_chain_of_four_is_good_here_and_at_the_edge_and_says_who_acts_for_whom() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let all = agents::<4>(&tenant).await;
    let tokens = chain(&tenant, &all).await;
    instance.sequence().await;
    let edge = instance.edge("osaka");
    let state = edge.begin().await;
    for token in &tokens {
        assert!(edge.accepts(&state, token));
        assert!(tenant.is_active(token).await);
    }
    let ids: Vec<_> = all.iter().map(|agent| &agent.id).collect();
    let last = claims(&tokens[3]);
    assert_eq!(
        (&last["sub"], &last["client_id"], &last["scope"]),
        (&json!(ids[0]), &json!(ids[3]), &json!("agents:read"))
    );
    assert_eq!(last["act"], json!({"sub": ids[3], "act": {"sub": ids[2], "act": {"sub": ids[1]}}}));
    let verified = verify(&tenant.api, &tokens[3]).await;
    assert_eq!((&verified["valid"], &verified["agents"]), (&json!(true), &json!(ids)));
    assert_eq!(verified["delegatorId"], json!(ids[2]));
    let introspected =
        tenant.api.form("/oauth2/introspect", &[("token", &tokens[3])]).await.expect(200).json();
    assert_eq!((&introspected["act"], &introspected["sub"]), (&last["act"], &json!(ids[0])));
    assert_eq!(tenant.events("delegation.created").await.len(), 3);
    assert_eq!(verify(&tenant.api, &tokens[0]).await["valid"], false, "it was not delegated");
}

#[tokio::test]
async fn revoked_hop_attack_whatever_ends_one_agent_or_its_token_ends_all_after_it() {
    let instance = Instance::start().await;
    for end in
        ["the delegation", "the token", "the agent's tokens", "suspended", "decommissioned", "the root token"]
    {
        let tenant = instance.tenant().await;
        let all = agents::<4>(&tenant).await;
        let tokens = chain(&tenant, &all).await;
        instance.sequence().await;
        let edge = instance.edge("osaka");
        let mut state = edge.begin().await;
        assert!(tokens.iter().all(|token| edge.accepts(&state, token)), "{end}");
        let (api, b) = (&tenant.api, &all[1]);
        let first = match end {
            "the delegation" => {
                let path = format!("/oauth2/token/delegate/{}", id_of(&tokens[1]));
                api.with_token(&tokens[0]).delete(&path).await.expect(204);
                1
            }
            "the token" => {
                api.form("/oauth2/revoke", &[("token", &tokens[1])]).await.expect(200);
                1
            }
            "the root token" => {
                api.form("/oauth2/revoke", &[("token", &tokens[0])]).await.expect(200);
                0
            }
            "the agent's tokens" => {
                api.patch(&b.path(), &json!({"revokeTokens": true})).await.expect(200);
                1
            }
            "suspended" => {
                api.patch(&b.path(), &json!({"status": "suspended"})).await.expect(200);
                1
            }
            _ => {
                api.delete(&b.path()).await.expect(204);
                1
            }
        };
        instance.sequence().await;
        edge.follow(&mut state).await;
        for (position, token) in tokens.iter().enumerate() {
            let good = position < first;
            assert_eq!(edge.accepts(&state, token), good, "{end}: token {position} at the edge");
            assert_eq!(tenant.is_active(token).await, good, "{end}: token {position}");
            let status = if good { 200 } else { 401 };
            api.with_token(token).get(&all[0].path()).await.expect(status);
            if position > 0 {
                assert_eq!(verify(api, token).await["valid"], good, "{end}: token {position}");
            }
        }
        exchange(api, &all[3], &tokens[3], &[]).await.expect(400);
    }
}

#[tokio::test]
async fn a_delegation_is_taken_back_once_by_those_whose_it_is() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let all = agents::<4>(&tenant).await;
    let tokens = chain(&tenant, &all).await;
    let other = instance.platform().await.create_organization("free").await;
    let path = format!("/oauth2/token/delegate/{}", id_of(&tokens[2]));
    let api = &tenant.api;
    // D is after it, C is who it was given to: neither takes it back. Nor does whoever holds a token of the subject's.
    for token in [&tokens[3], &tokens[2], &all[3].token(api).await, &all[2].token(api).await] {
        assert_eq!(api.with_token(token).delete(&path).await.expect(403).code(), "NOT_DELEGATOR");
    }
    other.api.delete(&path).await.expect(404);
    api.delete("/oauth2/token/delegate/0198c5a4-0000-7000-8000-00000000dead").await.expect(404);
    api.delete("/oauth2/token/delegate/x").await.expect(400);
    assert!(tenant.is_active(&tokens[3]).await, "nobody's attempt took it back");
    let b = all[1].log_in(api).await;
    b.delete(&path).await.expect(204);
    assert_eq!(b.delete(&path).await.expect(409).code(), "DELEGATION_REVOKED");
    assert_eq!(tenant.events("delegation.revoked").await.len(), 1);
    assert!(tenant.is_active(&tokens[1]).await && !tenant.is_active(&tokens[3]).await);
}

#[tokio::test]
async fn an_exchanged_token_is_narrower_ends_with_the_first_and_is_recorded() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let [a, b] = agents::<2>(&tenant).await;
    let root = a.token(&tenant.api).await;
    let to_b = delegate(&tenant.api, &root, &b, &["agents:read", "audit:read"]).await;
    instance.advance(Duration::seconds(5));
    let platform = instance.platform().await;
    platform.create_resource("https://api.example.com", &[], &json!("all")).await;
    let more = [
        ("scope", "agents:read"),
        ("resource", "https://api.example.com"),
        ("requested_token_type", ACCESS_TOKEN),
    ];
    let answer = exchange(&tenant.api, &b, &to_b, &more).await.expect(200);
    assert_eq!(
        (answer.text("issued_token_type"), answer.text("token_type")),
        (ACCESS_TOKEN.into(), "Bearer".into())
    );
    assert_eq!(
        (answer.text("scope"), answer.header("cache-control")),
        ("agents:read".into(), Some("no-store"))
    );
    assert!(answer.json().get("refresh_token").is_none());
    let (parent, child) = (claims(&to_b), claims(&answer.text("access_token")));
    assert_eq!((&child["aud"], &child["sub"]), (&json!("https://api.example.com"), &json!(a.id)));
    assert_eq!(child["exp"], parent["exp"]);
    assert_eq!(child["act"], json!({"sub": b.id}));
    let issued = &tenant.events("token.issued").await[0];
    assert_eq!((&issued["metadata"]["act"], &issued["metadata"]["jti"]), (&child["act"], &child["jti"]));
    // An actor token bounds it too.
    let actor = b.token(&tenant.api).await;
    let more = [("actor_token", &*actor), ("actor_token_type", ACCESS_TOKEN)];
    exchange(&tenant.api, &b, &to_b, &more).await.expect(200);
    // What one narrows for oneself has no actor.
    let own =
        exchange(&tenant.api, &a, &root, &[("scope", "agents:read")]).await.expect(200).text("access_token");
    assert!(!claims(&own).contains_key("act"));
    tenant.api.form("/oauth2/revoke", &[("token", &root)]).await.expect(200);
    assert!(!tenant.is_active(&own).await, "it goes with what it was narrowed from");
}

#[tokio::test]
async fn takeover_attack_a_delegated_token_changes_nothing_in_the_subjects_name() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let [b] = agents::<1>(&tenant).await;
    let scopes = ["agents:read", "agents:write", "admin:orgs"];
    let token = delegate(&tenant.api, &tenant.admin.token(&tenant.api).await, &b, &scopes).await;
    let api = tenant.api.with_token(&token);
    let (admin, organization) =
        (tenant.admin.path(), format!("/api/v1/organizations/{}", tenant.organization_id));
    api.get(&admin).await.expect(200);
    for answer in [
        api.post(&format!("{admin}/credentials"), &json!({})).await,
        api.patch(&admin, &json!({"status": "suspended"})).await,
        api.delete(&b.path()).await,
        api.patch(&organization, &json!({"name": "mine"})).await,
        api.post(&format!("{organization}/members"), &json!({"agentId": b.id, "role": "owner"})).await,
    ] {
        assert_eq!(answer.expect(403).code(), "DELEGATED_TOKEN");
    }
    // Nor does it end what is the subject's.
    let own = tenant.admin.token(&tenant.api).await;
    api.form("/oauth2/revoke", &[("token", &own)]).await.expect(400);
    assert!(tenant.is_active(&own).await);
}

#[tokio::test]
async fn a_repeated_delegation_gives_the_first_token_again_and_to_nobody_else() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let [a, b, c] = agents::<3>(&tenant).await;
    let root = a.token(&tenant.api).await;
    let to_b = delegate(&tenant.api, &root, &b, &["agents:read"]).await;
    let keyed = tenant.api.with("idempotency-key", "once");
    let ask = async |token: &str| ask_delegation(&keyed, token, &c, &["agents:read"]).await.expect(201);
    let (first, again, others) = (ask(&root).await, ask(&root).await, ask(&to_b).await);
    assert_eq!(first.text("delegationToken"), again.text("delegationToken"));
    assert_ne!(first.text("chainId"), others.text("chainId"), "who acts for A is not A");
}

#[tokio::test]
async fn delegations_are_forgotten_a_day_after_they_expired() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let [a, b] = agents::<2>(&tenant).await;
    delegate(&tenant.api, &a.token(&tenant.api).await, &b, &["agents:read"]).await;
    for (hours, left) in [(1, 1), (24, 0)] {
        instance.advance(Duration::hours(hours));
        instance.run_schedules().await;
        assert_eq!(instance.number("select count(*) from delegations").await, left, "{hours} h");
    }
}
