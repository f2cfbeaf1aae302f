//! Many at once: exactly one of them wins.

use std::collections::BTreeMap;

use agentidp_tests::tenants::new_agent;
use agentidp_tests::{Answer, ControlPlane};
use futures_util::future::join_all;
use serde_json::json;

fn count(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_concurrent_rotations_exactly_one_succeeds() {
    let control_plane = ControlPlane::start();
    let tenant = control_plane.platform().await.create_organization().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let path = format!("/api/v1/agents/{}/credentials/{}/rotate", agent.id, agent.credential_id);
    let body = json!({});
    let answers = join_all((0..64).map(|_| tenant.api.post(&path, &body))).await;
    assert_eq!(count(&answers), BTreeMap::from([(200, 1), (409, 63)]));
    let winner = answers.iter().find(|answer| answer.is(200)).unwrap();
    for loser in answers.iter().filter(|answer| answer.is(409)) {
        assert_eq!(loser.code(), "CREDENTIAL_JUST_ROTATED");
        assert!(loser.header("retry-after").is_some());
        assert!(!loser.body.contains("sk_live_"));
    }
    let api = tenant.api.anonymous();
    api.token(&agent.id, &winner.text("clientSecret"), None).await.expect(200);
    api.token(&agent.id, &agent.secret, None).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_concurrent_revocations_exactly_one_succeeds() {
    let control_plane = ControlPlane::start();
    let tenant = control_plane.platform().await.create_organization().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let path = format!("/api/v1/agents/{}/credentials/{}", agent.id, agent.credential_id);
    let answers = join_all((0..64).map(|_| tenant.api.delete(&path))).await;
    assert_eq!(count(&answers), BTreeMap::from([(204, 1), (409, 63)]));
    tenant.api.anonymous().token(&agent.id, &agent.secret, None).await.expect(401);
    let events = tenant.api.get("/api/v1/audit?action=credential.revoked&limit=100").await.expect(200).json();
    assert_eq!(events["data"].as_array().unwrap().len(), 1, "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_rotations_and_revocations_at_once_the_credential_ends_in_one_state() {
    let control_plane = ControlPlane::start();
    let tenant = control_plane.platform().await.create_organization().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let path = format!("/api/v1/agents/{}/credentials/{}", agent.id, agent.credential_id);
    let (rotate, body) = (format!("{path}/rotate"), json!({}));
    let (rotations, revocations) = futures_util::future::join(
        join_all((0..32).map(|_| tenant.api.post(&rotate, &body))),
        join_all((0..32).map(|_| tenant.api.delete(&path))),
    )
    .await;
    let revoked = count(&revocations);
    assert_eq!(revoked.get(&204), Some(&1), "{revoked:?}");
    assert_eq!(revoked.get(&409), Some(&31), "{revoked:?}");
    let rotated = count(&rotations);
    assert!(rotated.get(&200).is_none_or(|count| *count == 1), "{rotated:?}");
    assert!(rotated.keys().all(|status| [200, 409].contains(status)), "{rotated:?}");
    let api = tenant.api.anonymous();
    api.token(&agent.id, &agent.secret, None).await.expect(401);
    for winner in rotations.iter().filter(|answer| answer.is(200)) {
        api.token(&agent.id, &winner.text("clientSecret"), None).await.expect(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_concurrent_registrations_of_one_address_exactly_one_succeeds() {
    let control_plane = ControlPlane::start();
    let tenant = control_plane.platform().await.create_organization().await;
    let body = new_agent();
    // Another case of the same address is the same address.
    let bodies: Vec<_> = (0..200)
        .map(|number| {
            let mut body = body.clone();
            if number % 3 == 0 {
                body["email"] = json!(body["email"].as_str().unwrap().to_uppercase());
            }
            body
        })
        .collect();
    let answers = join_all(bodies.iter().map(|body| tenant.api.post("/api/v1/agents", body))).await;
    assert_eq!(count(&answers), BTreeMap::from([(201, 1), (409, 199)]));
    let list = tenant.api.get("/api/v1/agents?limit=100").await.expect(200).json();
    assert_eq!(list["total"], 2, "the administrator and the one agent: {list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idempotency_key_creates_one_agent_however_often_it_is_sent_at_once() {
    let control_plane = ControlPlane::start();
    let tenant = control_plane.platform().await.create_organization().await;
    let body = new_agent().to_string();
    let answers = join_all((0..32).map(|_| {
        let request = tenant.api.request("POST", "/api/v1/agents").header("idempotency-key", "only-once");
        tenant.api.send(request.header("content-type", "application/json").body(body.clone()))
    }))
    .await;
    let counts = count(&answers);
    assert!(counts.keys().all(|status| [201, 409].contains(status)), "{counts:?}");
    let created: Vec<_> =
        answers.iter().filter(|answer| answer.is(201)).map(|answer| answer.text("agentId")).collect();
    assert!(!created.is_empty() && created.iter().all(|id| *id == created[0]), "{created:?}");
    for conflict in answers.iter().filter(|answer| answer.is(409)) {
        assert_eq!(conflict.code(), "IDEMPOTENCY_IN_PROGRESS");
    }
    let request = tenant.api.request("POST", "/api/v1/agents").header("idempotency-key", "only-once");
    let replay =
        tenant.api.send(request.header("content-type", "application/json").body(body)).await.expect(201);
    assert_eq!(replay.header("idempotent-replayed"), Some("true"));
    assert_eq!(replay.text("agentId"), created[0]);
    let request = tenant.api.request("POST", "/api/v1/agents").header("idempotency-key", "only-once");
    let other = new_agent().to_string();
    let other =
        tenant.api.send(request.header("content-type", "application/json").body(other)).await.expect(409);
    assert_eq!(other.code(), "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays_however_many_try_to_remove_it() {
    let control_plane = ControlPlane::start();
    let tenant = control_plane.platform().await.create_organization().await;
    let path = format!("/api/v1/agents/{}", tenant.admin.id);
    let suspension = json!({"status": "suspended"});
    let answers = join_all((0..16).map(|_| tenant.api.patch(&path, &suspension))).await;
    for answer in answers.iter().chain(&join_all((0..16).map(|_| tenant.api.delete(&path))).await) {
        assert_eq!((answer.status, answer.code().as_str()), (409, "LAST_OWNER"), "{}", answer.body);
    }
    tenant.admin.token(&tenant.api).await;
}
