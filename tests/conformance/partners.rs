//! Partners' tokens, at the edge.

use std::time::{Duration, Instant};

use agentidp_shared::jwk::Algorithm;
use agentidp_tests::relay::Wire;
use agentidp_tests::{ClientKey, OidcIssuer, Stack, Tenant, eventually, now, oidc_issuer, unique};
use serde_json::{Value, json};

const PARTNERS: &str = "/api/v1/federation/partners";
const VERIFY: &str = "/api/v1/federation/verify";
/// The promise for what was taken back, with the edge running.
const SOON: Duration = Duration::from_secs(2);

fn token(issuer: &OidcIssuer, key: &ClientKey, audience: &str) -> String {
    let now = now();
    let header = json!({ "typ": "at+jwt", "alg": key.algorithm.as_str(), "kid": key.kid });
    let claims = json!({
        "iss": issuer.url(), "aud": audience, "sub": "agent-7", "organization_id": "org-7", "scope": "orders:read", "iat": now,
        "exp": now + 3_600, "jti": unique(),
    });
    key.sign_texts(&header.to_string(), &claims.to_string())
}

async fn verify(tenant: &Tenant, token: &str) -> Value {
    tenant.api.post(VERIFY, &json!({ "token": token })).await.expect(200).json()
}

/// The partner's id, once the edge knows it.
async fn register(stack: &Stack, tenant: &Tenant, issuer: &OidcIssuer) -> String {
    let partner = tenant.api.post(PARTNERS, &issuer.as_partner("org-7")).await.expect(201).text("partnerId");
    let token = token(issuer, &issuer.key, &stack.url());
    eventually("the edge knows the partner", SOON, async || {
        (verify(tenant, &token).await["valid"] == true).then_some(())
    })
    .await;
    partner
}

async fn refused(tenant: &Tenant, token: &str, reason: &str) {
    let started = Instant::now();
    eventually("the edge refuses", SOON, async || {
        (verify(tenant, token).await == json!({ "valid": false, "reason": reason })).then_some(())
    })
    .await;
    println!("{reason}: after {:?}", started.elapsed());
}

#[tokio::test]
async fn a_partners_token_is_verified_without_the_control_plane_until_the_partner_is_gone() {
    for algorithm in Algorithm::ALL {
        let (stack, issuer) = (Stack::start().await, OidcIssuer::start(algorithm).await);
        let tenant = stack.platform().await.create_organization().await;
        let partner = register(&stack, &tenant, &issuer).await;
        let own = format!("{}/organizations/{}", stack.url(), tenant.organization_id);
        let token = token(&issuer, &issuer.key, &own);
        stack.relay.set(Wire::Cut);
        let verified = verify(&tenant, &token).await;
        let said =
            ["partnerId", "issuer", "subject", "organizationId", "scope"].map(|name| verified[name].clone());
        assert_eq!(json!(said), json!([partner, issuer.url(), "agent-7", "org-7", "orders:read"]));
        stack.relay.set(Wire::Whole);

        let path = format!("{PARTNERS}/{partner}");
        // A write is never sent twice: it must not be the one that finds out which connections are gone.
        eventually("the control plane is reached", SOON, async || {
            tenant.api.get(&path).await.is(200).then_some(())
        })
        .await;
        tenant.api.patch(&path, &json!({"allowedOrganizations": ["org-8"]})).await.expect(200);
        refused(&tenant, &token, "the partner's organization is not one that is allowed").await;
        tenant.api.delete(&path).await.expect(204);
        refused(&tenant, &token, "no partner has this issuer").await;
    }
}

#[tokio::test]
async fn a_partners_new_key_counts_from_its_first_token_on() {
    let (stack, issuer) = (Stack::start().await, OidcIssuer::start(Algorithm::ES256).await);
    let tenant = stack.platform().await.create_organization().await;
    register(&stack, &tenant, &issuer).await;
    let forwarded = || stack.relay.heard().matches(VERIFY).count();
    for _ in 0..3 {
        let key = ClientKey::generate(Algorithm::EdDSA);
        issuer.publish(|set| set["keys"] = json!([oidc_issuer::published(&key)]));
        let tokens = [(); 8].map(|()| token(&issuer, &key, &stack.url()));
        let (asked, heard) = (issuer.asked(), forwarded());
        let verified =
            futures_util::future::join_all(tokens.iter().map(|token| verify(&tenant, token))).await;
        assert!(verified.iter().all(|verified| verified["valid"] == true), "{verified:?}");
        assert_eq!(issuer.asked(), asked + 1, "one asks for all");
        assert!(forwarded() > heard, "what the edge does not know is asked of the control plane");

        let known = async || {
            let before = forwarded();
            (verify(&tenant, &tokens[0]).await["valid"] == true && forwarded() == before).then_some(())
        };
        eventually("the edge knows the key", SOON, known).await;
    }
}

#[tokio::test]
async fn key_id_flood_attack_a_partner_is_asked_once_in_a_while_whatever_tokens_name() {
    let (stack, issuer) = (Stack::start().await, OidcIssuer::start(Algorithm::ES256).await);
    let tenant = stack.platform().await.create_organization().await;
    register(&stack, &tenant, &issuer).await;
    let asked = issuer.asked();
    for _ in 0..20 {
        let stranger = ClientKey::generate(Algorithm::EdDSA);
        let verified = verify(&tenant, &token(&issuer, &stranger, &stack.url())).await;
        assert_eq!(verified["reason"], "the partner has no key with the token's `kid`");
    }
    assert_eq!(issuer.asked(), asked + 1);
    assert_eq!(verify(&tenant, &token(&issuer, &issuer.key, &stack.url())).await["valid"], true);
}

#[tokio::test]
async fn a_request_that_is_not_as_it_must_be_is_told_what_is_wrong() {
    let stack = Stack::start().await;
    let tenant = stack.platform().await.create_organization().await;
    let answer =
        tenant.api.post(VERIFY, &json!({"token": "", "audience": 7, "more": true})).await.expect(400);
    assert_eq!(answer.code(), "VALIDATION_ERROR");
    let fields = answer.json()["details"]["errors"].as_array().map_or(0, Vec::len);
    assert_eq!(fields, 3, "{}", answer.body);
    tenant.api.anonymous().post(VERIFY, &json!({"token": "a"})).await.expect(401);
    tenant.api.get(VERIFY).await.expect(405);
}
