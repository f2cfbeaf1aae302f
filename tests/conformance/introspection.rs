//! Introspection at the edge (RFC 7662).

use agentidp_tests::shape::{Shape, assert_documented};
use serde_json::json;

use crate::tokens::{Scene, bad_tokens, claims};

const PATHS: [&str; 2] = ["/oauth2/introspect", "/api/v1/token/introspect"];

#[tokio::test]
async fn an_active_token_is_described_and_anything_else_only_inactive() {
    let scene = Scene::set().await;
    let api = scene.with_token();
    for path in PATHS {
        let answer = api.form(path, &[("token", &scene.token)]).await.expect(200);
        assert!(answer.header("content-type").unwrap().starts_with("application/json"));
        assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")));
        let body = answer.json();
        assert_eq!(body["active"], true);
        assert_eq!(body["token_type"], "Bearer");
        for (name, value) in claims(&scene.token).as_object().unwrap() {
            assert_eq!(&body[name], value, "{name}");
        }
        for (what, token) in bad_tokens(&scene.token) {
            let answer = api.form(path, &[("token", &token)]).await.expect(200);
            assert_eq!(answer.json(), json!({"active": false}), "{what}");
        }
        // A hint may be wrong, and unknown parameters are no reason to refuse.
        let hinted = [("token", scene.token.as_str()), ("token_type_hint", "refresh_token"), ("x", "y")];
        assert_eq!(api.form(path, &hinted).await.expect(200).json()["active"], true);
    }
}

#[tokio::test]
async fn it_is_for_those_who_may_ask() {
    let scene = Scene::set().await;
    let (_, without_scope) = scene.another_agent(&["agents:read"]).await;
    for path in PATHS {
        let asked = [("token", scene.token.as_str())];
        let answer = scene.api.form(path, &asked).await.expect(401);
        assert!(answer.header("www-authenticate").is_some());
        assert_documented(&answer, Shape::OAuth);
        let answer = scene.api.with_token(&without_scope).form(path, &asked).await.expect(403);
        assert!(answer.header("www-authenticate").unwrap().contains("insufficient_scope"));
        assert_documented(&answer, Shape::OAuth);
        for (what, token) in bad_tokens(&scene.token) {
            let answer = scene.api.with_token(&token).form(path, &asked).await;
            assert_eq!(answer.status, 401, "{what}");
        }
    }
}

#[tokio::test]
async fn a_client_may_ask_with_its_secret() {
    let scene = Scene::set().await;
    let asked = [("token", scene.token.as_str())];
    let basic = scene.api.with_basic(&scene.agent.id, &scene.agent.secret);
    assert_eq!(basic.form(PATHS[0], &asked).await.expect(200).json()["active"], true);
    let wrong = scene.api.with_basic(&scene.agent.id, "wrong").form(PATHS[0], &asked).await.expect(401);
    assert_eq!(wrong.error(), "invalid_client");
}

#[tokio::test]
async fn another_organizations_token_is_inactive() {
    let scene = Scene::set().await;
    let other = scene.tenant.create_organization().await;
    let token = other.admin.token(&other.api).await;
    let answer = scene.with_token().form(PATHS[0], &[("token", &token)]).await.expect(200);
    assert_eq!(answer.json(), json!({"active": false}));
    assert_eq!(other.api.form(PATHS[0], &[("token", &token)]).await.expect(200).json()["active"], true);
}

#[tokio::test]
async fn requests_that_are_none_are_refused() {
    let scene = Scene::set().await;
    let api = scene.with_token();
    for body in ["", "token=", "token=a&token=b", "x=y", "token=%ff", "token=%0", "{\"token\":\"x\"}"] {
        let answer = api.body("POST", PATHS[0], "application/x-www-form-urlencoded", body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        assert_documented(&answer, Shape::OAuth);
    }
    let answer = api.post(PATHS[0], &json!({"token": scene.token})).await;
    assert!([400, 415].contains(&answer.status));
    assert_documented(&answer, Shape::OAuth);
    let answer = api
        .body("POST", PATHS[0], "application/x-www-form-urlencoded", format!("token={}", "x".repeat(200_000)))
        .await;
    assert!([200, 400, 413].contains(&answer.status), "{}", answer.status);
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(api.send(api.request(method, PATHS[0])).await.status, 405);
    }
}
