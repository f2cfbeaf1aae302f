//! Cards of agents and of the instance: who may read them, what signs them, and with which keys.

use agentidp::keys::{self, ChangedBy};
use agentidp_shared::feed::Change;
use agentidp_shared::jwk::{Jwk, VerificationKey};
use agentidp_shared::strict::{decode_base64url, encode_base64url};
use axum::http::header;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{Agent, Answer, Instance, Tenant, new_agent};

const KINDS: [fn(&str) -> String; 4] = [
    |id| format!("/agents/{id}/agent-card.json"),
    |id| format!("/api/v1/agents/{id}/did/card"),
    |id| format!("/agents/{id}/oasf.json"),
    |id| format!("/agents/{id}/badge.jwt"),
];

async fn scene() -> (Instance, Tenant, Agent) {
    let instance = Instance::start().await;
    keys::advance_documents(&instance.app).await.unwrap();
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let public = json!({"isPublic": true, "name": "Reader", "a2aUrl": "https://reader.example/a2a"});
    tenant.api.patch(&agent.path(), &public).await.expect(200);
    (instance, tenant, agent)
}

/// Whether the one signature of an A2A card is by `jwk`, over the card without it.
fn is_signed_by(card: &Value, jwk: &Value) -> bool {
    let mut unsigned = card.clone();
    let signatures = unsigned.as_object_mut().unwrap().remove("signatures").unwrap();
    let protected = signatures[0]["protected"].as_str().unwrap();
    // All members are text: canonical JSON is what serde_json writes of sorted members.
    let payload = encode_base64url(unsigned.to_string().as_bytes());
    let key = VerificationKey::from_jwk(&Jwk::from_value(jwk).unwrap()).unwrap();
    let signature = decode_base64url(signatures[0]["signature"].as_str().unwrap()).unwrap();
    key.verify(format!("{protected}.{payload}").as_bytes(), &signature)
}

fn header_of(card: &Value) -> Value {
    let protected = card["signatures"][0]["protected"].as_str().unwrap();
    serde_json::from_slice(&decode_base64url(protected).unwrap()).unwrap()
}

fn part(jws: &Answer, position: usize) -> Value {
    let part = jws.body.split('.').nth(position).unwrap();
    serde_json::from_slice(&decode_base64url(part).unwrap()).unwrap()
}

#[tokio::test]
async fn an_agent_card_is_signed_by_the_key_of_the_agents_did_also_after_a_rotation() {
    let (instance, tenant, agent) = scene().await;
    let anyone = instance.api();
    for number in 1..=2 {
        let card = anyone.get(&KINDS[0](&agent.id)).await.expect(200).json();
        let did = anyone.get(&format!("/agents/{}/did.json", agent.id)).await.expect(200).json();
        let header = header_of(&card);
        assert_eq!(header["kid"], format!("{}#key-{number}", did["id"].as_str().unwrap()));
        assert_eq!(header.get("jku"), None);
        let methods = did["verificationMethod"].as_array().unwrap();
        let method = methods.iter().find(|method| method["id"] == header["kid"]).unwrap();
        assert!(is_signed_by(&card, &method["publicKeyJwk"]));
        for other in methods.iter().filter(|method| method["id"] != header["kid"]) {
            assert!(!is_signed_by(&card, &other["publicKeyJwk"]));
        }
        assert_eq!(card["name"], "Reader");
        assert_eq!(card["supportedInterfaces"][0]["url"], "https://reader.example/a2a");
        if number == 1 {
            tenant.api.post(&format!("{}/did/rotate", agent.path()), &json!({})).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_badge_is_a_credential_under_a_published_rsa_key_and_never_a_token() {
    let (instance, _tenant, agent) = scene().await;
    let anyone = instance.api();
    let badge = anyone.get(&KINDS[3](&agent.id)).await.expect(200);
    assert_eq!(badge.headers[header::CONTENT_TYPE], "application/vc+jwt");
    let (head, claims) = (part(&badge, 0), part(&badge, 1));
    assert_eq!((&head["alg"], &head["typ"]), (&json!("RS256"), &json!("vc+jwt")));
    let jwks = anyone.get("/.well-known/jwks.json").await.expect(200).json();
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == head["kid"]).unwrap();
    let key = VerificationKey::from_jwk(&Jwk::from_value(jwk).unwrap()).unwrap();
    let (input, signature) = badge.body.rsplit_once('.').unwrap();
    assert!(key.verify(input.as_bytes(), &decode_base64url(signature).unwrap()));
    // The instance's DID document names the key too.
    let did = anyone.get("/.well-known/did.json").await.expect(200).json();
    assert_eq!(claims["issuer"], did["id"]);
    let id = format!("{}#{}", did["id"].as_str().unwrap(), head["kid"].as_str().unwrap());
    assert!(did["assertionMethod"].as_array().unwrap().contains(&json!(id)));
    let record = anyone.get(&KINDS[2](&agent.id)).await.expect(200).json();
    let shown: Value = serde_json::from_str(claims["credentialSubject"]["badge"].as_str().unwrap()).unwrap();
    assert_eq!(shown, record);

    let presented = anyone.with_token(&badge.body);
    presented.get("/api/v1/agents").await.expect(401);
}

#[tokio::test]
async fn key_confusion_attack_no_token_is_accepted_under_a_key_of_documents() {
    let (instance, tenant, _) = scene().await;
    let token = tenant.admin.token(&tenant.api).await;
    let payload: Value =
        serde_json::from_slice(&decode_base64url(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
    let signer = instance.app.document_keys.signer().unwrap();
    let forged = signer.sign_jwt("at+jwt", &payload).unwrap();
    instance.api().with_token(&token).get("/api/v1/agents").await.expect(200);
    instance.api().with_token(&forged).get("/api/v1/agents").await.expect(401);
    instance.sequence().await;
    let edge = instance.edge("osaka");
    let state = edge.begin().await;
    assert!(edge.accepts(&state, &token) && !edge.accepts(&state, &forged));
    let kid = signer.kid();
    assert!(
        state.issuer.document_keys.keys.iter().any(|key| key.kid.as_deref() == Some(kid)),
        "edges publish it"
    );
}

#[tokio::test]
async fn only_what_is_public_and_active_is_shown_and_the_rest_to_its_organization_alone() {
    let (instance, tenant, agent) = scene().await;
    let other = instance.platform().await.create_organization("free").await;
    let private = tenant.create_agent(&[]).await;
    let anyone = instance.api();
    let nobody = "0198c5a4-0000-7000-8000-00000000dead";
    let unscoped = tenant.create_agent(&["tokens:read"]).await.log_in(&tenant.api).await;
    for path in KINDS {
        let answer = anyone.get(&path(&agent.id)).await.expect(200);
        assert_eq!(answer.headers[header::CACHE_CONTROL], "public, max-age=5");
        for secret in [&agent.email, "the tests"] {
            assert!(!answer.body.contains(secret), "{} shows {secret}", answer.asked);
        }
        let refused = anyone.get(&path(nobody)).await.expect(404).body;
        for api in [&anyone, &other.api, &unscoped] {
            assert_eq!(api.get(&path(&private.id)).await.expect(404).body, refused);
        }
        let own = tenant.api.get(&path(&private.id)).await.expect(200);
        assert_eq!(own.headers[header::CACHE_CONTROL], "private, no-store");
        anyone.with_token("nonsense").get(&path(&private.id)).await.expect(401);
        anyone.with_token("nonsense").get(&path(nobody)).await.expect(401);
        anyone.get(&path("NO-ID")).await.expect(400);
    }
    tenant.api.patch(&agent.path(), &json!({"status": "suspended"})).await.expect(200);
    for path in KINDS {
        anyone.get(&path(&agent.id)).await.expect(404);
        tenant.api.get(&path(&agent.id)).await.expect(200);
    }
    tenant.api.delete(&agent.path()).await.expect(204);
    for path in KINDS {
        tenant.api.get(&path(&agent.id)).await.expect(410);
    }
}

#[tokio::test]
async fn whoever_holds_a_card_is_told_so_and_gets_another_once_the_agent_changes() {
    let (instance, tenant, agent) = scene().await;
    let anyone = instance.api();
    for path in KINDS.map(|path| path(&agent.id)).into_iter().chain(["/.well-known/agent-card.json".into()]) {
        let tag = anyone.get(&path).await.expect(200).headers[header::ETAG].to_str().unwrap().to_owned();
        anyone.with("if-none-match", &tag).get(&path).await.expect(304);
        tenant.api.patch(&agent.path(), &json!({"description": path})).await.expect(200);
        let status = anyone.with("if-none-match", &tag).get(&path).await.status;
        assert_eq!(status, if path.starts_with("/.well-known") { 304 } else { 200 }, "{path}");
    }
}

#[tokio::test]
async fn edges_are_told_of_changes_that_show_and_of_no_others() {
    let (instance, tenant, agent) = scene().await;
    let private = tenant.create_agent(&[]).await;
    instance.sequence().await;
    let edge = instance.edge("osaka");
    let about = async |agent: &Agent| {
        instance.sequence().await;
        let id = agent.id.parse().unwrap();
        let changes = edge.everything().await;
        changes.into_iter().find(|change| matches!(change, Change::Agent { agent_id, .. } if *agent_id == id))
    };
    let first = about(&agent).await.unwrap();
    instance.advance(Duration::milliseconds(10));
    tenant.api.patch(&agent.path(), &json!({"description": "another"})).await.expect(200);
    let second = about(&agent).await.unwrap();
    assert_ne!(first, second);
    tenant.api.patch(&private.path(), &json!({"description": "another"})).await.expect(200);
    assert_eq!(about(&private).await, None);
    instance.advance(Duration::milliseconds(10));
    tenant.api.patch(&agent.path(), &json!({"isPublic": false})).await.expect(200);
    assert_ne!(about(&agent).await.unwrap(), second);
}

#[tokio::test]
async fn the_instance_has_a_card_and_its_key_is_replaced_without_a_gap() {
    let (instance, _tenant, _) = scene().await;
    let anyone = instance.api();
    let published = async || {
        let keys = anyone.get("/.well-known/jwks.json").await.expect(200).json();
        let keys = keys["keys"].as_array().unwrap().clone();
        keys.into_iter().filter(|key| key["alg"] == "RS256").collect::<Vec<_>>()
    };
    let card = async || anyone.get("/.well-known/agent-card.json").await.expect(200).json();
    let [first] = &published().await[..] else { panic!("one key") };
    assert_eq!(header_of(&card().await)["kid"], first["kid"]);
    assert!(is_signed_by(&card().await, first));

    instance.advance(Duration::seconds(1));
    let kid = keys::rotate_documents(&instance.app, ChangedBy::CommandLine).await.unwrap();
    assert_eq!(published().await.len(), 2);
    assert_eq!(header_of(&card().await)["kid"], first["kid"], "it is published first");
    instance.advance(Duration::seconds(30));
    let other = instance.another_process().await;
    for app in [&instance.app, &other] {
        keys::advance_documents(app).await.unwrap();
        assert_eq!(app.document_keys.signer().unwrap().kid(), kid);
    }
    assert!(is_signed_by(&card().await, &published().await[1]));
    instance.advance(Duration::hours(25) - Duration::seconds(1));
    keys::advance_documents(&instance.app).await.unwrap();
    assert_eq!(published().await.len(), 2, "badges of yesterday are still good");
    instance.advance(Duration::seconds(1));
    keys::advance_documents(&instance.app).await.unwrap();
    assert_eq!(published().await.len(), 1);
    let left = "select count(*) from document_keys where private_key_ciphertext <> ''";
    assert_eq!(instance.number(left).await, 1);
}

#[tokio::test]
async fn two_processes_that_start_at_once_make_one_key() {
    let instance = Instance::start().await;
    let other = instance.another_process().await;
    let (one, two) = tokio::join!(keys::advance_documents(&instance.app), keys::advance_documents(&other));
    one.unwrap();
    two.unwrap();
    assert_eq!(instance.number("select count(*) from document_keys").await, 1);
    assert_eq!(instance.app.document_keys.jwks(), other.document_keys.jwks());
}

#[tokio::test]
async fn an_a2a_url_that_is_not_https_is_refused_by_name() {
    let (_instance, tenant, agent) = scene().await;
    let mut body = new_agent();
    body["a2aUrl"] = json!("https://new.example/a2a");
    assert_eq!(
        tenant.api.post("/api/v1/agents", &body).await.expect(201).json()["a2aUrl"],
        "https://new.example/a2a"
    );
    for url in [json!("http://x.example"), json!("https://u:p@x.example"), json!(7), json!("")] {
        let refused = tenant.api.patch(&agent.path(), &json!({"a2aUrl": url})).await.expect(400);
        assert!(refused.body.contains("a2aUrl"));
    }
}

#[tokio::test]
async fn false_name_attack_a_name_that_an_organization_gives_itself_is_marked_until_the_platform_confirms_it()
{
    let instance = Instance::start().await;
    keys::advance_documents(&instance.app).await.unwrap();
    let platform = instance.platform().await;
    let tenant = platform.create_organization("enterprise").await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    tenant.api.patch(&agent.path(), &json!({"isPublic": true})).await.expect(200);
    let path = format!("/api/v1/organizations/{}", tenant.organization_id);
    let slug = tenant.api.get(&path).await.expect(200).text("slug");
    let signed_author = async || {
        let badge = part(&instance.api().get(&KINDS[3](&agent.id)).await.expect(200), 1);
        let record: Value =
            serde_json::from_str(badge["credentialSubject"]["badge"].as_str().unwrap()).unwrap();
        assert_eq!(record["annotations"]["organization_id"], tenant.organization_id.as_str());
        assert_eq!(record["annotations"]["organization_slug"], slug.as_str());
        let card = instance.api().get(&KINDS[0](&agent.id)).await.expect(200).json();
        assert_eq!(card["provider"]["organization"], record["authors"][0]);
        record["authors"][0].as_str().unwrap().to_owned()
    };
    let confirmed = async |by: &Tenant, body: Value| {
        by.api.patch(&path, &body).await.expect(200).json()["nameConfirmed"].as_bool().unwrap()
    };
    assert_eq!(signed_author().await, format!("{slug} ({slug})"), "the platform named it");

    assert!(!confirmed(&tenant, json!({"name": "Big Bank"})).await);
    assert_eq!(signed_author().await, format!("Big Bank (self-asserted by {slug})"));
    // Neither by itself, nor by anything else that the platform changes, is it confirmed.
    assert!(!confirmed(&tenant, json!({"name": "Big Bank"})).await);
    assert!(!confirmed(&platform, json!({"tier": "pro"})).await);

    instance.advance(Duration::SECOND);
    assert!(confirmed(&platform, json!({"name": "Big Bank"})).await);
    assert_eq!(signed_author().await, format!("Big Bank ({slug})"));
    assert!(confirmed(&tenant, json!({"name": "Big Bank"})).await, "the same name is no new one");
    assert!(!confirmed(&tenant, json!({"name": "Bigger Bank"})).await);
    let log = platform.api.get("/api/v1/audit?action=org.updated").await.expect(200).json();
    assert_eq!(log["data"][0]["metadata"]["fields"], json!(["nameConfirmed"]));
}
