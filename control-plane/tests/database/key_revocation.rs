//! A key that leaked: taken back at once, with everything it signed.

use agentidp::keys::{self, ChangedBy, KeyStatus, RevokeError};
use serde_json::json;

use crate::support::Instance;

fn signing_kid(instance: &Instance) -> String {
    instance.app.signers.current().active.as_ref().unwrap().kid().to_owned()
}

async fn statuses(instance: &Instance) -> Vec<KeyStatus> {
    keys::list(&instance.app).await.unwrap().into_iter().map(|key| key.status).collect()
}

async fn stored(instance: &Instance, kid: &str) -> i64 {
    let query = format!(
        "select count(*) from signing_keys where kid = '{kid}' and length(private_key_ciphertext) > 0"
    );
    instance.number(&query).await
}

#[tokio::test]
async fn the_signing_key_is_replaced_at_once_and_its_tokens_die_everywhere() {
    let instance = Instance::start().await;
    let tenant = instance.platform().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let before = agent.token(&tenant.api).await;
    let edge = instance.edge("osaka");
    instance.sequence().await;
    let leaked = signing_kid(&instance);
    assert!(edge.begin().await.keys.find(&leaked).is_some());

    let answer =
        tenant.api.post(&format!("/api/v1/keys/{leaked}/revoke"), &json!({})).await.expect(200).json();
    let signing = signing_kid(&instance);
    assert_eq!(answer["signing"]["kid"], json!(signing));
    assert_ne!(signing, leaked);
    tenant.api.with_token(&before).get(&agent.path()).await.expect(401);
    tenant.api.get(&agent.path()).await.expect(401);
    let tenant = tenant.again().await;
    tenant.api.with_token(&agent.token(&tenant.api).await).get(&agent.path()).await.expect(200);

    instance.sequence().await;
    let state = edge.begin().await;
    assert!(state.keys.find(&leaked).is_none() && state.keys.find(&signing).is_some());
    assert_eq!(statuses(&instance).await, [KeyStatus::Active]);
    assert_eq!(stored(&instance, &leaked).await, 0, "the private key is gone");
    let event = tenant.api.get("/api/v1/audit?action=key.revoked").await.expect(200).json();
    assert_eq!(event["data"][0]["metadata"]["kid"], json!(leaked));
    assert_eq!(event["data"][0]["metadata"]["actorId"], json!(tenant.admin.id));

    // Never again.
    tenant.api.post(&format!("/api/v1/keys/{leaked}/revoke"), &json!({})).await.expect(404);
    let again = keys::revoke(&instance.app, &leaked, ChangedBy::CommandLine).await.unwrap_err();
    assert!(matches!(again, RevokeError::NotFound(_)));
    keys::advance(&instance.app).await.unwrap();
    assert_eq!(signing_kid(&instance), signing);
}

#[tokio::test]
async fn the_next_key_takes_over_if_there_is_one_and_others_leave_the_signing_key_alone() {
    let instance = Instance::start().await;
    instance.platform().await;
    let first = signing_kid(&instance);
    let algorithm = instance.app.config.signing_algorithm;
    let next = keys::rotate(&instance.app, Some(algorithm), ChangedBy::CommandLine).await.unwrap().kid;
    let signing = keys::revoke(&instance.app, &first, ChangedBy::CommandLine).await.unwrap();
    assert_eq!((signing.kid.as_str(), signing.status), (next.as_str(), KeyStatus::Active));

    let waiting = keys::rotate(&instance.app, Some(algorithm), ChangedBy::CommandLine).await.unwrap().kid;
    let signing = keys::revoke(&instance.app, &waiting, ChangedBy::CommandLine).await.unwrap();
    assert_eq!(signing.kid, next);
    assert_eq!(statuses(&instance).await, [KeyStatus::Active]);
    assert_eq!(stored(&instance, &waiting).await, 0);
}

#[tokio::test]
async fn other_processes_stop_signing_with_it_when_they_look() {
    let instance = Instance::start().await;
    instance.platform().await;
    let other = instance.another_process().await;
    let leaked = signing_kid(&instance);
    let signing = keys::revoke(&instance.app, &leaked, ChangedBy::CommandLine).await.unwrap();
    keys::advance(&other).await.unwrap();
    let current = other.signers.current();
    assert_eq!(current.active.as_ref().unwrap().kid(), signing.kid);
    assert!(current.verification.find(&leaked).is_none());
}

#[tokio::test]
async fn only_the_platform_looks_after_the_keys() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let kid = signing_kid(&instance);
    let revoke = format!("/api/v1/keys/{kid}/revoke");
    tenant.api.get("/api/v1/keys").await.expect(403);
    for path in ["/api/v1/keys/rotate", &revoke, "/api/v1/keys/nobody/revoke"] {
        let refused = tenant.api.post(path, &json!({})).await.expect(403);
        assert_eq!(refused.code(), "INSUFFICIENT_SCOPE");
    }
    let platform = instance.platform().await;
    let listed = platform.api.get("/api/v1/keys").await.expect(200).json();
    assert_eq!((&listed["data"][0]["kid"], &listed["data"][0]["status"]), (&json!(kid), &json!("active")));
    assert!(!listed.to_string().contains("ciphertext"));
    platform.api.post("/api/v1/keys/rotate", &json!({})).await.expect(202);
    assert_eq!(platform.api.post("/api/v1/keys/rotate", &json!({})).await.expect(409).code(), "KEY_WAITING");
    for nobody in ["nobody", "%00", "..", "a%2Fb"] {
        let answer = platform.api.post(&format!("/api/v1/keys/{nobody}/revoke"), &json!({})).await;
        assert!([400, 404].contains(&answer.status), "{nobody}");
    }
}
