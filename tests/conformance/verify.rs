//! `/verify`: forward authentication (RFC 6750).

use agentidp_tests::api::encode;
use agentidp_tests::shape::{Shape, assert_documented};

use crate::tokens::{Scene, bad_tokens, claims};

#[tokio::test]
async fn a_good_token_is_200_with_who_it_is_and_a_bad_one_401_with_a_challenge() {
    let scene = Scene::set().await;
    for method in ["GET", "POST", "HEAD"] {
        let api = scene.with_token();
        let answer = api.send(api.request(method, "/verify")).await.expect(200);
        assert_eq!(answer.header("x-agent-id"), Some(scene.agent.id.as_str()));
        assert_eq!(answer.header("x-agent-scopes"), Some("agents:read tokens:read"));
        assert_eq!(answer.header("x-agent-organization"), Some(scene.tenant.organization_id.as_str()));
        assert!(answer.header("x-state-seq").unwrap().parse::<u64>().unwrap() > 0);
        assert!(answer.header("x-state-age").is_some());
        assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")));
        assert!(answer.header("x-request-id").is_some());
    }

    for (what, token) in bad_tokens(&scene.token) {
        let answer = scene.api.with_token(&token).get("/verify").await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(
            challenge.starts_with("Bearer") && challenge.contains(r#"error="invalid_token""#),
            "{what}: {challenge}"
        );
        assert!(answer.header("x-agent-id").is_none(), "{what}");
        assert_documented(&answer, Shape::OAuth);
        assert!(!answer.body.contains(&token) || token.len() < 10, "{what}: the token is in the answer");
        // The answer on a token that was refused is the same a second time.
        assert_eq!(scene.api.with_token(&token).get("/verify").await.status, 401, "{what}");
    }
    scene.with_token().get("/verify").await.expect(200);
}

/// RFC 6750 §3.1: without any authentication information there is no error code either.
#[tokio::test]
async fn without_a_token_there_is_a_challenge_without_an_error() {
    let scene = Scene::set().await;
    let basic = scene.api.with_basic(&scene.agent.id, &scene.agent.secret);
    for api in [&scene.api, &basic] {
        let answer = api.get("/verify").await.expect(401);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer") && !challenge.contains("error="), "{challenge}");
    }
    // Only the header counts: not the query, not a form, not a cookie.
    let query = format!("/verify?access_token={}", scene.token);
    assert_ne!(scene.api.get(&query).await.status, 200);
    let form = scene.api.form("/verify", &[("access_token", &scene.token)]).await;
    assert_ne!(form.status, 200);
    let cookie =
        scene.api.request("GET", "/verify").header("cookie", format!("access_token={}", scene.token));
    assert_eq!(scene.api.send(cookie).await.status, 401);
}

#[tokio::test]
async fn header_forms_that_are_none_are_refused() {
    let scene = Scene::set().await;
    let token = &scene.token;
    for value in [
        "Bearer",
        "Bearer ",
        &format!("Bearer {token} {token}"),
        &format!("Token {token}"),
        token,
        "Bearer \"x\"",
    ] {
        let request = scene.api.request("GET", "/verify").header("authorization", value);
        let answer = scene.api.send(request).await;
        assert!([400, 401].contains(&answer.status), "{value}: {}", answer.status);
    }
    let request = scene.api.request("GET", "/verify");
    let twice =
        request.header("authorization", format!("Bearer {token}")).header("authorization", "Bearer x");
    assert!([400, 401].contains(&scene.api.send(twice).await.status));
    // RFC 9110 §11.1: the scheme is compared without case.
    let lower = scene.api.request("GET", "/verify").header("authorization", format!("bearer {token}"));
    assert_eq!(scene.api.send(lower).await.status, 200);
}

#[tokio::test]
async fn demanded_scopes_are_held_or_named_in_a_403() {
    let scene = Scene::set().await;
    let api = scene.with_token();
    for scopes in ["agents:read", "tokens:read", "agents:read tokens:read", "agents:read agents:read"] {
        api.get(&format!("/verify?scope={}", encode(scopes))).await.expect(200);
        api.get(&format!("/verify?scope={}", scopes.replace(' ', "+"))).await.expect(200);
    }
    for scopes in ["agents:write", "agents:read agents:write", "admin:orgs", "AGENTS:READ", "agents"] {
        let answer = api.get(&format!("/verify?scope={}", encode(scopes))).await.expect(403);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
        let demanded = scopes.split(' ').all(|scope| challenge.contains(scope));
        assert!(challenge.contains("scope=") && demanded, "{challenge}");
        assert!(answer.header("x-agent-id").is_none());
        assert_documented(&answer, Shape::OAuth);
    }
    for query in
        ["scope=a%22b", "scope=%00", "scope=a%20%20b", &format!("scope={}", "x".repeat(65)), "scope=%ff"]
    {
        let answer = api.get(&format!("/verify?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
        assert_documented(&answer, Shape::OAuth);
    }
}

#[tokio::test]
async fn a_token_is_good_for_its_audience_only() {
    let scene = Scene::set().await;
    let resource = "https://api.example/reports";
    let other = scene
        .api
        .with_basic(&scene.agent.id, &scene.agent.secret)
        .form("/oauth2/token", &[("grant_type", "client_credentials"), ("resource", resource)])
        .await
        .expect(200)
        .text("access_token");
    assert_eq!(claims(&other)["aud"], resource);
    let api = scene.api.with_token(&other);
    api.get(&format!("/verify?audience={}", encode(resource))).await.expect(200);
    api.get("/verify").await.expect(401);
    for audience in ["https://api.example", "https://api.example/reports/", "*", scene.api.base()] {
        api.get(&format!("/verify?audience={}", encode(audience))).await.expect(401);
    }
    scene.with_token().get(&format!("/verify?audience={}", encode(scene.api.base()))).await.expect(200);
    scene.with_token().get(&format!("/verify?audience={}", encode(resource))).await.expect(401);
    // A token for another API does not open this one.
    api.get("/api/v1/agents").await.expect(401);
}

#[tokio::test]
async fn headers_and_parameters_of_the_client_do_not_become_an_identity() {
    let scene = Scene::set().await;
    let request = scene
        .with_token()
        .request("GET", "/verify")
        .header("x-agent-id", "0198c5a4-0000-7000-8000-00000000000a")
        .header("x-agent-scopes", "admin:orgs")
        .header("x-agent-organization", "x");
    let answer = scene.api.send(request).await.expect(200);
    assert_eq!(answer.headers.get_all("x-agent-id").iter().count(), 1);
    assert_eq!(answer.header("x-agent-id"), Some(scene.agent.id.as_str()));
    assert_eq!(answer.header("x-agent-scopes"), Some("agents:read tokens:read"));
    let request = scene.api.request("GET", "/verify").header("x-agent-id", &scene.agent.id);
    assert_eq!(scene.api.send(request).await.status, 401);
}

#[tokio::test]
async fn a_request_id_is_kept_or_given() {
    let scene = Scene::set().await;
    let request = scene.with_token().request("GET", "/verify").header("x-request-id", "my-request-1");
    assert_eq!(scene.api.send(request).await.header("x-request-id"), Some("my-request-1"));
    let (one, other) = (scene.api.get("/verify").await, scene.api.get("/verify").await);
    assert!(
        one.header("x-request-id").is_some() && one.header("x-request-id") != other.header("x-request-id")
    );
    for bad in ["x".repeat(1_000), "a b\"c".into(), "<script>".into()] {
        let request = scene.api.request("GET", "/verify").header("x-request-id", &bad);
        let answer = scene.api.send(request).await;
        assert_ne!(answer.header("x-request-id"), Some(bad.as_str()));
    }
}

#[tokio::test]
async fn a_proxy_may_ask_by_the_method_it_was_asked_by() {
    let scene = Scene::set().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let api = scene.with_token();
        api.send(api.request(method, "/verify?scope=agents:read")).await.expect(200);
        api.send(api.request(method, "/verify?scope=agents:write")).await.expect(403);
        scene.api.send(scene.api.request(method, "/verify")).await.expect(401);
    }
}
