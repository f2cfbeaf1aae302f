//! A delegation from agent to agent, at the edge.

use std::time::{Duration, Instant};

use agentidp_tests::{Agent, Api, Tenant, eventually};
use serde_json::json;

use crate::tokens::{Scene, claims};

const SCOPES: [&str; 2] = ["agents:read", "tokens:read"];
/// The promise for what was taken back, with the edge running.
const SOON: Duration = Duration::from_secs(2);

async fn delegate(api: &Api, token: &str, delegatee: &Agent, scopes: &[&str]) -> String {
    let body = json!({"delegateeId": delegatee.id, "scopes": scopes, "ttlSeconds": 600});
    let answer = api.with_token(token).post("/oauth2/token/delegate", &body).await;
    answer.expect(201).text("delegationToken")
}

/// A → B → C → D. A is the scene's agent; the tokens of B, C and D.
async fn chain(scene: &Scene) -> (Vec<Agent>, Vec<String>) {
    let (mut agents, mut tokens) = (vec![], vec![]);
    let mut last = scene.token.clone();
    for _ in 0..3 {
        let (agent, _) = scene.another_agent(&SCOPES).await;
        last = delegate(&scene.api, &last, &agent, &["agents:read"]).await;
        tokens.push(last.clone());
        agents.push(agent);
    }
    (agents, tokens)
}

#[tokio::test]
async fn a_chain_of_four_is_verified_and_dies_from_where_it_is_cut() {
    for cut in ["the delegation", "the agent"] {
        let scene = Scene::set().await;
        let (agents, tokens) = chain(&scene).await;
        for (agent, token) in agents.iter().zip(&tokens) {
            let answer = scene.api.with_token(token).get("/verify").await.expect(200);
            assert_eq!(answer.header("x-agent-id"), Some(&*agent.id));
            assert_eq!(answer.header("x-agent-on-behalf-of"), Some(&*scene.agent.id));
        }
        let body = json!({"delegationToken": tokens[2]});
        let verified =
            scene.with_token().post("/oauth2/token/verify-delegation", &body).await.expect(200).json();
        let all = json!([scene.agent.id, agents[0].id, agents[1].id, agents[2].id]);
        assert_eq!((&verified["valid"], &verified["agents"]), (&json!(true), &all));

        if cut == "the agent" {
            scene.tenant.api.delete(&format!("/api/v1/agents/{}", agents[0].id)).await.expect(204);
        } else {
            let chain = claims(&tokens[0])["jti"].as_str().unwrap().to_owned();
            scene.with_token().delete(&format!("/oauth2/token/delegate/{chain}")).await.expect(204);
            scene.with_token().delete(&format!("/oauth2/token/delegate/{chain}")).await.expect(409);
        }
        let started = Instant::now();
        for token in &tokens {
            eventually("the edge refuses what comes after", SOON, async || {
                scene.api.with_token(token).get("/verify").await.is(401).then_some(())
            })
            .await;
        }
        println!("{cut}: B, C and D refused after {:?}", started.elapsed());
        let verified =
            scene.with_token().post("/oauth2/token/verify-delegation", &body).await.expect(200).json();
        assert_eq!(verified["valid"], false);
        scene.with_token().get("/verify").await.expect(200);
    }
}

#[tokio::test]
async fn what_was_passed_on_to_another_organization_is_verified_and_ends_with_either_grant() {
    for end in ["the grant", "the answer", "the other organization"] {
        let scene = Scene::set().await;
        let other = scene.tenant.create_organization().await;
        let agent = other.create_agent(&["agents:read"]).await;
        let grant = async |of: &Tenant, to: &Tenant, scopes: &[&str]| {
            let body = json!({"granteeId": to.organization_id, "scopes": scopes});
            of.api.post("/api/v1/federation/grants", &body).await.expect(201).text("grantId")
        };
        let given = grant(&scene.tenant, &other, &["agents:read"]).await;
        let answer = grant(&other, &scene.tenant, &[]).await;
        let token = delegate(&scene.api, &scene.token, &agent, &["agents:read"]).await;
        let verified = scene.api.with_token(&token).get("/verify").await.expect(200);
        assert_eq!(verified.header("x-agent-id"), Some(&*agent.id));
        assert_eq!(verified.header("x-agent-organization"), Some(&*scene.tenant.organization_id));
        assert_eq!(verified.header("x-agent-home-organization"), Some(&*other.organization_id));

        match end {
            "the grant" => {
                scene.tenant.api.delete(&format!("/api/v1/federation/grants/{given}")).await.expect(204)
            }
            "the answer" => {
                other.api.delete(&format!("/api/v1/federation/grants/{answer}")).await.expect(204)
            }
            _ => {
                let organization = format!("/api/v1/organizations/{}", other.organization_id);
                scene.tenant.api.patch(&organization, &json!({"status": "suspended"})).await.expect(200)
            }
        };
        eventually("the edge refuses it", SOON, async || {
            scene.api.with_token(&token).get("/verify").await.is(401).then_some(())
        })
        .await;
        scene.with_token().get("/verify").await.expect(200);
    }
}
