//! `kill -9` in the middle of everything.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentidp_shared::audit_chain::{Attribution, SealedEvent, genesis, hash};
use agentidp_shared::ids::InstanceId;
use agentidp_shared::strict::decode_base64url;
use agentidp_tests::{Api, ControlPlane, eventually, hex};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::task::JoinSet;
use uuid::Uuid;

const REQUESTS: usize = 500;
const CLIENTS: usize = 50;
/// Answered tokens before the crash: in the middle.
const BEFORE_THE_CRASH: usize = 180;

#[tokio::test(flavor = "multi_thread")]
async fn every_token_answered_before_a_crash_has_its_audit_event_after_it() {
    let mut control_plane = ControlPlane::start();
    let credential = control_plane.admin_credential();
    let (id, secret) = (text(&credential["clientId"]), text(&credential["clientSecret"]));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (api, id, secret, answered) =
            (Api::new(&control_plane.url()), id.clone(), secret.clone(), Arc::clone(&answered));
        clients.spawn(async move {
            let mut tokens = vec![];
            for _ in 0..REQUESTS / CLIENTS {
                let request = api
                    .with_basic(&id, &secret)
                    .request("POST", "/oauth2/token")
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body("grant_type=client_credentials&scope=audit%3Aread");
                let Some(answer) = api.try_send(request).await else { continue };
                if answer.is(200) {
                    tokens.push(answer.text("access_token"));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }
            tokens
        });
    }
    eventually("tokens are answered", Duration::from_mins(1), async || {
        (answered.load(Ordering::Relaxed) >= BEFORE_THE_CRASH).then_some(())
    })
    .await;
    control_plane.kill();
    let tokens: Vec<String> = clients.join_all().await.into_iter().flatten().collect();
    assert!((BEFORE_THE_CRASH..REQUESTS).contains(&tokens.len()), "not in the middle: {}", tokens.len());

    // Nothing is repaired by hand in between.
    control_plane.start_again();
    let platform = control_plane.platform().await;

    let events = eventually("every event is sealed", Duration::from_secs(30), async || {
        let events = all_events(&platform.api).await;
        events.iter().all(|event| event["sequence"].is_u64()).then_some(events)
    })
    .await;
    let issued: BTreeSet<&str> = events
        .iter()
        .filter(|event| event["action"] == "token.issued" && event["outcome"] == "success")
        .filter_map(|event| event["metadata"]["jti"].as_str())
        .collect();
    let lost: Vec<String> =
        tokens.iter().map(|token| jti(token)).filter(|jti| !issued.contains(jti.as_str())).collect();
    assert!(lost.is_empty(), "{} of {} answered tokens have no event: {lost:?}", lost.len(), tokens.len());
    println!("{} tokens answered, {} events", tokens.len(), events.len());

    verify_chain(events, instance_of(&control_plane).await);
    // And the tokens from before are still good.
    for token in tokens.iter().take(3) {
        platform.api.with_token(token).get("/api/v1/audit?limit=1").await.expect(200);
    }
}

/// All events, oldest last, page by page.
async fn all_events(api: &Api) -> Vec<Value> {
    let mut events = vec![];
    let mut path = "/api/v1/audit?limit=100".to_owned();
    loop {
        let page = api.get(&path).await.expect(200).json();
        events.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["nextCursor"].as_str() else { return events };
        path = format!("/api/v1/audit?limit=100&cursor={}", agentidp_tests::api::encode(cursor));
    }
}

fn verify_chain(mut events: Vec<Value>, instance: InstanceId) {
    events.sort_by_key(|event| event["sequence"].as_u64());
    let mut previous = genesis(instance);
    for (expected, event) in (1_u64..).zip(&events) {
        let sequence = event["sequence"].as_u64().unwrap();
        assert_eq!(sequence, expected, "the sequence has a gap");
        assert_eq!(event["previousHash"], hex(&previous), "event {sequence} does not follow the one before");
        let timestamp = OffsetDateTime::parse(event["timestamp"].as_str().unwrap(), &Rfc3339).unwrap();
        let uuid = |value: &Value| -> Uuid { value.as_str().unwrap().parse().unwrap() };
        previous = hash(
            &previous,
            &SealedEvent {
                sequence,
                event_id: uuid(&event["eventId"]).into(),
                timestamp_us: i64::try_from(timestamp.unix_timestamp_nanos() / 1_000).unwrap(),
                organization_id: uuid(&event["organizationId"]).into(),
                agent_id: event["agentId"].as_str().map(|id| id.parse().unwrap()),
                action: event["action"].as_str().unwrap(),
                outcome: event["outcome"].as_str().unwrap(),
                ip_address: event["ipAddress"].as_str(),
                user_agent: event["userAgent"].as_str(),
                metadata: &event["metadata"],
                attribution: event["via"].as_str().map(|via| Attribution {
                    actor: event["actor"].as_str().map(|id| id.parse().unwrap()),
                    on_behalf_of: event["onBehalfOf"].as_str().map(|id| id.parse().unwrap()),
                    token_id: event["tokenId"].as_str().map(|id| id.parse().unwrap()),
                    via,
                    trace_id: event["traceId"].as_str(),
                }),
            },
        );
        assert_eq!(event["hash"], hex(&previous), "event {sequence} was changed");
    }
    assert!(events.len() > BEFORE_THE_CRASH);
}

/// From the feed's snapshot, as an edge learns it.
async fn instance_of(control_plane: &ControlPlane) -> InstanceId {
    let api = Api::new(&control_plane.url()).with_token(&control_plane.edge_key());
    let request = api
        .request("GET", "/edge/v1/snapshot")
        .header("x-edge-name", control_plane.edge_name())
        .header("x-edge-version", "test")
        .header("x-edge-sequence", "0");
    let batch = api.send(request).await.expect(200).body;
    payload(&batch)["instance"].as_str().unwrap().parse().unwrap()
}

fn payload(jws: &str) -> Value {
    serde_json::from_slice(&decode_base64url(jws.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn jti(token: &str) -> String {
    text(&payload(token)["jti"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
