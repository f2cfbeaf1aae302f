//! Register an agent, give it a token, verify it at the edge, revoke it and watch it refused; and the log of all that.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use agentidp_tests::tenants::new_agent;
use agentidp_tests::{Stack, eventually};
use serde_json::{Value, json};

#[tokio::test]
async fn from_registration_to_revocation_everything_through_the_edge() {
    let stack = Stack::start().await;
    let tenant = stack.platform().await.create_organization().await;
    let mut body = new_agent();
    body["scopes"] = json!(["agents:read", "tokens:read"]);
    let created = tenant.api.post("/api/v1/agents", &body).await.expect(201);
    let agent = created.json();
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&agent[name], value, "{name}");
    }
    assert_eq!(agent["status"], "active");
    assert_eq!(agent["organizationId"], tenant.organization_id);
    let id = created.text("agentId");
    let host = stack.url().trim_start_matches("http://").replace(':', "%3A");
    assert_eq!(agent["did"], format!("did:web:{host}:agents:{id}"));

    let credential =
        tenant.api.post(&format!("/api/v1/agents/{id}/credentials"), &json!({})).await.expect(201);
    let secret = credential.text("clientSecret");
    assert!(secret.strip_prefix("sk_live_").is_some_and(|rest| {
        rest.len() == 64 && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }));
    assert_eq!(credential.text("clientId"), id);

    let token = tenant.api.token(&id, &secret, None).await.expect(200);
    assert_eq!(token.json()["expires_in"], 3_600);
    assert_eq!(token.text("token_type"), "Bearer");
    let token = token.text("access_token");
    let own = tenant.api.with_token(&token);
    own.get("/verify?scope=agents:read").await.expect(200);
    own.get("/verify?scope=agents:write").await.expect(403);
    assert_eq!(own.get(&format!("/api/v1/agents/{id}")).await.expect(200).json()["email"], body["email"]);
    assert_eq!(own.form("/oauth2/introspect", &[("token", &token)]).await.expect(200).json()["active"], true);
    own.get(&format!("/agents/{id}/did.json")).await.expect(200);
    let refused = own.post("/api/v1/agents", &new_agent()).await.expect(403);
    assert!(refused.header("www-authenticate").is_some_and(|value| value.contains("insufficient_scope")));

    own.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
    eventually("the edge refuses", Duration::from_secs(3), async || {
        own.get("/verify").await.is(401).then_some(())
    })
    .await;

    tenant.api.delete(&format!("/api/v1/agents/{id}")).await.expect(204);
    assert_eq!(
        tenant.api.get(&format!("/api/v1/agents/{id}")).await.expect(200).text("status"),
        "decommissioned"
    );
    let again = tenant.api.patch(&format!("/api/v1/agents/{id}"), &json!({"owner": "x"})).await.expect(409);
    assert_eq!(again.code(), "AGENT_DECOMMISSIONED");

    let events = tenant.api.get(&format!("/api/v1/audit?agentId={id}&limit=100")).await.expect(200).json();
    let actions: BTreeSet<&str> =
        events["data"].as_array().unwrap().iter().filter_map(|event| event["action"].as_str()).collect();
    for action in
        ["agent.created", "credential.generated", "token.issued", "token.revoked", "agent.decommissioned"]
    {
        assert!(actions.contains(action), "{action} is not in {actions:?}");
    }
    let one = &events["data"][0];
    let event_id = one["eventId"].as_str().unwrap();
    let same = tenant.api.get(&format!("/api/v1/audit/{event_id}")).await.expect(200).json();
    assert_eq!(without_seal(&same), without_seal(one));
}

fn without_seal(event: &Value) -> Value {
    let mut event = event.clone();
    for member in ["sequence", "hash", "previousHash"] {
        event[member] = Value::Null;
    }
    event
}

/// The promise of the edge, over many trials: median at most one second, longest at most three.
#[tokio::test]
async fn revocation_reaches_the_edge_within_a_second_in_the_median() {
    let stack = Stack::start().await;
    let platform = stack.platform().await;
    let agent = platform.create_agent(&["agents:read"]).await;
    let mut times = vec![];
    for _ in 0..20 {
        let token = agent.token(&platform.api).await;
        let own = platform.api.with_token(&token);
        own.get("/verify").await.expect(200);
        let started = Instant::now();
        own.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
        eventually("the edge refuses", Duration::from_secs(10), async || {
            own.get("/verify").await.is(401).then_some(())
        })
        .await;
        times.push(started.elapsed());
    }
    times.sort();
    println!("min {:?}, median {:?}, max {:?}", times[0], times[10], times[19]);
    assert!(times[10] <= Duration::from_secs(1), "median {:?}", times[10]);
    assert!(times[19] <= Duration::from_secs(3), "longest {:?}", times[19]);
}
