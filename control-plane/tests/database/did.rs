//! Agents' DIDs: resolved with metadata, their keys replaced and gone in time.

use agentidp::did::{RotateDidError, rotate_by_command};
use agentidp_shared::feed::Change;
use axum::http::header;
use futures_util::future::join_all;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{Agent, Instance, Tenant};

async fn scene() -> (Instance, Tenant, Agent) {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    (instance, tenant, agent)
}

async fn document(tenant: &Tenant, agent: &Agent) -> Value {
    tenant.api.get(&format!("/agents/{}/did.json", agent.id)).await.expect(200).json()
}

async fn resolution(tenant: &Tenant, agent: &Agent) -> Value {
    tenant.again().await.api.get(&format!("{}/did/resolve", agent.path())).await.expect(200).json()
}

async fn rotate(tenant: &Tenant, agent: &Agent, body: &Value) -> Value {
    tenant.again().await.api.post(&format!("{}/did/rotate", agent.path()), body).await.expect(200).json()
}

fn key_ids(document: &Value, member: &str) -> Vec<String> {
    let keys = document[member].as_array().unwrap().iter();
    let id =
        |key: &Value| key["id"].as_str().or(key.as_str()).unwrap().rsplit_once('#').unwrap().1.to_owned();
    keys.map(id).collect()
}

#[tokio::test]
async fn a_did_resolves_to_its_document_with_metadata() {
    let (instance, tenant, agent) = scene().await;
    let path = format!("{}/did/resolve", agent.path());
    let answer = tenant.api.get(&path).await.expect(200);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/did-resolution");
    let result = answer.json();
    let did = format!("did:web:id.example:agents:{}", agent.id);
    assert_eq!(result["didDocument"], document(&tenant, &agent).await);
    assert_eq!(result["didDocument"]["id"], did);
    assert_eq!(
        result["didDocumentMetadata"],
        json!({"created": "2030-01-15T12:00:00Z", "deactivated": false, "versionId": "1"})
    );
    assert_eq!(result["didResolutionMetadata"]["contentType"], "application/did+json");

    let malformed = tenant.api.get("/api/v1/agents/NOT-AN-ID/did/resolve").await.expect(400).json();
    assert_eq!(malformed["didResolutionMetadata"], json!({"error": "invalidDid"}));
    let nobody = "/api/v1/agents/0198c5a4-0000-7000-8000-00000000dead/did/resolve";
    let unknown = tenant.api.get(nobody).await.expect(404).json();
    assert_eq!(unknown["didResolutionMetadata"], json!({"error": "notFound"}));
    assert_eq!(unknown["didDocument"], Value::Null);
    instance.api().get(&path).await.expect(401);

    tenant.api.delete(&agent.path()).await.expect(204);
    let gone = tenant.api.get(&path).await.expect(410).json();
    assert_eq!(gone["didDocument"], Value::Null);
    assert_eq!(gone["didDocumentMetadata"]["deactivated"], true);
    assert_eq!(gone["didDocumentMetadata"]["versionId"], "2");
}

#[tokio::test]
async fn a_replaced_key_stays_for_verification_and_is_gone_in_time() {
    let (instance, tenant, agent) = scene().await;
    let first = document(&tenant, &agent).await["verificationMethod"][0].clone();
    let private =
        "select hashtextextended(string_agg(private_key_ciphertext::text, ''), 0) from agent_did_keys";
    let sealed = instance.number(private).await;

    let rotated = rotate(&tenant, &agent, &json!({"overlapSeconds": 3600})).await;
    let did = format!("did:web:id.example:agents:{}", agent.id);
    assert_eq!(rotated["keyId"], format!("{did}#key-2"));
    assert_eq!(rotated["previousKeyId"], format!("{did}#key-1"));
    assert_eq!(rotated["previousValidUntil"], "2030-01-15T13:00:00.25Z");
    assert_ne!(instance.number(private).await, sealed, "the private half was replaced");

    let both = document(&tenant, &agent).await;
    assert_eq!(key_ids(&both, "verificationMethod"), ["key-2", "key-1"]);
    assert_eq!(key_ids(&both, "assertionMethod"), ["key-2", "key-1"]);
    assert_eq!(key_ids(&both, "authentication"), ["key-2"], "nobody authenticates with the old one");
    assert_eq!(both["verificationMethod"][1], first);
    assert_eq!(both["verificationMethod"][0]["publicKeyJwk"]["kid"], rotated["thumbprint"]);
    let metadata = resolution(&tenant, &agent).await["didDocumentMetadata"].clone();
    assert_eq!(metadata["versionId"], "2");
    assert_eq!(metadata["nextUpdate"], "2030-01-15T13:00:00Z");

    instance.advance(Duration::seconds(3_600));
    assert_eq!(key_ids(&document(&tenant, &agent).await, "verificationMethod"), ["key-2"]);
    let metadata = resolution(&tenant, &agent).await["didDocumentMetadata"].clone();
    assert_eq!(metadata["versionId"], "3");
    assert_eq!(metadata["updated"], "2030-01-15T13:00:00Z");

    let events = tenant.again().await.events("did.key_rotated").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["agentId"], agent.id.as_str());
    assert_eq!(events[0]["metadata"]["keyId"], rotated["keyId"]);
    assert_eq!(events[0]["metadata"]["actorId"], tenant.admin.id.as_str());
}

#[tokio::test]
async fn revoked_key_attack_without_an_overlap_every_older_key_is_gone_at_once() {
    let (instance, tenant, agent) = scene().await;
    for _ in 0..2 {
        rotate(&tenant, &agent, &json!({})).await;
        instance.advance(Duration::seconds(6));
    }
    assert_eq!(key_ids(&document(&tenant, &agent).await, "assertionMethod"), ["key-3", "key-2", "key-1"]);
    let rotated = rotate(&tenant, &agent, &json!({"overlapSeconds": 0})).await;
    assert_eq!(rotated["previousValidUntil"], Value::Null);
    assert_eq!(key_ids(&document(&tenant, &agent).await, "verificationMethod"), ["key-4"]);
    assert_eq!(instance.number("select count(*) from retired_did_keys").await, 0);
    // A shorter overlap shortens that of all before.
    instance.advance(Duration::seconds(6));
    rotate(&tenant, &agent, &json!({"overlapSeconds": 2_592_000})).await;
    instance.advance(Duration::seconds(6));
    rotate(&tenant, &agent, &json!({"overlapSeconds": 10})).await;
    instance.advance(Duration::seconds(10));
    assert_eq!(key_ids(&document(&tenant, &agent).await, "verificationMethod"), ["key-6"]);
}

#[tokio::test]
async fn a_document_stays_small_and_a_rotation_happens_once() {
    let (instance, tenant, agent) = scene().await;
    let path = format!("{}/did/rotate", agent.path());
    let body = json!({});
    let answers = join_all((0..3).map(|_| tenant.api.post(&path, &body))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409]);
    for _ in 0..6 {
        instance.advance(Duration::seconds(6));
        rotate(&tenant, &agent, &json!({})).await;
    }
    instance.advance(Duration::seconds(6));
    let full = tenant.again().await.api.post(&path, &json!({})).await.expect(409);
    assert_eq!(full.json()["code"], "DID_KEYS_TOO_MANY");
    for body in [json!({"overlapSeconds": 2_592_001}), json!({"overlapSeconds": -1}), json!({"overlap": 1})] {
        tenant.api.post(&path, &body).await.expect(400);
    }
}

#[tokio::test]
async fn only_the_agent_and_administrators_rotate_and_nothing_of_a_decommissioned_agent() {
    let (instance, tenant, agent) = scene().await;
    let other = tenant.create_agent(&["agents:write"]).await;
    let path = format!("{}/did/rotate", agent.path());
    other.log_in(&instance.api()).await.post(&path, &json!({})).await.expect(403);
    other
        .log_in(&instance.api())
        .await
        .post(&format!("{}/did/rotate", other.path()), &json!({}))
        .await
        .expect(200);
    agent.log_in(&instance.api()).await.post(&path, &json!({})).await.expect(403);
    tenant.api.delete(&agent.path()).await.expect(204);
    tenant.api.post(&path, &json!({})).await.expect(409);
}

#[tokio::test]
async fn the_command_line_rotates_and_the_edges_are_told_that_documents_changed() {
    let (instance, _tenant, agent) = scene().await;
    let id = agent.id.parse().unwrap();
    instance.sequence().await;
    let edge = instance.edge("osaka");
    let before = edge.everything().await;
    let about = |changes: &[Change]| {
        let about =
            changes.iter().find(|change| matches!(change, Change::Agent { agent_id, .. } if *agent_id == id));
        about.cloned()
    };
    assert_eq!(about(&before), None);
    let rotated = rotate_by_command(&instance.app, id, Some(0)).await.unwrap();
    assert!(rotated.key_id.ends_with("#key-2"));
    instance.sequence().await;
    let first = about(&edge.everything().await).unwrap();
    instance.advance(Duration::seconds(5));
    rotate_by_command(&instance.app, id, Some(0)).await.unwrap();
    instance.sequence().await;
    assert_ne!(about(&edge.everything().await).unwrap(), first, "edges can tell the two apart");
    let unknown =
        rotate_by_command(&instance.app, "0198c5a4-0000-7000-8000-00000000dead".parse().unwrap(), None).await;
    assert!(matches!(unknown, Err(RotateDidError::NotFound)));
}
