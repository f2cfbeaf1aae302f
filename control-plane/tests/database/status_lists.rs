//! Token status lists: what each says of its tokens, and of nobody else.

use std::collections::BTreeSet;

use agentidp::housekeeping;
use agentidp_shared::strict::{decode_base64url, parse_json_object};
use serde_json::{Map, Value, json};
use time::Duration;

use crate::delegation;
use crate::support::{Agent, Instance, TOKEN_TTL, Tenant};

async fn scene() -> (Instance, Tenant, Agent) {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    (instance, tenant, agent)
}

fn part(token: &str, number: usize) -> Map<String, Value> {
    parse_json_object(&decode_base64url(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

/// A token's place: the list's path at this server, and the index.
fn place(token: &str) -> (String, usize) {
    let reference = part(token, 1)["status"]["status_list"].clone();
    let uri = reference["uri"].as_str().unwrap();
    let path = &uri[uri.find("/status-lists/").unwrap()..];
    (path.to_owned(), usize::try_from(reference["idx"].as_u64().unwrap()).unwrap())
}

fn inflate(list: &str) -> Vec<u8> {
    let claims = part(list, 1);
    assert_eq!(claims["status_list"]["bits"], 2);
    let stream = decode_base64url(claims["status_list"]["lst"].as_str().unwrap()).unwrap();
    miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&stream, 1 << 20).unwrap()
}

/// What the list says of a token, a moment after whatever happened before.
pub async fn status(instance: &Instance, token: &str) -> u8 {
    instance.advance(Duration::seconds(5));
    let (path, idx) = place(token);
    let list = instance.api().get(&path).await.expect(200).body;
    inflate(&list)[idx / 4] >> (idx % 4 * 2) & 0b11
}

#[tokio::test]
async fn a_list_is_a_signed_token_of_the_issuer_that_says_how_long_it_counts() {
    let (instance, tenant, agent) = scene().await;
    let token = agent.token(&tenant.api).await;
    let (path, _) = place(&token);
    let answer = instance.api().get(&path).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/statuslist+jwt"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=30"));
    let (header, claims) = (part(&answer.body, 0), part(&answer.body, 1));
    assert_eq!((&header["typ"], &header["kid"]), (&json!("statuslist+jwt"), &part(&token, 0)["kid"]));
    assert_eq!(claims["sub"], part(&token, 1)["status"]["status_list"]["uri"]);
    assert_eq!(claims["ttl"], 30);
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 600);
    assert_eq!(inflate(&answer.body).len(), 1 << 14);
    let again = instance.api().get(&path).await.expect(200);
    assert_eq!(again.body, answer.body, "signed once for everybody");
    for (path, status) in
        [("/status-lists/0198c5a4-0000-7000-8000-00000000dead", 404), ("/status-lists/x", 400)]
    {
        instance.api().get(path).await.expect(status);
    }
    // It is no access token.
    tenant.api.with_token(&answer.body).get(&agent.path()).await.expect(401);
}

#[tokio::test]
async fn what_is_taken_back_shows_and_so_does_what_comes_again() {
    let (instance, tenant, agent) = scene().await;
    let (kept, revoked) = (agent.token(&tenant.api).await, agent.token(&tenant.api).await);
    let path = agent.path();
    assert_eq!(status(&instance, &revoked).await, 0);
    tenant.api.with_token(&revoked).form("/oauth2/revoke", &[("token", &revoked)]).await.expect(200);
    assert_eq!(status(&instance, &revoked).await, 1);
    assert_eq!(status(&instance, &kept).await, 0);

    let other = tenant.create_agent(&["agents:read"]).await;
    let token = other.token(&tenant.api).await;
    tenant.api.patch(&other.path(), &json!({"revokeTokens": true})).await.expect(200);
    let after = other.token(&tenant.api).await;
    assert_eq!(status(&instance, &token).await, 1);
    assert_eq!(status(&instance, &after).await, 0, "issued after it");

    tenant.api.patch(&path, &json!({"status": "suspended"})).await.expect(200);
    let suspended = status(&instance, &kept).await;
    assert!(suspended == 1 || suspended == 2, "{suspended}");
    assert_eq!(status(&instance, &after).await, 0, "of another agent");
    tenant.api.delete(&path).await.expect(204);
    assert_eq!(status(&instance, &kept).await, 1);
}

#[tokio::test]
async fn what_becomes_of_any_token_it_comes_from_shows_at_a_derived_tokens_place() {
    for fate in
        ["the delegation is taken back", "its token is revoked", "it is suspended", "it is decommissioned"]
    {
        let (instance, tenant, agent) = scene().await;
        let [second, third] = delegation::agents(&tenant).await;
        let first = agent.token(&tenant.api).await;
        let to_second = delegation::delegate(&tenant.api, &first, &second, &["agents:read"]).await;
        let to_third = delegation::delegate(&tenant.api, &to_second, &third, &["agents:read"]).await;
        for token in [&first, &to_second, &to_third] {
            assert_eq!(status(&instance, token).await, 0);
        }
        match fate {
            "the delegation is taken back" => {
                let path = format!("/oauth2/token/delegate/{}", delegation::id_of(&to_second));
                tenant.api.with_token(&first).delete(&path).await.expect(204);
            }
            "its token is revoked" => {
                tenant.api.with_token(&first).form("/oauth2/revoke", &[("token", &first)]).await.expect(200);
            }
            "it is suspended" => {
                tenant.api.patch(&agent.path(), &json!({"status": "suspended"})).await.expect(200);
            }
            _ => drop(tenant.api.delete(&agent.path()).await.expect(204)),
        }
        assert_eq!(status(&instance, &first).await == 0, fate == "the delegation is taken back", "{fate}");
        for token in [&to_second, &to_third] {
            assert_ne!(status(&instance, token).await, 0, "{fate}");
        }
    }
}

#[tokio::test]
async fn every_token_has_a_place_of_its_own_however_many_come_at_once() {
    let (instance, tenant, agent) = scene().await;
    let tokens = futures_util::future::join_all((0..64).map(|_| agent.token(&tenant.api))).await;
    let places: BTreeSet<(String, usize)> = tokens.iter().map(|token| place(token)).collect();
    assert_eq!(places.len(), 64);
    let order: Vec<usize> = tokens.iter().map(|token| place(token).1).collect();
    assert!(!order.is_sorted() && !order.iter().rev().is_sorted());
    let kept = instance.number("select count(*) from status_list_entries").await;
    assert!(kept >= 64, "{kept}");
}

#[tokio::test]
async fn places_go_when_their_tokens_have_expired_and_the_list_with_the_last() {
    let (instance, tenant, agent) = scene().await;
    let token = agent.token(&tenant.api).await;
    let (path, _) = place(&token);
    instance.advance(Duration::seconds(TOKEN_TTL) + Duration::minutes(9));
    housekeeping::run(&instance.app).await.unwrap();
    instance.api().get(&path).await.expect(200);
    instance.advance(Duration::minutes(2));
    housekeeping::run(&instance.app).await.unwrap();
    assert_eq!(instance.number("select count(*) from status_list_entries").await, 0);
    instance.advance(Duration::seconds(5));
    instance.api().get(&path).await.expect(404);
}
