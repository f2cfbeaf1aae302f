//! OpenID Connect: ID tokens, `/agent-info`, discovery that tells the truth.

use agentidp_shared::jwk::{JwkSet, KeySet};
use agentidp_shared::strict::{decode_base64url, encode_base64url};
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::header;
use base64::Engine as _;
use serde_json::{Map, Value, json};

use crate::delegation::delegate;
use crate::support::{Agent, Answer, Api, ISSUER, Instance, Tenant};

async fn scene() -> (Instance, Tenant, Agent) {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read", "openid"]).await;
    (instance, tenant, agent)
}

async fn ask(api: &Api, agent: &Agent, parameters: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &agent.id),
        ("client_secret", &agent.secret),
    ];
    form.extend(parameters);
    api.form("/oauth2/token", &form).await
}

fn part(token: &str, position: usize) -> Map<String, Value> {
    serde_json::from_slice(&decode_base64url(token.split('.').nth(position).unwrap()).unwrap()).unwrap()
}

/// The claims, once the signature is that of a published key.
async fn verified(api: &Api, token: &str) -> Map<String, Value> {
    let jwks: JwkSet =
        serde_json::from_str(&api.get("/.well-known/jwks.json").await.expect(200).body).unwrap();
    let keys = KeySet::from_jwks(&jwks).unwrap();
    let key = keys.find(part(token, 0)["kid"].as_str().unwrap()).unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    assert!(key.verify(input.as_bytes(), &decode_base64url(signature).unwrap()));
    part(token, 1)
}

#[tokio::test]
async fn an_id_token_says_who_the_agent_is_to_the_client_that_asked() {
    let (instance, tenant, agent) = scene().await;
    let api = instance.api();
    tenant.api.patch(&agent.path(), &json!({"name": "Reader"})).await.expect(200);
    let answer = ask(&api, &agent, &[("scope", "openid"), ("nonce", "n-0S6 WzA2Mj")]).await.expect(200);
    let (id_token, access_token) = (answer.text("id_token"), answer.text("access_token"));
    let claims = verified(&api, &id_token).await;
    let access = part(&access_token, 1);
    assert_eq!(part(&id_token, 0)["typ"], "JWT");
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["sub"], agent.id.as_str());
    assert_eq!(claims["aud"], agent.id.as_str());
    assert_eq!(claims["nonce"], "n-0S6 WzA2Mj");
    assert_eq!(claims["did"], format!("did:web:id.example:agents:{}", agent.id));
    assert_eq!(claims["organization_id"], tenant.organization_id.as_str());
    assert_eq!(claims["name"], "Reader");
    assert_eq!(claims["agent_type"], "custom");
    assert_eq!((&claims["iat"], &claims["exp"]), (&access["iat"], &access["exp"]));
    assert_eq!(claims["auth_time"], instance.now().unix_timestamp());
    let hash = digest(&SHA256, access_token.as_bytes());
    assert_eq!(claims["at_hash"], encode_base64url(&hash.as_ref()[..16]));
    assert!(!id_token.contains(&agent.secret));
    // Nobody's e-mail address or owner is in it.
    assert!(claims.get("email").is_none() && claims.get("owner").is_none());
}

#[tokio::test]
async fn without_openid_there_is_no_id_token_and_without_a_nonce_none_is_in_it() {
    let (instance, tenant, agent) = scene().await;
    let api = instance.api();
    let without = ask(&api, &agent, &[("scope", "agents:read"), ("nonce", "x")]).await.expect(200);
    assert_eq!(without.json().get("id_token"), None);
    let answer = ask(&api, &agent, &[]).await.expect(200);
    assert_eq!(part(&answer.text("id_token"), 1).get("nonce"), None);
    let long = "n".repeat(513);
    let refused = ask(&api, &agent, &[("scope", "openid"), ("nonce", &long)]).await.expect(400);
    assert_eq!(refused.text("error"), "invalid_request");
    ask(&api, &agent, &[("scope", "openid"), ("nonce", &long[1..])]).await.expect(200);

    // For another agent the subject is that agent, and the audience the client.
    let admin = ask(&api, &tenant.admin, &[("scope", "openid"), ("agent_id", &agent.id)]).await.expect(200);
    let claims = part(&admin.text("id_token"), 1);
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!(agent.id), &json!(tenant.admin.id)));
}

#[tokio::test]
async fn token_confusion_attack_an_id_token_is_no_access_token_and_an_access_token_is_none() {
    let (instance, _tenant, agent) = scene().await;
    let api = instance.api();
    let answer = ask(&api, &agent, &[]).await.expect(200);
    let id_token = answer.text("id_token");
    api.with_token(&id_token).get("/agent-info").await.expect(401);
    api.with_token(&id_token).get(&agent.path()).await.expect(401);
    instance.sequence().await;
    let edge = instance.edge("osaka");
    let state = edge.begin().await;
    assert!(edge.accepts(&state, &answer.text("access_token")));
    assert!(!edge.accepts(&state, &id_token));
    assert_eq!(part(&answer.text("access_token"), 0)["typ"], "at+jwt");
}

#[tokio::test]
async fn agent_info_says_what_the_id_token_says() {
    let (instance, tenant, agent) = scene().await;
    let api = instance.api();
    let answer = ask(&api, &agent, &[("scope", "openid")]).await.expect(200);
    let id_token = part(&answer.text("id_token"), 1);
    let bearer = api.with_token(&answer.text("access_token"));
    for told in [bearer.get("/agent-info").await, bearer.form("/agent-info", &[]).await] {
        let told = told.expect(200);
        assert_eq!(told.headers[header::CACHE_CONTROL], "no-store");
        let told = told.json();
        assert_eq!(told["sub"], agent.id.as_str());
        for (name, value) in told.as_object().unwrap() {
            assert_eq!(&id_token[name], value, "{name}");
        }
    }
    // To a delegated token too.
    let delegatee = tenant.create_agent(&["agents:read"]).await;
    let delegated = delegate(&api, &answer.text("access_token"), &delegatee, &["openid"]).await;
    let bearer = api.with_token(&delegated);
    for told in [bearer.get("/agent-info").await, bearer.form("/agent-info", &[]).await] {
        assert_eq!(told.expect(200).text("sub"), agent.id);
    }
    let unscoped = ask(&api, &agent, &[("scope", "agents:read")]).await.expect(200).text("access_token");
    let refused = api.with_token(&unscoped).get("/agent-info").await.expect(403);
    let challenge = refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.contains("insufficient_scope") && challenge.contains("openid"), "{challenge}");
    // RFC 9728 §5.1: whoever is refused learns where to read what is asked for.
    let metadata = format!(r#"resource_metadata="{ISSUER}/.well-known/oauth-protected-resource""#);
    let [nothing, nonsense] = [api.get("/agent-info").await, api.with_token("x").get("/agent-info").await];
    for refused in [nothing.expect(401), nonsense.expect(401), refused] {
        let challenge = refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.ends_with(&metadata), "{challenge}");
    }
    let described = api.get("/.well-known/oauth-protected-resource").await.expect(200).json();
    assert_eq!(
        (&described["resource"], &described["authorization_servers"]),
        (&json!(ISSUER), &json!([ISSUER]))
    );
    assert_eq!(described["bearer_methods_supported"], json!(["header"]));
    assert!(described["scopes_supported"].as_array().unwrap().contains(&json!("openid")));
    // For another API is not for this one.
    instance.platform().await.create_resource("https://api.example", &[], &json!("all")).await;
    let elsewhere =
        ask(&api, &agent, &[("scope", "openid"), ("resource", "https://api.example")]).await.expect(200);
    api.with_token(&elsewhere.text("access_token")).get("/agent-info").await.expect(401);
}

#[tokio::test]
async fn an_access_token_has_the_whole_profile_of_rfc_9068() {
    let (instance, _tenant, agent) = scene().await;
    let token = ask(&instance.api(), &agent, &[]).await.expect(200).text("access_token");
    assert_eq!(part(&token, 0)["typ"], "at+jwt");
    let claims = part(&token, 1);
    for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope", "auth_time"] {
        assert!(claims.contains_key(claim), "{claim}");
    }
    assert_eq!(claims["auth_time"], instance.now().unix_timestamp());
}

/// Every member of the metadata is compared with behaviour; one without a comparison fails.
#[tokio::test]
async fn discovery_says_nothing_that_is_not_so() {
    let (instance, _tenant, agent) = scene().await;
    let api = instance.api();
    let metadata = api.get("/.well-known/openid-configuration").await.expect(200).json();
    assert_eq!(api.get("/.well-known/oauth-authorization-server").await.expect(200).json(), metadata);
    let answer = ask(&api, &agent, &[("nonce", "x")]).await.expect(200);
    let (id_token, access_token) = (answer.text("id_token"), answer.text("access_token"));
    let path = |value: &Value| value.as_str().unwrap().strip_prefix(ISSUER).unwrap().to_owned();
    let basic = || {
        let pair = format!("{}:{}", agent.id, agent.secret);
        api.with(
            "authorization",
            &format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)),
        )
    };
    let both_ways = async |endpoint: &str, form: &[(&str, &str)], methods: &Value| {
        for method in methods.as_array().unwrap() {
            let answer = match method.as_str().unwrap() {
                "client_secret_basic" => basic().form(endpoint, form).await,
                "client_secret_post" => {
                    let own = [("client_id", agent.id.as_str()), ("client_secret", agent.secret.as_str())];
                    api.form(endpoint, &[form, &own[..]].concat()).await
                }
                // Compared in `private_key_jwt.rs`.
                "private_key_jwt" => continue,
                other => panic!("no comparison for {other}"),
            };
            // Whether the client may is another question.
            assert!([200, 403].contains(&answer.status), "{endpoint} by {method}: {}", answer.body);
        }
    };
    let grant = ("grant_type", "client_credentials");
    for (name, value) in metadata.as_object().unwrap() {
        match name.as_str() {
            "issuer" => assert_eq!(*value, part(&access_token, 1)["iss"]),
            "authorization_endpoint" => {
                let refused = api.get(&format!("{}?response_type=code", path(value))).await.expect(400);
                assert_eq!(refused.text("error"), "unsupported_response_type");
            }
            "response_types_supported" => assert_eq!(*value, json!([])),
            "token_endpoint" => assert_eq!(path(value), "/oauth2/token"),
            "introspection_endpoint" | "revocation_endpoint" => {
                assert_ne!(api.form(&path(value), &[("token", "x")]).await.status, 404);
            }
            "token_endpoint_auth_methods_supported" => both_ways("/oauth2/token", &[grant], value).await,
            "introspection_endpoint_auth_methods_supported" => {
                both_ways("/oauth2/introspect", &[("token", "x")], value).await;
            }
            "revocation_endpoint_auth_methods_supported" => {
                both_ways("/oauth2/revoke", &[("token", "x")], value).await;
            }
            // Compared in `private_key_jwt.rs`.
            "token_endpoint_auth_signing_alg_values_supported"
            | "introspection_endpoint_auth_signing_alg_values_supported"
            | "revocation_endpoint_auth_signing_alg_values_supported" => {
                assert!(value.as_array().is_some_and(|algorithms| !algorithms.is_empty()), "{name}");
            }
            "userinfo_endpoint" => {
                api.with_token(&access_token).get(&path(value)).await.expect(200);
            }
            "jwks_uri" => {
                let keys = api.get(&path(value)).await.expect(200).json();
                let kid = &part(&access_token, 0)["kid"];
                assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == *kid));
            }
            "scopes_supported" => {
                let supported = value.as_array().unwrap();
                let given = answer.text("scope");
                assert!(given.split(' ').all(|scope| supported.contains(&json!(scope))));
            }
            "grant_types_supported" => {
                let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
                assert_eq!(*value, json!(["client_credentials", exchange]));
                let form = [("grant_type", exchange), ("subject_token", &*access_token), ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")];
                let as_client = api.with_basic(&agent.id, &agent.secret);
                as_client.form("/oauth2/token", &form).await.expect(200);
                let unknown = api.form("/oauth2/token", &[("grant_type", "password")]).await.expect(400);
                assert_eq!(unknown.text("error"), "unsupported_grant_type");
            }
            // The same subject for every client.
            "subject_types_supported" => assert_eq!((value, &part(&id_token, 1)["sub"]), (&json!(["public"]), &json!(agent.id))),
            "id_token_signing_alg_values_supported" => {
                assert!(value.as_array().unwrap().contains(&part(&id_token, 0)["alg"]));
            }
            "claim_types_supported" => assert_eq!(*value, json!(["normal"])),
            "claims_supported" => {
                let claims = part(&id_token, 1);
                let supported: Vec<&str> = value.as_array().unwrap().iter().map(|claim| claim.as_str().unwrap()).collect();
                assert!(claims.keys().all(|claim| supported.contains(&claim.as_str())), "{claims:?}");
                assert!(supported.iter().all(|claim| claims.contains_key(*claim) || *claim == "name"), "{claims:?}");
            }
            // Nothing may be asked for by a request object or by `claims`; the token endpoint knows neither.
            "claims_parameter_supported"
            | "request_parameter_supported"
            | "request_uri_parameter_supported"
            // There is no authorization response at all.
            | "authorization_response_iss_parameter_supported" => assert_eq!(*value, json!(false), "{name}"),
            other => panic!("no comparison for {other}"),
        }
    }
}
