//! The section `trust-policies`: tokens of GitHub Actions that say, or are, something else than the policy wants.

use std::collections::BTreeSet;

use agentidp_tests::attack::{Outcome, Section};
use agentidp_tests::{Answer, now};
use serde_json::{Value, json};

use super::forgeries::{headers, signatures};
use super::scene::{Scene, merge};
use super::standings::{bootstraps, standings};
use super::trust_policy_cases::{Case, all};

pub const REFUSED: &str = "401 OIDC_TOKEN_NOT_ACCEPTED";

/// The section as it grows, and every way that a refusal looked.
pub struct Table {
    pub scene: Scene,
    pub section: Section,
    refusals: BTreeSet<String>,
    pub cases: usize,
}

/// A repository that a policy is about.
pub struct Repository {
    name: String,
    id: String,
    pub policy: String,
}

impl Table {
    pub async fn repository(&mut self, more: &Value) -> Repository {
        self.cases += 1;
        let (name, id) = (format!("repo-{}", self.cases), (74_000 + self.cases).to_string());
        let policy = self.scene.trust(&name, &filled(more, &name, &id)).await;
        Repository { name, id, policy }
    }

    /// The claims of a good token, with these instead.
    pub fn claims(&self, repository: &Repository, more: &Value) -> Value {
        let mut claims =
            self.scene.github.github_claims(&repository.name, &repository.id, &self.scene.audience());
        merge(&mut claims, &filled(more, &repository.name, &repository.id));
        claims
    }

    /// What came of an attack. All refusals must look alike.
    pub fn observe(&mut self, answer: &Answer) -> Outcome {
        if answer.is(401) {
            let mut headers: Vec<&str> = answer.headers.keys().map(http_name).collect();
            headers.sort_unstable();
            self.refusals.insert(format!("{} {headers:?}", answer.body));
        }
        Outcome::of(answer)
    }

    /// A good token first, then the attack on the same policy, which is thereby pinned.
    pub async fn case(&mut self, Case { name, policy, both, attack }: Case) {
        let repository = self.repository(&policy).await;
        let good = self.scene.github.sign(&self.claims(&repository, &both));
        let twin = Outcome::of(&self.scene.exchange(&good).await);
        let mut claims = self.claims(&repository, &both);
        merge(&mut claims, &filled(&attack, &repository.name, &repository.id));
        let answer = self.scene.exchange(&self.scene.github.sign(&claims)).await;
        let observed = match self.observe(&answer) {
            Outcome::Refused(answer) => Outcome::Refused(format!("{answer}: {}", self.reason(&claims).await)),
            accepted @ Outcome::Accepted(_) => accepted,
        };
        self.section.row(name, REFUSED, observed, twin);
        self.scene.trust_no_more(&repository.policy).await;
    }

    /// Why a token was refused, as its organization reads it, if the token was for it.
    async fn reason(&self, claims: &Value) -> String {
        let path = "/api/v1/audit?limit=1&action=oidc.token_refused";
        let events = self.scene.tenant.api.get(path).await.expect(200).json();
        let metadata = &events["data"][0]["metadata"];
        let is_of_it = metadata["workload"]["jti"] == claims["jti"]
            && claims["jti"].as_str().is_some_and(|jti| jti.len() > 9);
        if is_of_it { metadata["reason"].as_str().unwrap().to_owned() } else { "not logged".into() }
    }

    /// An attack by how the token is made from its claims.
    pub async fn forged(&mut self, name: &str, expected: &str, forge: impl Fn(&Scene, &Value) -> String) {
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
    let mut table =
        Table { scene, section: Section::new("trust-policies"), refusals: BTreeSet::new(), cases: 0 };
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
    let mut cases = change(
        "iss",
        vec![
            ("another issuer's", json!(table.scene.other.url())),
            (
                "GitHub's own, where the operator has another",
                json!("https://token.actions.githubusercontent.com"),
            ),
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
        ],
    );
    cases.extend(change(
        "aud",
        vec![
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
            (
                "braces around the id",
                json!(own.replace(
                    &table.scene.tenant.organization_id,
                    &format!("{{{}}}", table.scene.tenant.organization_id)
                )),
            ),
            ("another deployment's", json!(own.replace("127.0.0.1", "id.evil.example"))),
            ("a space after it", json!(format!("{own} "))),
            ("a number", json!(7)),
            ("empty", json!("")),
            ("missing", Value::Null),
        ],
    ));
    for case in cases {
        table.case(case).await;
    }
    // One audience in a list is the same as one without.
    table
        .case(Case {
            name: "aud: another organization's, in a list".into(),
            policy: json!({}),
            both: json!({"aud": [own]}),
            attack: json!({"aud": [others]}),
        })
        .await;
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
        (
            "for an agent by another spelling",
            json!({"agentId": table.scene.agent.id.to_uppercase()}),
            "400 VALIDATION_ERROR",
        ),
        (
            "for an organization that the body names",
            json!({"organizationId": stranger.organization_id}),
            "400 VALIDATION_ERROR",
        ),
        ("with scopes", json!({"scope": "admin:orgs"}), "400 VALIDATION_ERROR"),
        (
            "with a policy",
            json!({"policyId": "0198c5a4-0000-7000-8000-00000000dead"}),
            "400 VALIDATION_ERROR",
        ),
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
