//! The log names who really acted, on whose behalf, and with which token.

use serde_json::json;

use super::trying::EVERY_SCOPE;
use crate::delegation::{delegate, id_of};
use crate::support::Instance;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::test]
async fn forgotten_actor_attack_what_is_done_with_a_borrowed_token_names_who_borrowed_it() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let (client, subject) =
        (tenant.create_agent(&EVERY_SCOPE).await, tenant.create_agent(&EVERY_SCOPE).await);
    tenant.set_role(&client, "admin").await;
    tenant.set_role(&subject, "admin").await;
    let asked = [("grant_type", "client_credentials"), ("agent_id", &*subject.id)];
    let answer =
        tenant.api.with_basic(&client.id, &client.secret).form("/oauth2/token", &asked).await.expect(200);
    let token = answer.text("access_token");
    let traced =
        tenant.api.with_token(&token).with("traceparent", &format!("00-{TRACE}-b7ad6b7169203331-01"));
    traced
        .patch(&format!("/api/v1/organizations/{}", tenant.organization_id), &json!({"name": "Renamed"}))
        .await
        .expect(200);

    let issued = tenant.events("token.issued").await;
    let issued = issued.iter().find(|event| event["tokenId"] == id_of(&token)).unwrap();
    assert_eq!((&issued["actor"], &issued["onBehalfOf"]), (&json!(client.id), &json!(subject.id)));
    let updated = tenant.events("org.updated").await.remove(0);
    assert_eq!(updated["actor"], client.id.as_str());
    assert_eq!(updated["onBehalfOf"], subject.id.as_str());
    assert_eq!(updated["tokenId"], id_of(&token).as_str());
    assert_eq!((&updated["via"], &updated["traceId"]), (&json!("api"), &json!(TRACE)));
    assert_eq!(updated["metadata"]["actorId"], client.id.as_str());
    // The valid twin: of one's own there is nobody else to name.
    let own = tenant.events("org.member_added").await.remove(0);
    assert_eq!((&own["actor"], &own["onBehalfOf"]), (&json!(tenant.admin.id), &json!(null)));
    assert_eq!(own["traceId"], json!(null));
    instance.seal().await;
    let verified = tenant.api.get("/api/v1/audit/verify").await.expect(200).json();
    assert_eq!(verified["verified"], true, "{verified}");
}

#[tokio::test]
async fn what_is_done_with_a_delegated_token_names_the_delegatee() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agents = [
        tenant.create_agent(&EVERY_SCOPE).await,
        tenant.create_agent(&[]).await,
        tenant.create_agent(&[]).await,
    ];
    let [subject, delegatee, third] = &agents;
    let to_delegatee =
        delegate(&tenant.api, &subject.token(&tenant.api).await, delegatee, &["agents:read"]).await;
    let onward = delegate(&tenant.api, &to_delegatee, third, &["agents:read"]).await;
    let created = tenant.events("delegation.created").await;
    let created = created.iter().find(|event| event["metadata"]["chainId"] == id_of(&onward)).unwrap();
    assert_eq!((&created["actor"], &created["onBehalfOf"]), (&json!(delegatee.id), &json!(subject.id)));
    assert_eq!(created["tokenId"], id_of(&to_delegatee).as_str());
}

#[tokio::test]
async fn what_nobody_asked_for_is_the_instances_own_doing() {
    let instance = Instance::start().await;
    let tenant = instance.platform().await;
    let made = tenant.events("agent.created").await.pop().unwrap();
    assert_eq!((&made["via"], &made["actor"]), (&json!("cli"), &json!(null)));
    let failed = tenant.api.with("authorization", "Basic bm9ib2R5Om5vYm9keQ==");
    failed.form("/oauth2/token", &[("grant_type", "client_credentials")]).await.expect(401);
    let failed = tenant.events("auth.failed").await.remove(0);
    assert_eq!((&failed["via"], &failed["actor"]), (&json!("api"), &json!(null)));
}
