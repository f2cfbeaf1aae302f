//! Delegation to agents of another organization, by the grants of both.

mod attack;

use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use super::{ask_delegation, claims, delegate, exchange, id_of, verify};
use crate::status_lists::status;
use crate::support::{Agent, Answer, Instance, Tenant};

const GRANTS: &str = "/api/v1/federation/grants";
const API: &str = "https://api.example.com";

async fn grant(from: &Tenant, to: &Tenant, scopes: &[&str]) -> String {
    let body = json!({"granteeId": to.organization_id, "scopes": scopes});
    from.api.post(GRANTS, &body).await.expect(201).text("grantId")
}

/// Two organizations with grants for each other; an agent of the one with a token, two agents of the other, and what the first of
/// those was let do.
struct Scene {
    instance: Instance,
    platform: Tenant,
    home: Tenant,
    other: Tenant,
    root: String,
    one: Agent,
    two: Agent,
    token: String,
    grants: [String; 2],
}

impl Scene {
    async fn set() -> Self {
        let instance = Instance::start().await;
        let platform = instance.platform().await;
        platform.create_resource(API, &[], &json!("all")).await;
        let home = platform.create_organization("enterprise").await;
        let other = platform.create_organization("enterprise").await;
        let subject = home.create_agent(&["agents:read", "audit:read", "tokens:read"]).await;
        let one = other.create_agent(&["agents:read", "agents:write", "audit:read"]).await;
        let two = other.create_agent(&["agents:read"]).await;
        let root = subject.token(&home.api).await;
        let grants =
            [grant(&home, &other, &["agents:read", "audit:read"]).await, grant(&other, &home, &[]).await];
        let token = delegate(&home.api, &root, &one, &["agents:read"]).await;
        Self { instance, platform, home, other, root, one, two, token, grants }
    }

    async fn ask(&self, token: &str, delegatee: &Agent, scopes: &[&str]) -> Answer {
        ask_delegation(&self.home.api, token, delegatee, scopes).await
    }
}

#[tokio::test]
async fn an_agent_of_another_organization_acts_in_the_name_of_the_first_and_as_its_own() {
    let scene = Scene::set().await;
    let (home, other, one, two) = (&scene.home, &scene.other, &scene.one, &scene.two);
    let held = claims(&scene.token);
    assert_eq!(
        (&held["organization_id"], &held["client_id"]),
        (&json!(home.organization_id), &json!(one.id))
    );
    assert_eq!(held["act"], json!({"sub": one.id, "organization_id": other.organization_id}));
    // It acts within the first organization, and reads there what it was let read.
    let own = format!("/api/v1/agents/{}", held["sub"].as_str().unwrap());
    home.api.with_token(&scene.token).get(&own).await.expect(200);
    home.api.with_token(&scene.token).get(&one.path()).await.expect(404);
    // Passed on within the other organization, narrowed for an API that the first allows, and given back.
    let onward = delegate(&home.api, &scene.token, two, &["agents:read"]).await;
    let narrow = [("resource", API), ("scope", "agents:read")];
    let for_api = exchange(&home.api, two, &onward, &narrow).await.expect(200).text("access_token");
    assert_eq!(claims(&for_api)["act"]["organization_id"], json!(other.organization_id));
    let agent = home.create_agent(&["agents:read"]).await;
    let back = delegate(&home.api, &onward, &agent, &["agents:read"]).await;
    assert_eq!(claims(&back)["act"]["organization_id"], Value::Null);
    assert_eq!(claims(&back)["act"]["act"]["organization_id"], json!(other.organization_id));

    scene.instance.sequence().await;
    let state = scene.instance.edge("osaka").begin().await;
    assert!(home.is_active(&for_api).await);
    for token in [&scene.token, &onward, &back] {
        assert!(scene.instance.edge("osaka").accepts(&state, token));
        assert!(home.is_active(token).await && !other.is_active(token).await);
        assert_eq!(status(&scene.instance, token).await, 0);
        assert_eq!(verify(&other.api, token).await["valid"], false, "it is for the first to know");
    }
    assert_eq!(verify(&home.api, &back).await["valid"], true);
    let said_of = async |action: &str, member: &str, token: &str| {
        let events = home.events(action).await;
        let mut said = events.iter().map(|event| &event["metadata"]);
        said.find(|said| said[member] == json!(id_of(token))).unwrap().clone()
    };
    let created = said_of("delegation.created", "chainId", &scene.token).await;
    assert_eq!(created["delegateeOrganizationId"], json!(other.organization_id));
    let issued = said_of("token.issued", "jti", &for_api).await;
    assert_eq!(issued["actorOrganizationId"], json!(other.organization_id));
    assert_eq!(issued["credentialId"], Value::Null, "by which it came, its own organization's log says");
}

#[tokio::test]
async fn ended_grant_attack_whatever_ends_the_others_part_ends_all_that_was_passed_on() {
    for end in [
        "the grant",
        "the answer",
        "the organization",
        "the organization, for a while",
        "the agent",
        "the delegation",
    ] {
        let scene = Scene::set().await;
        let (home, other, platform) = (&scene.home, &scene.other, &scene.platform);
        let onward = delegate(&home.api, &scene.token, &scene.two, &["agents:read"]).await;
        let agent = home.create_agent(&["agents:read"]).await;
        let back = delegate(&home.api, &onward, &agent, &["agents:read"]).await;
        let tokens = [&scene.token, &onward, &back];
        scene.instance.sequence().await;
        let edge = scene.instance.edge("osaka");
        let mut state = edge.begin().await;
        assert!(tokens.iter().all(|token| edge.accepts(&state, token)), "{end}");

        let organization = format!("/api/v1/organizations/{}", other.organization_id);
        match end {
            "the grant" => home.api.delete(&format!("{GRANTS}/{}", scene.grants[0])).await.expect(204),
            "the answer" => other.api.delete(&format!("{GRANTS}/{}", scene.grants[1])).await.expect(204),
            "the organization" => {
                platform.api.patch(&organization, &json!({"status": "suspended"})).await.expect(200)
            }
            "the organization, for a while" => {
                platform.api.patch(&organization, &json!({"status": "suspended"})).await.expect(200);
                platform.api.patch(&organization, &json!({"status": "active"})).await.expect(200)
            }
            "the agent" => other.api.delete(&scene.one.path()).await.expect(204),
            _ => {
                let path = format!("/oauth2/token/delegate/{}", id_of(&scene.token));
                other.api.delete(&path).await.expect(404);
                home.api.delete(&path).await.expect(204)
            }
        };
        scene.instance.sequence().await;
        edge.follow(&mut state).await;
        for (position, token) in tokens.into_iter().enumerate() {
            assert!(!edge.accepts(&state, token), "{end}: {position} at the edge");
            assert!(!home.is_active(token).await, "{end}: {position}");
            home.api.with_token(token).get(&agent.path()).await.expect(401);
            assert_ne!(status(&scene.instance, token).await, 0, "{end}: {position} in the status list");
        }
        exchange(&home.api, &agent, &back, &[]).await.expect(400);
        assert!(edge.accepts(&state, &scene.root), "{end}: what was not passed on stays");
        if end == "the grant" || end == "the answer" {
            let events = home.events("delegation.revoked").await;
            let chains: Vec<_> = events.iter().map(|event| &event["metadata"]["chainId"]).collect();
            assert_eq!(chains.len(), 2, "{end}: {chains:?}");
            assert!([&scene.token, &onward].iter().all(|token| chains.contains(&&json!(id_of(token)))));
            // Its own log names the agent that asked; the other organization's does not.
            let actor = if end == "the grant" { json!(home.admin.id) } else { Value::Null };
            for event in &events {
                assert_eq!((&event["via"], &event["actor"]), (&json!("api"), &actor), "{end}: {event}");
                assert_eq!(
                    event["traceId"].is_null() && event["tokenId"].is_null(),
                    actor.is_null(),
                    "{end}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_grant_is_kept_by_the_organization_that_gave_it_and_says_whether_it_is_answered() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let (home, other) =
        (platform.create_organization("free").await, platform.create_organization("free").await);
    let of_home = grant(&home, &other, &["agents:read"]).await;
    let seen = async |of: &Tenant, id: &str| of.api.get(&format!("{GRANTS}/{id}")).await.expect(200).json();
    assert_eq!(seen(&home, &of_home).await["answered"], false);
    other.api.get(&format!("{GRANTS}/{of_home}")).await.expect(404);
    assert_eq!(other.api.get(GRANTS).await.expect(200).json()["data"], json!([]));
    let soon = (instance.now() + Duration::hours(1)).format(&Rfc3339).unwrap();
    let body = json!({"granteeId": home.organization_id, "scopes": [], "expiresAt": soon});
    let keyed = other.api.with("idempotency-key", "once");
    let of_other = keyed.post(GRANTS, &body).await.expect(201);
    assert_eq!(of_other.json()["answered"], true);
    assert_eq!(keyed.post(GRANTS, &body).await.expect(201).text("grantId"), of_other.text("grantId"));
    assert_eq!(other.api.post(GRANTS, &body).await.expect(409).code(), "GRANT_EXISTS");
    assert_eq!(seen(&home, &of_home).await["answered"], true);
    assert_eq!(home.api.get(GRANTS).await.expect(200).json()["data"][0]["answered"], true);
    instance.advance(Duration::hours(2));
    let (home, other) = (home.again().await, other.again().await);
    assert_eq!(seen(&home, &of_home).await["answered"], false, "it has ended");
    let path = format!("{GRANTS}/{of_home}");
    other.api.delete(&path).await.expect(404);
    home.api.delete(&path).await.expect(204);
    home.api.delete(&path).await.expect(404);
    for (action, of) in [("federation.grant_created", &home), ("federation.grant_deleted", &home)] {
        assert_eq!(of.events(action).await.len(), 1, "{action}");
    }
    let bad = json!({"granteeId": home.organization_id, "scopes": ["a b"], "expiresAt": "2001-01-01T00:00:00Z", "x": 1});
    let answer = home.api.post(GRANTS, &bad).await.expect(400);
    assert!(answer.body.contains("scopes[0]") && answer.body.contains("\"x\""), "{}", answer.body);
    let bad = json!({"granteeId": home.organization_id, "scopes": [], "expiresAt": "2001-01-01T00:00:00Z"});
    let answer = home.api.post(GRANTS, &bad).await.expect(400);
    assert!(answer.body.contains("granteeId") && answer.body.contains("expiresAt"), "{}", answer.body);
}

#[tokio::test]
async fn what_is_passed_on_ends_with_the_sooner_of_the_grants() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let (home, other) =
        (platform.create_organization("enterprise").await, platform.create_organization("enterprise").await);
    let (a, b) = (home.create_agent(&["agents:read"]).await, other.create_agent(&["agents:read"]).await);
    for (from, to, seconds) in [(&home, &other, 300), (&other, &home, 90)] {
        let end = (instance.now() + Duration::seconds(seconds)).format(&Rfc3339).unwrap();
        let body = json!({"granteeId": to.organization_id, "scopes": ["agents:read"], "expiresAt": end});
        from.api.post(GRANTS, &body).await.expect(201);
    }
    let root = a.token(&home.api).await;
    let held = delegate(&home.api, &root, &b, &["agents:read"]).await;
    let lives = claims(&held)["exp"].as_u64().unwrap() - claims(&held)["iat"].as_u64().unwrap();
    assert!((80..=90).contains(&lives), "{lives}");
    instance.advance(Duration::seconds(100));
    let late = ask_delegation(&home.api, &root, &b, &["agents:read"]).await;
    assert_eq!(late.expect(404).code(), "AGENT_NOT_FOUND");
}
