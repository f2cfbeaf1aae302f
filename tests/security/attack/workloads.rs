//! The section `workloads`: issuers other than GitHub, what issuers publish, and policies that say too much.

use agentidp_shared::jwk::Algorithm;
use agentidp_tests::attack::{Outcome, Section};
use agentidp_tests::{ClientKey, OidcIssuer, now, oidc_issuer, unique};
use serde_json::{Value, json};

use super::scene::{PATH, Scene, merge};

const REFUSED: &str = "401 OIDC_TOKEN_NOT_ACCEPTED";

/// Claims of a workload that is not GitHub's.
fn claims(issuer: &str, audience: &str, more: &Value) -> Value {
    let now = now();
    let mut claims = json!({
        "iss": issuer, "aud": [audience], "iat": now, "nbf": now, "exp": now + 600, "jti": unique(),
    });
    merge(&mut claims, more);
    claims
}

#[tokio::test]
async fn no_token_of_another_issuer_is_exchanged_that_its_policy_is_not_about() {
    let scene = Scene::set().await;
    let mut section = Section::new("workloads");
    others(&scene, &mut section).await;
    policies(&scene, &mut section).await;
    section.finish(60);
}

/// The policy's fields, a good token's claims, and what makes it an attack.
async fn others(scene: &Scene, section: &mut Section) {
    let url = scene.other.url();
    let gitlab = json!({"subject": "project_path:group/app:ref_type:branch:ref:main", "claims": {"environment": "production"}});
    let gitlab_claims = json!({
        "sub": "project_path:group/app:ref_type:branch:ref:main", "project_path": "group/app", "project_id": "22", "namespace_id": "72",
        "environment": "production", "pipeline_source": "push", "ref": "main", "ref_type": "branch",
    });
    let kubernetes = json!({"subject": "system:serviceaccount:agents:deployer"});
    let account =
        |uid: &str, name: &str| json!({"namespace": "agents", "serviceaccount": {"name": name, "uid": uid}});
    let kubernetes_claims = json!({
        "sub": "system:serviceaccount:agents:deployer", "kubernetes.io": account("3b7b6f2e-aaaa", "deployer"),
    });
    let spiffe = json!({"subject": "spiffe://example.org/ns/agents/sa/deployer"});
    let spiffe_claims = json!({"sub": "spiffe://example.org/ns/agents/sa/deployer", "jti": null});
    let oidc = json!({"subject": "workload-7", "claims": {"team": "payments"}});
    let oidc_claims = json!({"sub": "workload-7", "team": "payments"});
    for (provider, policy, good, attacks) in [
        (
            "gitlab",
            gitlab,
            gitlab_claims,
            vec![
                ("another branch", json!({"sub": "project_path:group/app:ref_type:branch:ref:evil"})),
                ("a tag", json!({"sub": "project_path:group/app:ref_type:tag:ref:main"})),
                ("another project", json!({"sub": "project_path:group/other:ref_type:branch:ref:main"})),
                (
                    "a project in another case",
                    json!({"sub": "project_path:Group/app:ref_type:branch:ref:main"}),
                ),
                ("a project below it", json!({"sub": "project_path:group/app/x:ref_type:branch:ref:main"})),
                ("a project made anew", json!({"project_id": "23"})),
                ("a group made anew", json!({"namespace_id": "73"})),
                ("no project id", json!({"project_id": null})),
                ("a project id as a number", json!({"project_id": 22})),
                ("another environment", json!({"environment": "staging"})),
                ("no environment", json!({"environment": null})),
                ("a merge request", json!({"pipeline_source": "merge_request_event"})),
                ("an external pull request", json!({"pipeline_source": "external_pull_request_event"})),
                ("no jti", json!({"jti": null})),
            ],
        ),
        (
            "kubernetes",
            kubernetes,
            kubernetes_claims,
            vec![
                ("another account", json!({"sub": "system:serviceaccount:agents:admin"})),
                ("another namespace", json!({"sub": "system:serviceaccount:kube-system:deployer"})),
                ("a user", json!({"sub": "system:admin"})),
                ("a longer name", json!({"sub": "system:serviceaccount:agents:deployer2"})),
                (
                    "an account made anew under the name",
                    json!({"kubernetes.io": account("99999999-bbbb", "deployer")}),
                ),
                ("an account without uid", json!({"kubernetes.io": {"namespace": "agents"}})),
                ("an account as text", json!({"kubernetes.io": "deployer"})),
                ("an account in a list", json!({"kubernetes.io": [account("3b7b6f2e-aaaa", "deployer")]})),
            ],
        ),
        (
            "spiffe",
            spiffe,
            spiffe_claims,
            vec![
                ("another path", json!({"sub": "spiffe://example.org/ns/agents/sa/admin"})),
                ("a path below it", json!({"sub": "spiffe://example.org/ns/agents/sa/deployer/x"})),
                ("another trust domain", json!({"sub": "spiffe://evil.example/ns/agents/sa/deployer"})),
                (
                    "a trust domain in another case",
                    json!({"sub": "spiffe://EXAMPLE.org/ns/agents/sa/deployer"}),
                ),
                ("another scheme", json!({"sub": "https://example.org/ns/agents/sa/deployer"})),
                ("a slash after it", json!({"sub": "spiffe://example.org/ns/agents/sa/deployer/"})),
                ("a way up", json!({"sub": "spiffe://example.org/ns/agents/sa/x/../deployer"})),
            ],
        ),
        (
            "oidc",
            oidc,
            oidc_claims,
            vec![
                ("another subject", json!({"sub": "workload-8"})),
                ("another team", json!({"team": "Payments"})),
                ("several teams", json!({"team": ["payments"]})),
                ("no team", json!({"team": null})),
                ("several audiences", json!({"aud": [scene.audience(), "https://evil.example"]})),
                ("another issuer", json!({"iss": scene.github.url()})),
            ],
        ),
    ] {
        let mut body = json!({"provider": provider, "issuer": url, "agentId": scene.agent.id});
        merge(&mut body, &policy);
        let id = scene.tenant.api.post(PATH, &body).await.expect(201).text("policyId");
        let exchange = async |more: &Value| {
            let mut claims = claims(&url, &scene.audience(), &good);
            if good["jti"].is_null() && provider == "spiffe" {
                claims["nonce"] = json!(unique());
            }
            merge(&mut claims, more);
            let body =
                json!({"provider": provider, "token": scene.other.sign(&claims), "agentId": scene.agent.id});
            (Outcome::of(&scene.exchange_as(&body).await), body)
        };
        for (name, attack) in attacks {
            let (twin, used) = exchange(&json!({})).await;
            let (observed, _) = exchange(&attack).await;
            section.row(format!("{provider}: {name}"), REFUSED, observed, twin.clone());
            if name.starts_with("another") {
                let again = Outcome::of(&scene.exchange_as(&used).await);
                section.row(format!("{provider}: a token used again, after {name}"), REFUSED, again, twin);
            }
        }
        scene.trust_no_more(&id).await;
    }
}

/// Policies that nobody should write.
async fn policies(scene: &Scene, section: &mut Section) {
    let other = scene.other.url();
    let github = || json!({"provider": "github", "repository": format!("octo-org/{}", unique()), "branch": "main", "agentId": scene.agent.id});
    let oidc =
        || json!({"provider": "oidc", "issuer": other, "subject": unique(), "agentId": scene.agent.id});
    let kubernetes = || json!({"provider": "kubernetes", "issuer": other, "subject": "system:serviceaccount:a:b", "agentId": scene.agent.id});
    let spiffe = || json!({"provider": "spiffe", "issuer": other, "subject": "spiffe://a.example/b", "agentId": scene.agent.id});
    let platform_agent = scene.platform.create_agent(&["agents:read"]).await.id;
    let mut rows: Vec<(String, Value, Value, &str)> = vec![];
    for (name, change) in [
        ("a pattern of repositories", json!({"repository": "octo-org/*"})),
        ("all repositories", json!({"repository": "*"})),
        ("an owner alone", json!({"repository": "octo-org"})),
        ("no repository", json!({"repository": null})),
        ("two slashes", json!({"repository": "octo-org/a/b"})),
        ("a Cyrillic owner", json!({"repository": "оcto-org/a"})),
        ("a URL", json!({"repository": "https://github.com/octo-org/a"})),
        ("a way up", json!({"repository": "octo-org/.."})),
        ("a repository with a space", json!({"repository": "octo-org/a b"})),
        ("an expression", json!({"repository": "octo-org/(a|b)"})),
        ("a pattern of branches", json!({"branch": "release/*"})),
        ("one sign of any kind", json!({"branch": "release-?"})),
        ("a set of signs", json!({"branch": "release-[0-9]"})),
        ("a broken branch", json!({"branch": "a..b"})),
        ("a branch with a colon", json!({"branch": "main:environment:production"})),
        ("no branch", json!({"branch": ""})),
        ("a branch and a ref", json!({"ref": "refs/heads/main"})),
        ("a ref that is a pull request", json!({"branch": null, "ref": "refs/pull/1/merge"})),
        ("a ref that is all", json!({"branch": null, "ref": "refs/heads/**"})),
        ("a pattern of environments", json!({"environment": "prod*"})),
        ("pull_request", json!({"events": ["pull_request"]})),
        ("pull_request_target", json!({"events": ["push", "pull_request_target"]})),
        ("workflow_run", json!({"events": ["workflow_run"]})),
        ("issue_comment", json!({"events": ["issue_comment"]})),
        ("any event", json!({"events": ["*"]})),
        ("no event", json!({"events": []})),
        ("a workflow without ref", json!({"jobWorkflowRef": "octo-org/a/.github/workflows/x.yml"})),
        (
            "a pattern of workflows",
            json!({"jobWorkflowRef": "octo-org/a/.github/workflows/*@refs/heads/main"}),
        ),
        ("an issuer of one's own as GitHub's", json!({"issuer": other})),
        ("a subject", json!({"subject": "repo:octo-org/a:*"})),
        ("an id with a sign", json!({"repositoryId": "-1"})),
        ("an id as a number", json!({"repositoryId": 74})),
    ] {
        rows.push((format!("policy of GitHub: {name}"), github(), change, "400 VALIDATION_ERROR"));
    }
    for (name, change) in [
        ("GitHub's issuer", json!({"issuer": scene.github.url()})),
        ("github.com's issuer", json!({"issuer": "https://token.actions.githubusercontent.com"})),
        (
            "one enterprise's issuer at GitHub",
            json!({"issuer": "https://token.actions.githubusercontent.com/octo"}),
        ),
        ("our own issuer", json!({"issuer": scene.control_plane.issuer()})),
        ("metadata", json!({"issuer": "https://169.254.169.254"})),
        ("metadata by http", json!({"issuer": "http://169.254.169.254"})),
        ("a private address", json!({"issuer": "https://10.0.0.1"})),
        ("an inside name", json!({"issuer": "https://kubernetes.default.svc.cluster.local"})),
        ("a user", json!({"issuer": "https://a@issuer.example.com"})),
        ("a query", json!({"issuer": "https://issuer.example.com?x=1"})),
        ("a slash at the end", json!({"issuer": "https://issuer.example.com/"})),
        ("a fragment", json!({"issuer": "https://issuer.example.com#x"})),
        ("a way up", json!({"issuer": "https://issuer.example.com/a/../b"})),
        ("no issuer", json!({"issuer": null})),
        ("no subject", json!({"subject": null})),
        ("all subjects", json!({"subject": "*"})),
        ("a pattern of subjects", json!({"subject": "repo:octo-org/*"})),
        ("a pattern in a claim", json!({"claims": {"team": "pay*"}})),
        ("a claim that is a number", json!({"claims": {"team": 1}})),
        ("another audience", json!({"claims": {"aud": "https://other.example"}})),
        ("another issuer by a claim", json!({"claims": {"iss": "https://other.example"}})),
        ("a repository", json!({"repository": "octo-org/a"})),
    ] {
        rows.push((format!("policy of an issuer: {name}"), oidc(), change, "400 VALIDATION_ERROR"));
    }
    for subject in [
        "system:serviceaccount:a:*",
        "system:serviceaccount:a",
        "system:anonymous",
        "system:serviceaccount:a:b:c",
        "b",
    ] {
        rows.push((
            format!("policy of Kubernetes: {subject}"),
            kubernetes(),
            json!({"subject": subject}),
            "400 VALIDATION_ERROR",
        ));
    }
    for subject in ["spiffe://a.example", "spiffe://a.example/*", "spiffe:///b", "https://a.example/b"] {
        rows.push((
            format!("policy of SPIFFE: {subject}"),
            spiffe(),
            json!({"subject": subject}),
            "400 VALIDATION_ERROR",
        ));
    }
    let of_nobody = json!({"agentId": "0198c5a4-0000-7000-8000-00000000dead"});
    rows.push((
        "policy: for another organization's agent".into(),
        github(),
        json!({"agentId": platform_agent}),
        "404 AGENT_NOT_FOUND",
    ));
    rows.push(("policy: for nobody".into(), github(), of_nobody, "404 AGENT_NOT_FOUND"));
    rows.push((
        "policy: a provider of nobody's".into(),
        github(),
        json!({"provider": "svn"}),
        "400 VALIDATION_ERROR",
    ));
    for (name, good, change, expected) in rows {
        let mut bad = good.clone();
        merge(&mut bad, &change);
        let observed = Outcome::of(&scene.tenant.api.post(PATH, &bad).await);
        let made = scene.tenant.api.post(PATH, &good).await;
        let twin = Outcome::of(&made);
        if made.is(201) {
            scene.trust_no_more(&made.text("policyId")).await;
        }
        section.row(name, expected, observed, twin);
    }
}

#[tokio::test]
async fn no_issuer_speaks_for_another_by_what_it_publishes() {
    let names = [
        "names another issuer",
        "names no issuer",
        "names no keys",
        "keys by http",
        "keys in metadata",
        "keys on a private address",
        "keys at a path of ours",
        "keys with a private half",
        "a symmetric key",
        "one kid for two keys",
        "no keys",
        "keys that are no list",
        "a key for encryption",
        "a key of another algorithm",
        "a hundred and one keys",
    ];
    let mut issuers = vec![];
    for _ in names {
        issuers.push(OidcIssuer::start(Algorithm::ES256).await);
    }
    let good = OidcIssuer::start(Algorithm::EdDSA).await;
    let scene = Scene::set().await;
    let mut section = Section::new("issuers");
    let trust = async |issuer: &OidcIssuer| {
        let body = json!({"provider": "oidc", "issuer": issuer.url(), "subject": "workload", "agentId": scene.agent.id});
        scene.tenant.api.post(PATH, &body).await.expect(201);
    };
    let exchange = async |issuer: &OidcIssuer| {
        let claims = claims(&issuer.url(), &scene.audience(), &json!({"sub": "workload"}));
        let body = json!({"provider": "oidc", "token": issuer.sign(&claims), "agentId": scene.agent.id});
        Outcome::of(&scene.exchange_as(&body).await)
    };
    trust(&good).await;
    for (name, issuer) in names.into_iter().zip(&issuers) {
        let url = issuer.url();
        let jwks = |uri: &str| issuer.discover_as(|document| document["jwks_uri"] = json!(uri));
        match name {
            "names another issuer" => issuer.discover_as(|document| document["issuer"] = json!(good.url())),
            "names no issuer" => issuer.discover_as(|document| document["issuer"] = Value::Null),
            "names no keys" => issuer.discover_as(|document| document["jwks_uri"] = Value::Null),
            "keys by http" => jwks(&format!("{}/.well-known/jwks", url.replace("https", "http"))),
            "keys in metadata" => jwks("https://169.254.169.254/latest/meta-data"),
            "keys on a private address" => jwks("https://192.168.0.1/keys"),
            "keys at a path of ours" => {
                jwks(&format!("{}/.well-known/jwks.json", scene.control_plane.issuer()));
            }
            "keys with a private half" => issuer.publish(|set| set["keys"][0]["d"] = json!("AA")),
            "a symmetric key" => issuer.publish(|set| {
                set["keys"] = json!([{"kty": "oct", "k": "AAAA", "kid": issuer.key.kid, "alg": "HS256"}]);
            }),
            "one kid for two keys" => issuer.publish(|set| {
                let mut second = oidc_issuer::published(&ClientKey::generate(Algorithm::ES256));
                second["kid"] = json!(issuer.key.kid);
                set["keys"].as_array_mut().unwrap().push(second);
            }),
            "no keys" => issuer.publish(|set| set["keys"] = json!([])),
            "keys that are no list" => issuer.publish(|set| set["keys"] = set["keys"][0].clone()),
            "a key for encryption" => issuer.publish(|set| set["keys"][0]["use"] = json!("enc")),
            "a key of another algorithm" => issuer.publish(|set| set["keys"][0]["alg"] = json!("ES384")),
            _ => issuer.publish(|set| {
                let key = set["keys"][0].clone();
                set["keys"].as_array_mut().unwrap().extend((0..100).map(|number| {
                    let mut other = key.clone();
                    other["kid"] = json!(number.to_string());
                    other
                }));
            }),
        }
        // The keys are fetched when the issuer is trusted.
        trust(issuer).await;
        section.row(name, REFUSED, exchange(issuer).await, exchange(&good).await);
    }
    // Tokens that name keys of nobody do not make us ask again and again.
    let before = good.asked();
    for _ in 0..20 {
        let claims = claims(&good.url(), &scene.audience(), &json!({"sub": "workload"}));
        let mut header = good.header();
        header["kid"] = json!(unique());
        let token = good.key.sign_texts(&header.to_string(), &claims.to_string());
        let body = json!({"provider": "oidc", "token": token, "agentId": scene.agent.id});
        scene.exchange_as(&body).await.expect(401);
    }
    assert!(good.asked() <= before + 1, "{} fetches", good.asked() - before);
    section.finish(15);
}
