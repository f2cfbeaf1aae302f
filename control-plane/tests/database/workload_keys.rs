//! The keys of issuers that are trusted for workloads: known before a token needs them, and fetched while nobody waits.

use agentidp_shared::jwk::Algorithm;
use agentidp_shared::strict::{decode_base64url, encode_base64url};
use agentidp_tests::{ClientKey, OidcIssuer, oidc_issuer, unique};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use futures_util::future::join_all;
use serde_json::json;

use crate::shares::{AT_ONCE, HangingServer, POLICIES, Place, instance};
use crate::support::{Answer, Tenant, new_agent};

const EXCHANGE: &str = "/api/v1/oidc/token";

/// A workload that an organization trusts, with an issuer that is asked in the background.
struct Workload {
    instance: Place,
    tenant: Tenant,
    issuer: OidcIssuer,
    agent: String,
}

impl Workload {
    async fn trusted() -> Self {
        Self::trusted_in(instance(&[]).await).await
    }

    async fn trusted_in(instance: Place) -> Self {
        let tenant = instance.platform().await.create_organization("free").await;
        let issuer = OidcIssuer::start(Algorithm::ES256).await;
        let agent = tenant.create_agent(&["agents:read"]).await.id;
        let policy =
            json!({"provider": "oidc", "issuer": issuer.url(), "subject": "workload", "agentId": agent});
        tenant.api.post(POLICIES, &policy).await.expect(201);
        Self { instance, tenant, issuer, agent }
    }

    fn token(&self, issuer: &str, key: &ClientKey) -> String {
        let now = self.instance.now().unix_timestamp();
        let audience = format!("https://id.example/organizations/{}", self.tenant.organization_id);
        let claims = json!({
            "iss": issuer, "aud": audience, "sub": "workload", "iat": now, "exp": now + 600, "jti": unique(),
        });
        let header = json!({"typ": "JWT", "alg": key.algorithm.as_str(), "kid": key.kid});
        key.sign_texts(&header.to_string(), &claims.to_string())
    }

    async fn exchange(&self, issuer: &str, key: &ClientKey) -> Answer {
        let body = json!({"provider": "oidc", "token": self.token(issuer, key), "agentId": self.agent});
        self.instance.api().post(EXCHANGE, &body).await
    }

    /// Until all that was begun in the background has ended.
    async fn background(&self) {
        self.instance.app.tasks.close();
        self.instance.app.tasks.wait().await;
        self.instance.app.tasks.reopen();
    }
}

#[tokio::test]
async fn the_first_token_after_a_policy_was_made_is_accepted_by_every_process() {
    let workload = Workload::trusted().await;
    let asked = workload.issuer.requests();
    workload.exchange(&workload.issuer.url(), &workload.issuer.key).await.expect(200);
    let other = workload.instance.another_process().await;
    let token = workload.token(&workload.issuer.url(), &workload.issuer.key);
    let body = json!({"provider": "oidc", "token": token, "agentId": workload.agent});
    workload.instance.api().at(&other).post(EXCHANGE, &body).await.expect(200);
    assert_eq!(workload.issuer.requests(), asked, "the keys were fetched when the policy was made");
}

#[tokio::test]
async fn an_issuers_new_key_is_known_after_the_first_token_that_names_it() {
    let workload = Workload::trusted().await;
    let key = ClientKey::generate(Algorithm::EdDSA);
    workload.issuer.publish(|set| set["keys"] = json!([oidc_issuer::published(&key)]));
    let refused = workload.exchange(&workload.issuer.url(), &key).await.expect(401);
    assert_eq!(refused.headers["retry-after"], "5");
    workload.background().await;
    workload.exchange(&workload.issuer.url(), &key).await.expect(200);
    // The key that is gone is not accepted any more.
    workload.exchange(&workload.issuer.url(), &workload.issuer.key).await.expect(401);
}

#[tokio::test]
async fn keys_are_fetched_on_schedule_before_a_token_needs_them() {
    let workload = Workload::trusted().await;
    let key = ClientKey::generate(Algorithm::EdDSA);
    workload.issuer.publish(|set| {
        set["keys"].as_array_mut().unwrap().push(oidc_issuer::published(&key));
    });
    workload.instance.advance(time::Duration::minutes(6));
    workload.instance.run_schedules().await;
    workload.exchange(&workload.issuer.url(), &key).await.expect(200);
    // Once no policy is about it, nothing is asked.
    let list = workload.tenant.api.get(POLICIES).await.expect(200).json();
    let policy = list["data"][0]["policyId"].as_str().unwrap();
    workload.tenant.api.delete(&format!("{POLICIES}/{policy}")).await.expect(204);
    let asked = workload.issuer.requests();
    workload.instance.advance(time::Duration::minutes(6));
    workload.instance.run_schedules().await;
    assert_eq!(workload.issuer.requests(), asked);
    assert_eq!(workload.instance.number("select count(*) from outside_issuers").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timing_attack_an_answer_waits_for_no_server_whether_its_issuer_is_trusted_or_not() {
    let workload = Workload::trusted().await;
    // The issuer begins to hang after it was trusted.
    let hanging = HangingServer::start().await;
    let keys = format!("{}/keys", hanging.server.url());
    workload.issuer.discover_as(|document| document["jwks_uri"] = json!(keys));
    let strangers = [ClientKey::generate(Algorithm::ES256), ClientKey::generate(Algorithm::RS256)];
    let (trusted, unknown) = (workload.issuer.url(), format!("{}/other", workload.issuer.url()));
    // Keys that nobody has, of one issuer, at once: neither waits for the other's fetch, and none for its own.
    let answers = join_all([
        workload.exchange(&trusted, &strangers[0]),
        workload.exchange(&trusted, &strangers[1]),
        workload.exchange(&unknown, &strangers[0]),
        workload.exchange(&unknown, &strangers[1]),
    ]);
    let answers = tokio::time::timeout(AT_ONCE, answers).await.unwrap();
    let told: Vec<_> = answers
        .iter()
        .map(|answer| {
            let mut headers = answer.headers.clone();
            headers.remove("x-request-id");
            (answer.status, answer.body.clone(), headers)
        })
        .collect();
    assert_eq!(told[0].0, 401);
    assert!(told.iter().all(|answer| *answer == told[0]), "{told:?}");
    hanging.has_been_asked(1).await;
    // While the fetch hangs, what is known is good.
    let exchanged = tokio::time::timeout(AT_ONCE, workload.exchange(&trusted, &workload.issuer.key)).await;
    exchanged.unwrap().expect(200);
    assert_eq!(
        hanging.arrived.available_permits(),
        0,
        "one fetch for both keys, none for the unknown issuer"
    );
    workload.tenant.api.post("/api/v1/agents", &new_agent()).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_stopping_attack_what_one_organization_cannot_fetch_delays_no_refresh_of_an_issuer() {
    let slots = [("outbound_in_flight = 2 ", "outbound_in_flight = 4 ")];
    let workload = Workload::trusted_in(instance(&slots).await).await;
    let greedy = workload.instance.platform().await.create_organization("free").await;
    let (hanging, known) =
        (HangingServer::start().await, format!("{}/.well-known/jwks", workload.issuer.url()));
    workload.instance.advance(time::Duration::minutes(6));
    let trust = || {
        let policy = json!({"provider": "oidc", "issuer": workload.issuer.url(), "subject": unique()});
        let api = greedy.api.clone();
        async move { api.post(POLICIES, &policy).await.expect(201) }
    };
    let schedule =
        "select (extract(epoch from refresh_at) + extract(epoch from ask_again_at) + failures)::bigint
        from outside_issuers";
    let before = workload.instance.number(schedule).await;
    // The server of the keys times out three times at once, and is left alone by the organization that asked.
    workload
        .issuer
        .discover_as(|document| document["jwks_uri"] = json!(format!("{}/keys", hanging.server.url())));
    join_all([trust(), trust(), trust()]).await;
    assert_eq!(workload.instance.number(schedule).await, before);
    trust().await;
    hanging.has_been_asked(3).await;
    assert_eq!(workload.instance.number(schedule).await, before);
    // So the issuer's next key is found when it is due.
    let key = ClientKey::generate(Algorithm::EdDSA);
    workload.issuer.discover_as(|document| document["jwks_uri"] = json!(known));
    workload.issuer.publish(|set| set["keys"].as_array_mut().unwrap().push(oidc_issuer::published(&key)));
    workload.instance.run_schedules().await;
    workload.exchange(&workload.issuer.url(), &key).await.expect(200);
}

#[tokio::test]
async fn an_issuer_that_is_away_when_its_first_policy_is_made_is_asked_again_in_a_minute() {
    let instance = instance(&[]).await;
    let tenant = instance.platform().await.create_organization("free").await;
    let issuer = OidcIssuer::start(Algorithm::ES256).await;
    issuer.discover_as(|document| document["issuer"] = json!("https://another.example"));
    let policy = json!({"provider": "oidc", "issuer": issuer.url(), "subject": "workload"});
    tenant.api.post(POLICIES, &policy).await.expect(201);
    issuer.discover_as(|document| document["issuer"] = json!(issuer.url()));
    instance.run_schedules().await;
    assert_eq!(issuer.asked(), 0);
    instance.advance(time::Duration::MINUTE);
    instance.run_schedules().await;
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn borrowed_key_attack_the_key_that_stands_in_for_a_missing_one_is_not_believed() {
    let workload = Workload::trusted().await;
    // The private half is in RFC 7515 (A.3), so anyone can sign with it.
    let [d, x, y] = [
        "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    ]
    .map(|text| decode_base64url(text).unwrap());
    let public = [&[4][..], &x, &y].concat();
    let known = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &d, &public);
    let known = known.unwrap();
    let token = workload.token(&workload.issuer.url(), &workload.issuer.key);
    let payload = token.split('.').nth(1).unwrap().to_owned();
    for kid in ["stand-in", "another"] {
        let header = json!({"typ": "JWT", "alg": "ES256", "kid": kid}).to_string();
        let input = format!("{}.{payload}", encode_base64url(header.as_bytes()));
        let signature = known.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        let forged = format!("{input}.{}", encode_base64url(signature.as_ref()));
        let body = json!({"provider": "oidc", "token": forged, "agentId": workload.agent});
        workload.instance.api().post(EXCHANGE, &body).await.expect(401);
        workload.background().await;
    }
    let body = json!({"provider": "oidc", "token": token, "agentId": workload.agent});
    workload.instance.api().post(EXCHANGE, &body).await.expect(200);
}
