//! The section `trust-policies`: tokens of GitHub Actions that say, or are, something else than the policy wants.

use std::collections::BTreeSet;

use agentidp_shared::jwk::Algorithm;
use agentidp_shared::strict::{decode_base64url, encode_base64url};
use agentidp_tests::attack::{Outcome, Section};
use agentidp_tests::{Answer, ClientKey, now};
use serde_json::{Value, json};

use super::scene::{PATH, Scene, merge};
use super::trust_policy_cases::{Case, all};

const REFUSED: &str = "401 OIDC_TOKEN_NOT_ACCEPTED";

/// The section as it grows, and every way that a refusal looked.
struct Table {
    scene: Scene,
    section: Section,
    refusals: BTreeSet<String>,
    cases: usize,
}

/// A repository that a policy is about.
struct Repository {
    name: String,
    id: String,
    policy: String,
}

impl Table {
    async fn repository(&mut self, more: &Value) -> Repository {
        self.cases += 1;
        let (name, id) = (format!("repo-{}", self.cases), (74_000 + self.cases).to_string());
        let policy = self.scene.trust(&name, &filled(more, &name, &id)).await;
        Repository { name, id, policy }
    }

    /// The claims of a good token, with these instead.
    fn claims(&self, repository: &Repository, more: &Value) -> Value {
        let mut claims = self.scene.github.github_claims(&repository.name, &repository.id, &self.scene.audience());
        merge(&mut claims, &filled(more, &repository.name, &repository.id));
        claims
    }

    /// What came of an attack. All refusals must look alike.
    fn observe(&mut self, answer: &Answer) -> Outcome {
        if answer.is(401) {
            let mut headers: Vec<&str> = answer.headers.keys().map(http_name).collect();
            headers.sort_unstable();
            self.refusals.insert(format!("{} {headers:?}", answer.body));
        }
        Outcome::of(answer)
    }

    /// A good token first, then the attack on the same policy, which is thereby pinned.
    async fn case(&mut self, Case { name, policy, both, attack }: Case) {
        let repository = self.repository(&policy).await;
        let good = self.scene.github.sign(&self.claims(&repository, &both));
        let twin = Outcome::of(&self.scene.exchange(&good).await);
        let mut claims = self.claims(&repository, &both);
        merge(&mut claims, &filled(&attack, &repository.name, &repository.id));
        let answer = self.scene.exchange(&self.scene.github.sign(&claims)).await;
        let observed = self.observe(&answer);
        self.section.row(name, REFUSED, observed, twin);
        self.scene.trust_no_more(&repository.policy).await;
    }

    /// An attack by how the token is made from its claims.
    async fn forged(&mut self, name: &str, expected: &str, forge: impl Fn(&Scene, &Value) -> String) {
        let repository = self.repository(&json!({})).await;
        let claims = self.claims(&repository, &json!({}));
        // The forgery first: the good one, with the same jti, is good after it.
        let answer = self.scene.exchange(&forge(&self.scene, &claims)).await;
        let observed = self.observe(&answer);
        let twin = Outcome::of(&self.scene.exchange(&self.scene.github.sign(&claims)).await);
        self.section.row(name, expected, observed, twin);
        self.scene.trust_no_more(&repository.policy).await;
    }
}

fn http_name(name: &reqwest::header::HeaderName) -> &str {
    name.as_str()
}

/// With the repository's name and id put in.
fn filled(value: &Value, name: &str, id: &str) -> Value {
    serde_json::from_str(&value.to_string().replace("<R>", name).replace("<I>", id)).unwrap()
}

#[tokio::test]
async fn no_token_that_a_policy_is_not_about_is_exchanged() {
    let scene = Scene::set().await;
    let mut table = Table { scene, section: Section::new("trust-policies"), refusals: BTreeSet::new(), cases: 0 };
    for case in all() {
        table.case(case).await;
    }
    issuers_and_audiences(&mut table).await;
    times_and_ids(&mut table).await;
    headers(&mut table).await;
    signatures(&mut table).await;
    requests(&mut table).await;
    standings(&mut table).await;
    bootstraps(&mut table).await;
    assert_eq!(table.refusals.len(), 1, "refusals can be told apart: {:#?}", table.refusals);
    table.section.finish(250);
}

async fn issuers_and_audiences(table: &mut Table) {
    let url = table.scene.github.url();
    let neighbour = table.scene.platform.create_organization().await;
    let (own, others) = (table.scene.audience(), table.scene.audience_of(&neighbour));
    let instance = table.scene.control_plane.issuer().to_owned();
    let change = |claim: &'static str, attacks: Vec<(&str, Value)>| -> Vec<Case> {
        let case = |(name, value): (&str, Value)| Case {
            name: format!("{claim}: {name}"),
            policy: json!({}),
            both: json!({}),
            attack: json!({ claim: value }),
        };
        attacks.into_iter().map(case).collect()
    };
    let mut cases = change("iss", vec![
        ("another issuer's", json!(table.scene.other.url())),
        ("GitHub's own, where the operator has another", json!("https://token.actions.githubusercontent.com")),
        ("with a slash", json!(format!("{url}/"))),
        ("in another case", json!(url.to_uppercase())),
        ("by http", json!(url.replace("https", "http"))),
        ("with a path", json!(format!("{url}/octo-org"))),
        ("with a user", json!(url.replace("https://", "https://github@"))),
        ("by address", json!(url.replace("localhost", "127.0.0.1"))),
        ("ours", json!(instance)),
        ("a list", json!([url])),
        ("a number", json!(1)),
        ("empty", json!("")),
        ("missing", Value::Null),
    ]);
    cases.extend(change("aud", vec![
        ("another organization's", json!(others)),
        ("the instance's", json!(instance)),
        ("what GitHub puts there unasked", json!("https://github.com/octo-org")),
        ("the organization's and another's", json!([own, others])),
        ("the organization's twice", json!([own, own])),
        ("no one", json!([])),
        ("a list in a list", json!([[own]])),
        ("with a slash", json!(format!("{own}/"))),
        ("in another case", json!(own.to_uppercase())),
        ("the id alone", json!(table.scene.tenant.organization_id)),
        ("with a query", json!(format!("{own}?x"))),
        ("two slashes", json!(own.replace("/organizations/", "/organizations//"))),
        ("a way up", json!(own.replace("/organizations/", "/x/../organizations/"))),
        ("of nobody", json!(format!("{instance}/organizations/0198c5a4-0000-7000-8000-00000000dead"))),
        ("braces around the id", json!(own.replace(&table.scene.tenant.organization_id, &format!("{{{}}}", table.scene.tenant.organization_id)))),
        ("another deployment's", json!(own.replace("127.0.0.1", "id.evil.example"))),
        ("a space after it", json!(format!("{own} "))),
        ("a number", json!(7)),
        ("empty", json!("")),
        ("missing", Value::Null),
    ]));
    for case in cases {
        table.case(case).await;
    }
    // One audience in a list is the same as one without.
    table.case(Case {
        name: "aud: another organization's, in a list".into(),
        policy: json!({}),
        both: json!({"aud": [own]}),
        attack: json!({"aud": [others]}),
    }).await;
}

async fn times_and_ids(table: &mut Table) {
    let now = now();
    let mut cases = vec![];
    for (claim, name, value) in [
        ("exp", "an hour ago", json!(now - 3_600)),
        ("exp", "now", json!(now - 15)),
        ("exp", "before it was issued", json!(now - 1)),
        ("exp", "in a day", json!(now + 86_400)),
        ("exp", "in a thousand years", json!(now + 31_536_000_000_i64)),
        ("exp", "beyond all numbers", json!(1e30)),
        ("exp", "a text", json!((now + 300).to_string())),
        ("exp", "with a fraction", json!(300.5)),
        ("exp", "negative", json!(-1)),
        ("exp", "missing", Value::Null),
        ("nbf", "in an hour", json!(now + 250)),
        ("nbf", "after exp", json!(now + 600)),
        ("nbf", "a text", json!("0")),
        ("iat", "in five minutes", json!(now + 250)),
        ("iat", "after exp", json!(now + 600)),
        ("iat", "a text", json!("0")),
        ("iat", "missing", Value::Null),
        ("jti", "missing", Value::Null),
        ("jti", "empty", json!("")),
        ("jti", "a number", json!(7)),
        ("jti", "a list", json!(["a"])),
        ("jti", "too long", json!("j".repeat(600))),
    ] {
        let attack = json!({ claim: value });
        cases.push(Case { name: format!("{claim}: {name}"), policy: json!({}), both: json!({}), attack });
    }
    for case in cases {
        table.case(case).await;
    }
    // Used again: as it is, with other claims under the same jti, and for another agent.
    let other_agent = table.scene.tenant.create_agent(&["agents:read"]).await;
    for name in ["the same token", "the same jti in another token", "the same token for another agent"] {
        let repository = table.repository(&json!({})).await;
        let more = table.scene.trust(&repository.name, &json!({"agentId": other_agent.id})).await;
        let claims = table.claims(&repository, &json!({}));
        let token = table.scene.github.sign(&claims);
        let twin = Outcome::of(&table.scene.exchange(&token).await);
        let again = match name {
            "the same token" => table.scene.exchange(&token).await,
            "the same jti in another token" => {
                let mut claims = claims.clone();
                merge(&mut claims, &json!({"run_id": "30433643"}));
                table.scene.exchange(&table.scene.github.sign(&claims)).await
            }
            _ => {
                let body = json!({"provider": "github", "token": token, "agentId": other_agent.id});
                table.scene.exchange_as(&body).await
            }
        };
        let observed = table.observe(&again);
        table.section.row(format!("used again: {name}"), REFUSED, observed, twin);
        table.scene.trust_no_more(&more).await;
        table.scene.trust_no_more(&repository.policy).await;
    }
    // At once: one of sixteen gets a token.
    let repository = table.repository(&json!({})).await;
    let token = table.scene.github.sign(&table.claims(&repository, &json!({})));
    let answers = futures_util::future::join_all((0..16).map(|_| table.scene.exchange(&token))).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.is(200));
    assert_eq!((good.len(), bad.len()), (1, 15));
    let observed = table.observe(&bad[0]);
    table.section.row("used again: sixteen times at once", REFUSED, observed, Outcome::of(&good[0]));
    table.scene.trust_no_more(&repository.policy).await;
}

async fn headers(table: &mut Table) {
    let own = ClientKey::generate(Algorithm::RS256);
    let public = own.public_jwk();
    for (name, change) in [
        ("none", json!({"alg": "none"})),
        ("None", json!({"alg": "None"})),
        ("HS256", json!({"alg": "HS256"})),
        ("another algorithm than the key's", json!({"alg": "ES256"})),
        ("RS512", json!({"alg": "RS512"})),
        ("PS256", json!({"alg": "PS256"})),
        ("rs256", json!({"alg": "rs256"})),
        ("no algorithm", json!({"alg": null})),
        ("no key", json!({"kid": null})),
        ("an empty key", json!({"kid": ""})),
        ("a key of nobody", json!({"kid": "38826b17-6a30-5f9b-b169-8beb8202f723"})),
        ("a way up as key", json!({"kid": "../../../dev/null"})),
        ("an SQL key", json!({"kid": "' or 1=1 --"})),
        ("a key as a number", json!({"kid": 1})),
        ("a key of its own", json!({"jwk": public})),
        ("a key set of its own", json!({"jku": "https://evil.example/keys"})),
        ("a certificate's address", json!({"x5u": "https://evil.example/cert"})),
        ("a certificate", json!({"x5c": ["MIIB"]})),
        ("critical", json!({"crit": ["exp"]})),
        ("not encoded", json!({"b64": false, "crit": ["b64"]})),
        ("packed", json!({"zip": "DEF"})),
        ("an access token", json!({"typ": "at+jwt"})),
        ("a logout token", json!({"typ": "logout+jwt"})),
        ("a type as a number", json!({"typ": 1})),
    ] {
        table.forged(&format!("header: {name}"), REFUSED, |scene, claims| {
            let mut header = scene.github.header();
            merge(&mut header, &change);
            scene.github.key.sign_texts(&header.to_string(), &claims.to_string())
        }).await;
    }
    table.forged("header: alg twice", REFUSED, |scene, claims| {
        let header = format!(r#"{{"alg":"RS256","alg":"none","kid":"{}"}}"#, scene.github.key.kid);
        scene.github.key.sign_texts(&header, &claims.to_string())
    }).await;
    table.forged("header: a list", REFUSED, |scene, claims| scene.github.key.sign_texts("[]", &claims.to_string())).await;
}

async fn signatures(table: &mut Table) {
    let own = ClientKey::generate(Algorithm::RS256);
    let parts = |token: &str| -> Vec<String> { token.split('.').map(str::to_owned).collect() };
    table.forged("signature: of another key under the same kid", REFUSED, |scene, claims| {
        own.sign_texts(&scene.github.header().to_string(), &claims.to_string())
    }).await;
    table.forged("signature: of another issuer's key", REFUSED, |scene, claims| scene.other.sign(claims)).await;
    table.forged("signature: HMAC under the public key", REFUSED, |scene, claims| {
        let mut header = scene.github.header();
        header["alg"] = json!("HS256");
        let input = format!("{}.{}", encode_base64url(header.to_string().as_bytes()), encode_base64url(claims.to_string().as_bytes()));
        let key = scene.github.key.public_jwk().to_string();
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.as_bytes());
        format!("{input}.{}", encode_base64url(aws_lc_rs::hmac::sign(&key, input.as_bytes()).as_ref()))
    }).await;
    for (name, expected) in [
        ("one bit another", REFUSED), ("none", REFUSED), ("cut", REFUSED), ("padded", REFUSED), ("zeros", REFUSED),
        ("other claims under it", REFUSED), ("a fourth part", REFUSED), ("two parts", REFUSED), ("a space in it", REFUSED),
        ("a line break after it", "400 VALIDATION_ERROR"), ("as JSON", REFUSED), ("claims twice", REFUSED), ("claims in base64", REFUSED),
        ("a token that is too long", "400 VALIDATION_ERROR"), ("nothing", "400 VALIDATION_ERROR"), ("five parts, as encrypted", REFUSED),
    ] {
        table.forged(&format!("signature: {name}"), expected, |scene, claims| {
            let token = scene.github.sign(claims);
            let [header, payload, signature] = parts(&token).try_into().unwrap();
            let mut bytes = decode_base64url(&signature).unwrap();
            match name {
                "one bit another" => {
                    bytes[100] ^= 1;
                    format!("{header}.{payload}.{}", encode_base64url(&bytes))
                }
                "none" => format!("{header}.{payload}."),
                "cut" => format!("{header}.{payload}.{}", encode_base64url(&bytes[1..])),
                "padded" => format!("{token}="),
                "zeros" => format!("{header}.{payload}.{}", encode_base64url(&vec![0; bytes.len()])),
                "other claims under it" => {
                    let mut claims = claims.clone();
                    claims["actor"] = json!("mallory");
                    format!("{header}.{}.{signature}", encode_base64url(claims.to_string().as_bytes()))
                }
                "a fourth part" => format!("{token}.x"),
                "two parts" => format!("{header}.{payload}"),
                "a space in it" => format!("{header}. {payload}.{signature}"),
                "a line break after it" => format!("{token}\n"),
                "as JSON" => json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
                "claims twice" => {
                    let claims = claims.to_string().replacen('{', r#"{"repository":"octo-org/other","#, 1);
                    scene.github.key.sign_texts(&scene.github.header().to_string(), &claims)
                }
                "claims in base64" => format!("{header}.{payload}=.{signature}"),
                "a token that is too long" => "a".repeat(8_193),
                "nothing" => String::new(),
                _ => format!("{header}.{header}.{header}.{payload}.{signature}"),
            }
        }).await;
    }
}

async fn requests(table: &mut Table) {
    let stranger = table.scene.platform.create_organization().await;
    let strangers_agent = stranger.create_agent(&["agents:read"]).await.id;
    let unnamed = table.scene.tenant.create_agent(&["agents:read"]).await.id;
    let admin = table.scene.tenant.admin.id.clone();
    for (name, more, expected) in [
        ("as GitLab's", json!({"provider": "gitlab"}), REFUSED),
        ("as any issuer's", json!({"provider": "oidc"}), REFUSED),
        ("as SPIFFE's", json!({"provider": "spiffe"}), REFUSED),
        ("as GitHub's in another case", json!({"provider": "GitHub"}), "400 VALIDATION_ERROR"),
        ("as nobody's", json!({"provider": null}), "400 VALIDATION_ERROR"),
        ("for an agent that no policy names", json!({"agentId": unnamed}), REFUSED),
        ("for the administrator", json!({"agentId": admin}), REFUSED),
        ("for another organization's agent", json!({"agentId": strangers_agent}), REFUSED),
        ("for nobody", json!({"agentId": "0198c5a4-0000-7000-8000-00000000dead"}), REFUSED),
        ("for registering, where an agent is named", json!({"agentId": null}), REFUSED),
        ("for an agent by another spelling", json!({"agentId": table.scene.agent.id.to_uppercase()}), "400 VALIDATION_ERROR"),
        ("for an organization that the body names", json!({"organizationId": stranger.organization_id}), "400 VALIDATION_ERROR"),
        ("with scopes", json!({"scope": "admin:orgs"}), "400 VALIDATION_ERROR"),
        ("with a policy", json!({"policyId": "0198c5a4-0000-7000-8000-00000000dead"}), "400 VALIDATION_ERROR"),
    ] {
        let repository = table.repository(&json!({})).await;
        let token = table.scene.github.sign(&table.claims(&repository, &json!({})));
        let good = json!({"provider": "github", "token": token, "agentId": table.scene.agent.id});
        let mut bad = good.clone();
        merge(&mut bad, &more);
        let answer = table.scene.exchange_as(&bad).await;
        let observed = table.observe(&answer);
        let twin = Outcome::of(&table.scene.exchange_as(&good).await);
        table.section.row(format!("request: {name}"), expected, observed, twin);
        table.scene.trust_no_more(&repository.policy).await;
    }
}

/// Policies, agents and organizations that are not what they were.
async fn standings(table: &mut Table) {
    for name in ["the policy is gone", "the agent is suspended", "the agent is gone", "the organization is suspended"] {
        let tenant = table.scene.platform.create_organization().await;
        let agent = tenant.create_agent(&["agents:read"]).await;
        table.cases += 1;
        let repository = format!("repo-{}", table.cases);
        let body = json!({"provider": "github", "repository": format!("octo-org/{repository}"), "agentId": agent.id});
        let policy = tenant.api.post(PATH, &body).await.expect(201).text("policyId");
        let audience = table.scene.audience_of(&tenant);
        let token = || table.scene.github.sign(&table.scene.github.github_claims(&repository, "5", &audience));
        let exchange = async |token: String| {
            table.scene.exchange_as(&json!({"provider": "github", "token": token, "agentId": agent.id})).await
        };
        let twin = Outcome::of(&exchange(token()).await);
        let path = format!("/api/v1/agents/{}", agent.id);
        match name {
            "the policy is gone" => drop(tenant.api.delete(&format!("{PATH}/{policy}")).await.expect(204)),
            "the agent is suspended" => drop(tenant.api.patch(&path, &json!({"status": "suspended"})).await.expect(200)),
            "the agent is gone" => drop(tenant.api.delete(&path).await.expect(204)),
            _ => {
                let path = format!("/api/v1/organizations/{}", tenant.organization_id);
                drop(table.scene.platform.api.patch(&path, &json!({"status": "suspended"})).await.expect(200));
            }
        }
        let answer = exchange(token()).await;
        let observed = table.observe(&answer);
        table.section.row(format!("standing: {name}"), REFUSED, observed, twin);
    }
}

/// Tokens that register agents do that, in their organization, and nothing else.
async fn bootstraps(table: &mut Table) {
    let repository = table.repository(&json!({"agentId": null})).await;
    let token = table.scene.github.sign(&table.claims(&repository, &json!({})));
    let answer = table.scene.exchange_as(&json!({"provider": "github", "token": token})).await.expect(200);
    assert_eq!(answer.text("scope"), "agents:write");
    let api = table.scene.tenant.api.with_token(&answer.text("access_token"));
    let registered = api.post("/api/v1/agents", &agentidp_tests::tenants::new_agent()).await.expect(201);
    assert_eq!(registered.text("organizationId"), table.scene.tenant.organization_id);
    let twin = Outcome::of(&registered);
    let claims: Value = {
        let token = answer.text("access_token");
        serde_json::from_slice(&decode_base64url(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
    };
    let (mine, new, theirs) = (claims["sub"].as_str().unwrap().to_owned(), registered.text("agentId"), table.scene.agent.id.clone());
    let of = |agent: &str| format!("/api/v1/agents/{agent}");
    for (name, method, path, body) in [
        ("change itself", "PATCH", of(&mine), json!({"owner": "x"})),
        ("change what it registered", "PATCH", of(&new), json!({"owner": "x"})),
        ("change another agent", "PATCH", of(&theirs), json!({"owner": "x"})),
        ("end itself", "DELETE", of(&mine), Value::Null),
        ("end another agent", "DELETE", of(&theirs), Value::Null),
        ("get itself a secret", "POST", format!("{}/credentials", of(&mine)), json!({})),
        ("get what it registered a secret", "POST", format!("{}/credentials", of(&new)), json!({})),
        ("rotate a secret", "POST", format!("{}/credentials/rotate", of(&theirs)), json!({})),
        ("revoke all secrets", "DELETE", format!("{}/credentials", of(&theirs)), Value::Null),
        ("rotate a DID's key", "POST", format!("{}/did/rotate", of(&mine)), json!({})),
        ("list agents", "GET", "/api/v1/agents".into(), Value::Null),
        ("read itself", "GET", of(&mine), Value::Null),
        ("read the log", "GET", "/api/v1/audit".into(), Value::Null),
        ("trust a workload", "POST", PATH.into(), json!({"provider": "github", "repository": "evil-org/x"})),
        ("list policies", "GET", PATH.into(), Value::Null),
        ("make an organization", "POST", "/api/v1/organizations".into(), json!({"name": "x", "slug": "x1"})),
        ("read keys", "GET", "/api/v1/keys".into(), Value::Null),
    ] {
        let answer = if body.is_null() { api.send(api.request(method, &path)).await } else { api.json(method, &path, &body).await };
        let expected = if answer.body.contains("ONLY_REGISTERS") { "403 ONLY_REGISTERS" } else { "403 INSUFFICIENT_SCOPE" };
        table.section.row(format!("bootstrap: {name}"), expected, Outcome::of(&answer), twin.clone());
    }
    for (name, more) in [
        ("register an administrator", json!({"scopes": ["admin:orgs"]})),
        ("register a reader of the log", json!({"scopes": ["audit:read"]})),
    ] {
        let mut body = agentidp_tests::tenants::new_agent();
        merge(&mut body, &more);
        let answer = api.post("/api/v1/agents", &body).await;
        table.section.row(format!("bootstrap: {name}"), "403 SCOPE_NOT_HELD", Outcome::of(&answer), twin.clone());
    }
    // The policy goes, and what was got by it: at once.
    table.scene.trust_no_more(&repository.policy).await;
    let answer = api.post("/api/v1/agents", &agentidp_tests::tenants::new_agent()).await;
    table.section.row("bootstrap: register after the policy is gone", "401 INVALID_TOKEN", Outcome::of(&answer), twin);
}
