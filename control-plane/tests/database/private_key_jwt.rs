//! Agents that prove themselves with a key of their own (RFC 7523), and those that try to without.

use agentidp_shared::client_assertion::ASSERTION_TYPE;
use agentidp_shared::jwk::Algorithm;
use agentidp_tests::ClientKey;
use agentidp_tests::client_key::{claims, parameters};
use futures_util::future::join_all;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{Agent, Answer, ISSUER, Instance, Tenant};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const MOMENT: Duration = Duration::microseconds(1);

pub struct Scene {
    pub instance: Instance,
    pub tenant: Tenant,
    pub agent: Agent,
    pub key: ClientKey,
    /// Of the key.
    pub credential_id: String,
}

impl Scene {
    pub async fn of(algorithm: Algorithm) -> Self {
        let instance = Instance::start().await;
        let tenant = instance.tenant().await;
        let agent = tenant.create_agent(&["agents:read", "tokens:read"]).await;
        let key = ClientKey::generate(algorithm);
        let credential_id = register(&tenant, &agent, &key).await.expect(201).text("credentialId");
        Self { instance, tenant, agent, key, credential_id }
    }

    pub fn now(&self) -> i64 {
        self.instance.now().unix_timestamp()
    }

    pub fn claims(&self) -> Value {
        claims(&self.agent.id, ISSUER, self.now())
    }

    pub fn signed(&self, claims: &Value) -> String {
        self.key.sign_texts(&self.key.header().to_string(), &claims.to_string())
    }

    /// The good claims with one changed, or removed if it is null.
    pub fn with(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        self.signed(&claims)
    }

    pub fn good(&self) -> String {
        self.key.assertion(&self.agent.id, ISSUER, self.now())
    }

    pub async fn ask(&self, assertion: &str) -> Answer {
        let [kind, assertion] = parameters(assertion);
        self.instance.api().form("/oauth2/token", &[GRANT, kind, assertion]).await
    }

    pub fn path(&self) -> String {
        format!("{}/credentials/{}", self.agent.path(), self.credential_id)
    }

    /// The credential as it is shown.
    pub async fn credential(&self) -> Value {
        let list = self
            .tenant
            .again()
            .await
            .api
            .get(&format!("{}/credentials", self.agent.path()))
            .await
            .expect(200);
        let list = list.json();
        let mut all = list["data"].as_array().unwrap().iter();
        all.find(|credential| credential["credentialId"] == *self.credential_id).unwrap().clone()
    }

    /// Refused as everything that is wrong is, and recorded with the reason that the client is not told.
    #[track_caller]
    pub fn refused(&self, assertion: String, reason: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        let reason = reason.to_owned();
        async move {
            // Later than the last, so that its event is the newest, and as if it were the first.
            self.instance.advance(Duration::milliseconds(1));
            self.instance.execute("delete from login_throttle").await;
            let answer = self.ask(&assertion).await;
            assert_eq!(answer.status, 401, "{caller}: {}", answer.body);
            let said = json!({"error": "invalid_client", "error_description": "the client could not be authenticated"});
            assert_eq!(answer.json(), said, "{caller}");
            let detail: Option<String> = sqlx::query_scalar(
                "select metadata->>'detail' from audit_events where action = 'auth.failed' order by occurred_at desc limit 1",
            )
            .fetch_one(&mut *self.instance.database.shared().await)
            .await
            .unwrap();
            let detail = detail.unwrap();
            assert!(detail.contains(&reason), "{caller}: {detail} is not {reason}");
        }
    }
}

pub async fn register(tenant: &Tenant, agent: &Agent, key: &ClientKey) -> Answer {
    let body = json!({ "publicJwk": key.public_jwk() });
    tenant.api.post(&format!("{}/credentials", agent.path()), &body).await
}

#[tokio::test]
async fn a_key_of_each_algorithm_gets_tokens_introspects_and_revokes() {
    for algorithm in Algorithm::ALL {
        let scene = Scene::of(algorithm).await;
        let token = scene.ask(&scene.good()).await.expect(200).text("access_token");
        let api = scene.instance.api();
        for (path, is_active) in [("introspect", true), ("revoke", true), ("introspect", false)] {
            let assertion = scene.good();
            let [kind, assertion] = parameters(&assertion);
            let id = ("client_id", scene.agent.id.as_str());
            let form = [("token", token.as_str()), id, kind, assertion];
            let answer = api.form(&format!("/oauth2/{path}"), &form).await.expect(200);
            if path == "introspect" {
                assert_eq!(answer.json()["active"], is_active, "{algorithm}");
            }
        }
        let issued = scene.tenant.events("token.issued").await;
        assert!(issued.iter().any(|event| event["metadata"]["credentialId"] == *scene.credential_id));
    }
}

#[tokio::test]
async fn a_list_shows_of_a_key_its_kind_and_names_and_nothing_else() {
    let scene = Scene::of(Algorithm::ES256).await;
    let shown = scene.credential().await;
    assert_eq!(shown["kind"], "private_key_jwt");
    assert_eq!((&shown["kid"], &shown["thumbprint"]), (&json!(scene.key.kid), &json!(scene.key.kid)));
    let text = shown.to_string();
    for hidden in [&scene.key.public_jwk()["x"], &json!("clientSecret"), &json!("Jwk")] {
        assert!(!text.contains(hidden.as_str().unwrap()), "{text}");
    }
    let secret = scene.tenant.credential(&scene.agent).await;
    assert_eq!((&secret["kind"], &secret["kid"]), (&json!("client_secret"), &Value::Null));
    let made = scene.tenant.events("credential.generated").await;
    let made = made.iter().find(|event| event["metadata"]["credentialId"] == *scene.credential_id).unwrap();
    assert_eq!(made["metadata"]["kind"], "private_key_jwt");
    assert_eq!(made["metadata"]["thumbprint"], *scene.key.kid);
}

#[tokio::test]
async fn registering_a_key_answers_with_no_secret_and_refuses_what_is_no_public_key_by_its_members() {
    let scene = Scene::of(Algorithm::ES256).await;
    let path = format!("{}/credentials", scene.agent.path());
    let made =
        register(&scene.tenant, &scene.agent, &ClientKey::generate(Algorithm::EdDSA)).await.expect(201);
    assert!(made.json().get("clientSecret").is_none(), "{}", made.body);
    let mut private = scene.key.public_jwk();
    private["d"] = json!("c2VjcmV0LXNlY3JldC1zZWNyZXQ");
    private["x5u"] = json!("https://attacker.example/");
    let refused =
        scene.tenant.api.post(&path, &json!({"publicJwk": private, "expiresAt": "soon"})).await.expect(400);
    for field in ["publicJwk.d", "publicJwk.x5u", "expiresAt"] {
        assert!(refused.body.contains(&format!("\"{field}\"")), "{field}: {}", refused.body);
    }
    assert!(!refused.body.contains("c2VjcmV0"), "{}", refused.body);
    for wrong in [json!("key"), json!([]), json!({}), json!({"kty": "oct", "k": "AAAA"})] {
        scene.tenant.api.post(&path, &json!({ "publicJwk": wrong })).await.expect(400);
    }
}

#[tokio::test]
async fn a_key_with_a_kid_of_its_own_is_known_by_it_alone() {
    let scene = Scene::of(Algorithm::ES256).await;
    let mut key = ClientKey::generate(Algorithm::ES256);
    let mut jwk = key.public_jwk();
    jwk["kid"] = json!("2030-01");
    let path = format!("{}/credentials", scene.agent.path());
    scene.tenant.api.post(&path, &json!({ "publicJwk": jwk })).await.expect(201);
    let by_thumbprint = key.assertion(&scene.agent.id, ISSUER, scene.now());
    scene.refused(by_thumbprint, "key is not known").await;
    "2030-01".clone_into(&mut key.kid);
    scene.ask(&key.assertion(&scene.agent.id, ISSUER, scene.now())).await.expect(200);
    // Two keys of one name could not be told apart.
    let other = ClientKey::generate(Algorithm::EdDSA);
    let mut jwk = other.public_jwk();
    jwk["kid"] = json!("2030-01");
    let refused = scene.tenant.api.post(&path, &json!({ "publicJwk": jwk })).await.expect(409);
    assert_eq!(refused.code(), "CREDENTIAL_KEY_IN_USE");
}

#[tokio::test]
async fn a_key_is_one_credential_of_an_agent_and_none_again_once_it_was_revoked() {
    let scene = Scene::of(Algorithm::RS256).await;
    let again = async || register(&scene.tenant, &scene.agent, &scene.key).await;
    assert_eq!(again().await.expect(409).code(), "CREDENTIAL_KEY_IN_USE");
    scene.tenant.api.delete(&scene.path()).await.expect(204);
    scene.refused(scene.good(), "key is not known").await;
    assert_eq!(again().await.expect(409).code(), "CREDENTIAL_KEY_IN_USE");
    // What other agents have is not told.
    let other = scene.tenant.create_agent(&["agents:read"]).await;
    register(&scene.tenant, &other, &scene.key).await.expect(201);
}

#[tokio::test]
async fn during_an_overlap_both_keys_are_good_and_after_it_only_the_new_one() {
    let scene = Scene::of(Algorithm::ES256).await;
    let new = ClientKey::generate(Algorithm::EdDSA);
    let body = json!({ "publicJwk": new.public_jwk(), "overlapSeconds": 300 });
    let rotated = scene.tenant.api.post(&format!("{}/rotate", scene.path()), &body).await.expect(200);
    assert_eq!(rotated.text("kid"), new.kid);
    assert!(rotated.json().get("clientSecret").is_none());
    for after in [Duration::ZERO, Duration::seconds(300) - MOMENT] {
        scene.instance.advance(after);
        scene.ask(&scene.good()).await.expect(200);
        scene.ask(&new.assertion(&scene.agent.id, ISSUER, scene.now())).await.expect(200);
    }
    scene.instance.advance(MOMENT);
    scene.refused(scene.good(), "key is not known").await;
    scene.ask(&new.assertion(&scene.agent.id, ISSUER, scene.now())).await.expect(200);
}

#[tokio::test]
async fn a_rotation_takes_what_the_credential_is() {
    let scene = Scene::of(Algorithm::ES256).await;
    let rotate =
        async |path: &str, body: Value| scene.tenant.api.post(&format!("{path}/rotate"), &body).await;
    let of_key = scene.path();
    let missing = rotate(&of_key, json!({})).await.expect(400);
    assert!(missing.body.contains("publicJwk"), "{}", missing.body);
    let key = json!({ "publicJwk": ClientKey::generate(Algorithm::ES256).public_jwk() });
    rotate(&scene.agent.credential_path(), key.clone()).await.expect(400);
    let same = json!({ "publicJwk": scene.key.public_jwk() });
    assert_eq!(rotate(&of_key, same).await.expect(409).code(), "CREDENTIAL_KEY_IN_USE");
    scene.ask(&scene.good()).await.expect(200);
    rotate(&of_key, key).await.expect(200);
    scene.refused(scene.good(), "key is not known").await;
    let next = json!({ "publicJwk": ClientKey::generate(Algorithm::ES256).public_jwk() });
    assert_eq!(rotate(&of_key, next).await.expect(409).code(), "CREDENTIAL_JUST_ROTATED");
}

#[tokio::test]
async fn a_key_is_accepted_until_it_expires_and_not_a_moment_longer() {
    let scene = Scene::of(Algorithm::ES256).await;
    let key = ClientKey::generate(Algorithm::ES256);
    let end = scene.instance.now() + Duration::minutes(10);
    let end = end.format(&time::format_description::well_known::Rfc3339).unwrap();
    let body = json!({ "publicJwk": key.public_jwk(), "expiresAt": end });
    scene.tenant.api.post(&format!("{}/credentials", scene.agent.path()), &body).await.expect(201);
    scene.instance.advance(Duration::minutes(10) - MOMENT);
    scene.ask(&key.assertion(&scene.agent.id, ISSUER, scene.now())).await.expect(200);
    scene.instance.advance(MOMENT);
    scene.refused(key.assertion(&scene.agent.id, ISSUER, scene.now()), "key is not known").await;
}

#[tokio::test]
async fn the_agent_may_be_named_beside_the_assertion_and_must_be_the_same() {
    let scene = Scene::of(Algorithm::ES256).await;
    let ask = async |id: &str| {
        let assertion = scene.good();
        let [kind, assertion] = parameters(&assertion);
        scene.instance.api().form("/oauth2/token", &[GRANT, ("client_id", id), kind, assertion]).await
    };
    ask(&scene.agent.id).await.expect(200);
    assert_eq!(ask(&scene.tenant.admin.id).await.expect(401).text("error"), "invalid_client");
    ask("robot").await.expect(401);
}

#[tokio::test]
async fn suspension_is_told_to_who_proved_to_be_the_agent_and_ends_the_assertion_too() {
    let scene = Scene::of(Algorithm::ES256).await;
    scene.tenant.api.patch(&scene.agent.path(), &json!({"status": "suspended"})).await.expect(200);
    let assertion = scene.good();
    assert_eq!(scene.ask(&assertion).await.expect(400).text("error"), "unauthorized_client");
    scene.refused(assertion, "used before").await;
    scene
        .refused(
            ClientKey::generate(Algorithm::ES256).assertion(&scene.agent.id, ISSUER, scene.now()),
            "not known",
        )
        .await;
}

#[tokio::test]
async fn two_methods_attack_a_request_proves_its_client_in_one_way() {
    let scene = Scene::of(Algorithm::ES256).await;
    let api = scene.instance.api();
    let assertion = scene.good();
    let [kind, signed] = parameters(&assertion);
    let (id, secret) =
        (("client_id", scene.agent.id.as_str()), ("client_secret", scene.agent.secret.as_str()));
    let basic = api.with_basic(&scene.agent.id, &scene.agent.secret);
    let bearer = scene.tenant.api.clone();
    let token = ("token", "x");
    for answer in [
        api.form("/oauth2/token", &[GRANT, id, secret, kind, signed]).await,
        basic.form("/oauth2/token", &[GRANT, kind, signed]).await,
        basic.form("/oauth2/introspect", &[token, kind, signed]).await,
        bearer.form("/oauth2/introspect", &[token, kind, signed]).await,
        bearer.form("/oauth2/revoke", &[token, kind, signed]).await,
        api.form("/oauth2/token", &[GRANT, signed]).await,
        api.form("/oauth2/token", &[GRANT, kind]).await,
    ] {
        assert_eq!(
            (answer.status, answer.text("error").as_str()),
            (400, "invalid_request"),
            "{}",
            answer.body
        );
    }
    // None of these used it up.
    scene.ask(&assertion).await.expect(200);
}

#[tokio::test]
async fn saml_attack_another_type_of_assertion_is_refused_and_read_as_none() {
    let scene = Scene::of(Algorithm::ES256).await;
    let assertion = scene.good();
    for kind in [
        "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        &ASSERTION_TYPE.to_uppercase(),
    ] {
        let form = [GRANT, ("client_assertion_type", kind), ("client_assertion", assertion.as_str())];
        let answer = scene.instance.api().form("/oauth2/token", &form).await.expect(401);
        assert_eq!(answer.text("error"), "invalid_client");
    }
    scene.ask(&assertion).await.expect(200);
}

#[tokio::test]
async fn replay_attack_an_assertion_is_good_once_at_whichever_endpoint_and_server() {
    let scene = Scene::of(Algorithm::ES256).await;
    let assertion = scene.good();
    scene.ask(&assertion).await.expect(200);
    scene.refused(assertion.clone(), "used before").await;
    let [kind, signed] = parameters(&assertion);
    let other = scene.instance.api().at(&scene.instance.another_process().await);
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        other.form(path, &[("token", "x"), kind, signed]).await.expect(401);
    }
    // Another signature does not make it another assertion.
    let mut claims = scene.claims();
    claims["jti"] = json!("chosen");
    scene.ask(&scene.signed(&claims)).await.expect(200);
    claims["exp"] = json!(scene.now() + 120);
    scene.refused(scene.signed(&claims), "used before").await;
    // Nor does another key of the same agent; the same name from another agent does.
    let key = ClientKey::generate(Algorithm::EdDSA);
    register(&scene.tenant, &scene.agent, &key).await.expect(201);
    scene.refused(key.sign_texts(&key.header().to_string(), &claims.to_string()), "used before").await;
    let other = scene.tenant.create_agent(&["agents:read"]).await;
    let key = ClientKey::generate(Algorithm::EdDSA);
    register(&scene.tenant, &other, &key).await.expect(201);
    (claims["iss"], claims["sub"]) = (json!(other.id), json!(other.id));
    scene.ask(&key.sign_texts(&key.header().to_string(), &claims.to_string())).await.expect(200);
}

#[tokio::test]
async fn replay_attack_of_many_at_once_one_gets_a_token() {
    let scene = Scene::of(Algorithm::EdDSA).await;
    let other = scene.instance.another_process().await;
    for _ in 0..5 {
        let assertion = scene.good();
        let [kind, signed] = parameters(&assertion);
        let form = [GRANT, kind, signed];
        let (here, there) = (scene.instance.api(), scene.instance.api().at(&other));
        let asked = (0..16).map(|n| if n % 2 == 0 { &here } else { &there });
        let answers = join_all(asked.map(|api| api.form("/oauth2/token", &form))).await;
        let given = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(given, 1, "{answers:?}");
        let refused = answers.iter().filter(|answer| matches!(answer.status, 401 | 429)).count();
        assert_eq!(refused, 15, "{answers:?}");
        scene.instance.execute("delete from login_throttle").await;
    }
}

#[tokio::test]
async fn late_replay_attack_a_used_assertion_is_forgotten_only_after_it_has_expired() {
    let scene = Scene::of(Algorithm::ES256).await;
    let assertion = scene.with("exp", json!(scene.now() + 300));
    scene.ask(&assertion).await.expect(200);
    let used = async || scene.instance.number("select count(*) from used_assertions").await;
    for _ in 0..31 {
        agentidp::housekeeping::run(&scene.instance.app).await.unwrap();
        scene.ask(&assertion).await.expect(401);
        scene.instance.execute("delete from login_throttle").await;
        scene.instance.advance(Duration::seconds(10));
    }
    scene.refused(assertion, "expired").await;
    assert_eq!(used().await, 1);
    scene.instance.advance(Duration::minutes(11));
    agentidp::housekeeping::run(&scene.instance.app).await.unwrap();
    assert_eq!(used().await, 0);
}

#[tokio::test]
async fn failed_assertions_are_slowed_like_wrong_secrets_and_keep_no_good_one_out() {
    let scene = Scene::of(Algorithm::ES256).await;
    let thief = ClientKey::generate(Algorithm::ES256);
    let mut statuses = vec![];
    for _ in 0..7 {
        statuses.push(scene.ask(&thief.assertion(&scene.agent.id, ISSUER, scene.now())).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    scene.ask(&scene.good()).await.expect(200);
    // By address too, whoever is named.
    let api = scene.instance.api().from("198.51.100.7");
    for _ in 0..31 {
        let nobody = agentidp_shared::ids::AgentId::new(scene.instance.app.new_id()).to_string();
        let assertion = thief.assertion(&nobody, ISSUER, scene.now());
        let [kind, signed] = parameters(&assertion);
        api.form("/oauth2/token", &[GRANT, kind, signed]).await;
    }
    let assertion = scene.good();
    let [kind, signed] = parameters(&assertion);
    api.form("/oauth2/token", &[GRANT, kind, signed]).await.expect(429);
}
