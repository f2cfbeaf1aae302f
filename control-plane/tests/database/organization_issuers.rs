//! Organizations that choose how their tokens are signed, and in whose name.

use agentidp::keys::{self, KeyStatus};
use agentidp_shared::strict::decode_base64url;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{ISSUER, Instance};

const SHORTEST_WAIT: Duration = Duration::seconds(6);

fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&decode_base64url(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

async fn life(instance: &Instance) -> Vec<(&'static str, KeyStatus)> {
    let keys = keys::list(&instance.app).await.unwrap();
    let mut life: Vec<_> = keys.into_iter().map(|key| (key.algorithm.as_str(), key.status)).collect();
    life.sort_by_key(|(algorithm, _)| *algorithm);
    life
}

#[tokio::test]
async fn a_chosen_algorithm_signs_once_the_edges_know_its_key_and_no_token_is_refused() {
    let instance = Instance::start().await;
    instance.platform().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let edge = instance.edge("osaka");
    instance.sequence().await;
    let path = format!("/api/v1/organizations/{}", tenant.uuid());
    let mut tokens = vec![agent.token(&tenant.api).await];

    let chosen = tenant.api.patch(&path, &json!({ "signingAlgorithm": "RS256" })).await.expect(200).json();
    assert_eq!(
        (&chosen["signingAlgorithm"], &chosen["signingAlgorithmInForce"]),
        (&json!("RS256"), &json!("ES256"))
    );
    assert_eq!(life(&instance).await, [("ES256", KeyStatus::Active), ("RS256", KeyStatus::Next)]);
    tokens.push(agent.token(&tenant.api).await);
    assert_eq!(part(&tokens[1], 0)["alg"], "ES256");

    instance.sequence().await;
    let known = edge.begin().await;
    edge.acknowledge(known.sequence()).await;
    instance.advance(SHORTEST_WAIT);
    keys::advance(&instance.app).await.unwrap();
    assert_eq!(life(&instance).await, [("ES256", KeyStatus::Active), ("RS256", KeyStatus::Active)]);
    tokens.push(agent.token(&tenant.api).await);
    assert_eq!(part(&tokens[2], 0)["alg"], "RS256");
    assert!(tokens.iter().all(|token| edge.accepts(&known, token)));
    let shown = tenant.api.get(&path).await.expect(200).json();
    assert_eq!(shown["signingAlgorithmInForce"], "RS256");
    let events = tenant.events("org.updated").await;
    assert_eq!(events[0]["metadata"]["signingAlgorithm"], json!({ "from": null, "to": "RS256" }));

    tenant.api.patch(&path, &json!({ "signingAlgorithm": null })).await.expect(200);
    keys::advance(&instance.app).await.unwrap();
    assert_eq!(life(&instance).await, [("ES256", KeyStatus::Active), ("RS256", KeyStatus::Retiring)]);
    tokens.push(agent.token(&tenant.api).await);
    assert_eq!(part(&tokens[3], 0)["alg"], "ES256");
    for token in &tokens {
        tenant.api.with_token(token).get(&agent.path()).await.expect(200);
    }
}

#[tokio::test]
async fn an_organizations_issuer_is_in_its_tokens_and_its_documents_and_in_nobody_elses() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let before = agent.token(&tenant.api).await;
    let id = tenant.uuid();
    let documents = [
        format!("/organizations/{id}/.well-known/openid-configuration"),
        format!("/.well-known/openid-configuration/organizations/{id}"),
        format!("/.well-known/oauth-authorization-server/organizations/{id}"),
    ];
    for document in &documents {
        let absent = instance.api().get(document).await.expect(404);
        let nobody = document.replace(&id.to_string(), &agent.uuid().to_string());
        assert_eq!(instance.api().get(&nobody).await.expect(404).code(), absent.code());
    }
    let path = format!("/api/v1/organizations/{id}");
    let issuer = format!("{ISSUER}/organizations/{id}");
    let shown = tenant.api.patch(&path, &json!({ "issuerKind": "organization" })).await.expect(200).json();
    assert_eq!(shown["issuer"], issuer);
    let token = agent.token(&tenant.api).await;
    assert_eq!(part(&token, 1)["iss"], issuer);
    for document in &documents {
        let metadata = instance.api().get(document).await.expect(200).json();
        assert_eq!(
            (&metadata["issuer"], &metadata["token_endpoint"]),
            (&json!(issuer), &json!(format!("{ISSUER}/oauth2/token")))
        );
    }
    for token in [&before, &token] {
        tenant.api.with_token(token).get(&agent.path()).await.expect(200);
        assert!(tenant.is_active(token).await);
        tenant.api.form("/oauth2/revoke", &[("token", token)]).await.expect(200);
        assert!(!tenant.is_active(token).await);
    }
    let wrong = json!({ "issuerKind": "mine", "signingAlgorithm": "none" });
    let refused = tenant.api.patch(&path, &wrong).await.expect(400);
    assert!(
        ["issuerKind", "signingAlgorithm"].iter().all(|field| refused.body.contains(field)),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn an_algorithm_that_nobody_has_chosen_has_no_key_to_rotate() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let refused = platform.api.post("/api/v1/keys/rotate?algorithm=EdDSA", &json!({})).await.expect(409);
    assert_eq!(refused.code(), "ALGORITHM_NOT_IN_USE");
    let wrong = platform.api.post("/api/v1/keys/rotate?algorithm=none", &json!({})).await.expect(400);
    assert!(wrong.body.contains("algorithm"), "{}", wrong.body);

    let tenant = instance.tenant().await;
    let path = format!("/api/v1/organizations/{}", tenant.uuid());
    tenant.api.patch(&path, &json!({ "signingAlgorithm": "EdDSA" })).await.expect(200);
    assert_eq!(life(&instance).await, [("ES256", KeyStatus::Active), ("EdDSA", KeyStatus::Next)]);
    let waits = platform.api.post("/api/v1/keys/rotate?algorithm=EdDSA", &json!({})).await.expect(409);
    assert_ne!(waits.code(), "ALGORITHM_NOT_IN_USE");
}
