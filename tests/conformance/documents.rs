//! Discovery, keys and identity documents.

use agentidp_shared::jwk::Algorithm;
use agentidp_tests::{Answer, ClientKey, client_key};
use serde_json::{Value, json};

use crate::tokens::{Scene, claims, header};

#[tokio::test]
async fn discovery_names_this_address_and_only_what_is_there() {
    let scene = Scene::set().await;
    let base = scene.api.base();
    let openid = scene.api.get("/.well-known/openid-configuration").await.expect(200);
    let oauth = scene.api.get("/.well-known/oauth-authorization-server").await.expect(200);
    assert_eq!(openid.json(), oauth.json());
    for answer in [&openid, &oauth] {
        assert!(answer.header("content-type").unwrap().starts_with("application/json"));
        assert!(answer.header("x-state-seq").is_some() && answer.header("x-state-age").is_some());
    }
    let document = openid.json();
    assert_eq!(document["issuer"], base);
    assert_eq!(document["issuer"], claims(&scene.token)["iss"]);
    for (name, path) in [
        ("authorization_endpoint", "/oauth2/authorize"),
        ("token_endpoint", "/oauth2/token"),
        ("introspection_endpoint", "/oauth2/introspect"),
        ("revocation_endpoint", "/oauth2/revoke"),
        ("userinfo_endpoint", "/agent-info"),
        ("jwks_uri", "/.well-known/jwks.json"),
    ] {
        assert_eq!(document[name], format!("{base}{path}"));
        assert_ne!(scene.api.get(path).await.status, 404, "{path}");
    }
    let types = scene
        .api
        .get("/oauth2/authorize?response_type=code&redirect_uri=http://127.0.0.1:1/")
        .await
        .expect(400);
    assert_eq!((types.error().as_str(), types.header("location")), ("unsupported_response_type", None));
    assert_eq!(document["response_types_supported"], json!([]));
    let algorithm = header(&scene.token)["alg"].clone();
    assert!(document["id_token_signing_alg_values_supported"].as_array().unwrap().contains(&algorithm));
    let granted = claims(&scene.token)["scope"].as_str().unwrap().to_owned();
    let supported = document["scopes_supported"].as_array().unwrap().clone();
    assert!(granted.split(' ').all(|scope| supported.contains(&json!(scope))));
    for method in document["token_endpoint_auth_methods_supported"].as_array().unwrap() {
        let grant = ("grant_type", "client_credentials");
        let (id, secret) = (scene.agent.id.as_str(), scene.agent.secret.as_str());
        let answer = match method.as_str().unwrap() {
            "client_secret_basic" => scene.api.with_basic(id, secret).form("/oauth2/token", &[grant]).await,
            "client_secret_post" => {
                scene.api.form("/oauth2/token", &[grant, ("client_id", id), ("client_secret", secret)]).await
            }
            "private_key_jwt" => by_key(&scene, document["issuer"].as_str().unwrap()).await,
            other => panic!("no test for {other}"),
        };
        answer.expect(200);
    }

    let resource = scene.api.get("/.well-known/oauth-protected-resource").await.expect(200).json();
    assert_eq!(resource["resource"], base);
    assert_eq!(resource["authorization_servers"], json!([base]));
}

/// RFC 8414 §3.1, the same with OpenID Connect's name, and OpenID Connect Discovery 1.0 §4.1: clients of the Model Context Protocol
/// try all three of an issuer with a path, and the first two of one without.
#[tokio::test]
async fn every_place_where_clients_look_for_an_issuers_metadata_has_the_same_document() {
    let scene = Scene::set().await;
    let organization = scene.tenant.create_organization().await;
    let path = format!("/organizations/{}", organization.organization_id);
    let places = [
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
        format!("{path}/.well-known/openid-configuration"),
    ];
    for place in &places {
        let absent = scene.api.get(place).await.expect(404);
        assert_eq!(absent.code(), "ISSUER_NOT_FOUND", "{place}");
        assert_eq!(absent.header("access-control-allow-origin"), Some("*"), "{place}");
    }
    let own = json!({ "issuerKind": "organization" });
    organization.api.patch(&format!("/api/v1{path}"), &own).await.expect(200);

    let instance = scene.api.get("/.well-known/oauth-authorization-server").await.expect(200);
    let openid = scene.api.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!((instance.json()["issuer"].as_str(), &instance.body), (Some(scene.api.base()), &openid.body));
    // Clients are registered here by their operators, and nothing is fetched for one (decision 32).
    for promise in ["client_id_metadata_document_supported", "registration_endpoint"] {
        assert_eq!(instance.json().get(promise), None, "{promise}");
    }
    let mut expected = instance.json();
    expected["issuer"] = json!(format!("{}{path}", scene.api.base()));
    let origin = scene.api.at(&scene.stack.control_plane.url());
    for place in &places {
        // As a browser's script asks, with the header that the protocol has it send.
        let request = scene.api.request("GET", place);
        let request =
            request.header("origin", "https://app.example").header("mcp-protocol-version", "2025-11-25");
        let document = scene.api.send(request).await.expect(200);
        assert_eq!(document.json(), expected, "{place}");
        assert_eq!(document.header("content-type"), Some("application/json"), "{place}");
        assert_eq!(document.header("access-control-allow-origin"), Some("*"), "{place}");
        let tag = document.header("etag").unwrap().to_owned();
        let held = scene.api.request("GET", place).header("if-none-match", &tag);
        scene.api.send(held).await.expect(304);
        assert_eq!(origin.get(place).await.expect(200).json(), expected, "{place} at the control plane");
        let preflight = scene.api.send(scene.api.request("OPTIONS", place)).await.expect(204);
        assert_eq!(preflight.header("access-control-allow-headers"), Some("*"), "{place}");
        for other in [format!("{place}/"), format!("{place}/x"), place.to_uppercase()] {
            assert_eq!(scene.api.get(&other).await.status, 404, "{other}");
        }
    }
    // There is no such place for a path that is no issuer's.
    for place in ["/.well-known/oauth-authorization-server/mcp", "/mcp/.well-known/openid-configuration"] {
        scene.api.get(place).await.expect(404);
    }
}

/// A token, with a key that was registered for it.
async fn by_key(scene: &Scene, issuer: &str) -> Answer {
    let key = ClientKey::generate(Algorithm::ES256);
    let path = format!("/api/v1/agents/{}/credentials", scene.agent.id);
    scene.tenant.api.post(&path, &json!({ "publicJwk": key.public_jwk() })).await.expect(201);
    let assertion = key.assertion(&scene.agent.id, issuer, agentidp_tests::now());
    let [kind, assertion] = client_key::parameters(&assertion);
    scene.api.form("/oauth2/token", &[("grant_type", "client_credentials"), kind, assertion]).await
}

#[tokio::test]
async fn jwks_has_the_key_of_every_token_and_an_etag_that_works() {
    let scene = Scene::set().await;
    let answer = scene.api.get("/.well-known/jwks.json").await.expect(200);
    assert!(
        answer.header("cache-control").is_some_and(|value| value.contains("max-age")),
        "{:?}",
        answer.headers
    );
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    let key = keys.iter().find(|key| key["kid"] == header(&scene.token)["kid"]).expect("the token's key");
    assert_eq!(key["alg"], header(&scene.token)["alg"]);
    for key in &keys {
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private} of a private key");
        }
    }
    let etag = answer.header("etag").expect("an ETag").to_owned();
    assert!(etag.trim_start_matches("W/").starts_with('"') && etag.ends_with('"'), "{etag}");
    for (condition, status) in [
        (etag.clone(), 304),
        (format!("\"other\", {etag}"), 304),
        (format!("W/{}", etag.trim_start_matches("W/")), 304),
        ("*".into(), 304),
        ("\"other\"".into(), 200),
        ("nonsense".into(), 200),
    ] {
        let request = scene.api.request("GET", "/.well-known/jwks.json").header("if-none-match", &condition);
        let answer = scene.api.send(request).await.expect(status);
        assert_eq!(answer.header("etag"), Some(etag.as_str()), "{condition}");
        assert_eq!(answer.body.is_empty(), status == 304, "{condition}");
    }
    // The same keys at the origin.
    let origin =
        scene.api.at(&scene.stack.control_plane.url()).get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(origin.json(), answer.json());
}

#[tokio::test]
async fn did_documents_name_themselves_and_public_keys_only() {
    let scene = Scene::set().await;
    let host = scene.api.base().trim_start_matches("http://").replace(':', "%3A");
    let instance = scene.api.get("/.well-known/did.json").await.expect(200);
    let did = format!("did:web:{host}");
    assert_eq!(instance.json()["id"], did);
    let kid = header(&scene.token)["kid"].as_str().unwrap().to_owned();
    let methods = instance.json()["verificationMethod"].as_array().unwrap().clone();
    assert!(methods.iter().any(|method| method["id"] == format!("{did}#{kid}")), "{methods:?}");

    for path in
        [format!("/agents/{}/did.json", scene.agent.id), format!("/api/v1/agents/{}/did", scene.agent.id)]
    {
        let answer = scene.api.get(&path).await.expect(200);
        let kind = answer.header("content-type").unwrap().to_owned();
        assert!(kind.starts_with("application/did+json") || kind.starts_with("application/json"), "{kind}");
        let document = answer.json();
        assert_eq!(document["id"], format!("{did}:agents:{}", scene.agent.id));
        let method = &document["verificationMethod"][0];
        assert_eq!(method["publicKeyJwk"]["crv"], "P-256");
        assert_eq!(document["authentication"][0], method["id"]);
        assert!(!has_member(&document, "d"));
        assert!(
            !answer.body.contains(&scene.agent.email) && !answer.body.contains(&scene.tenant.organization_id)
        );
        // A second time from wherever it was remembered.
        assert_eq!(scene.api.get(&path).await.expect(200).body, answer.body);
    }
}

fn has_member(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(key, value)| key == name || has_member(value, name)),
        Value::Array(items) => items.iter().any(|item| has_member(item, name)),
        _ => false,
    }
}

#[tokio::test]
async fn did_documents_of_nobody_are_404_and_of_the_decommissioned_410() {
    let scene = Scene::set().await;
    let nobody = "0198c5a4-0000-7000-8000-00000000dead";
    scene.api.get(&format!("/agents/{nobody}/did.json")).await.expect(404);
    for id in ["x", "..%2f..", &scene.agent.id.to_uppercase(), "%00", "%ff"] {
        let answer = scene.api.get(&format!("/agents/{id}/did.json")).await;
        assert!([400, 404].contains(&answer.status), "{id}: {}", answer.status);
    }
    let (gone, _) = scene.another_agent(&["agents:read"]).await;
    let path = format!("/agents/{}/did.json", gone.id);
    scene.tenant.api.delete(&format!("/api/v1/agents/{}", gone.id)).await.expect(204);
    agentidp_tests::eventually(
        "410 for a decommissioned agent",
        std::time::Duration::from_secs(5),
        async || scene.api.get(&path).await.is(410).then_some(()),
    )
    .await;
}

#[tokio::test]
async fn documents_answer_head_and_refuse_other_methods() {
    let scene = Scene::set().await;
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
        "/.well-known/jwks.json",
        "/.well-known/did.json",
    ] {
        let head = scene.api.send(scene.api.request("HEAD", path)).await.expect(200);
        assert!(head.body.is_empty());
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(scene.api.send(scene.api.request(method, path)).await.status, 405, "{method} {path}");
        }
    }
}
