//! The section `outside-exchange`: tokens of workloads at the token endpoint (RFC 8693), where they need no client authentication.
//! What their claims must say is judged by what the sections `trust-policies` and `workloads` attack; here it is the way there.

use agentidp_shared::strict::decode_base64url;
use agentidp_tests::attack::{Outcome, Section};
use agentidp_tests::{Answer, now};
use serde_json::{Value, json};

use super::scene::{Scene, merge};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SAML: &str = "urn:ietf:params:oauth:token-type:saml2";
const REFUSED: &str = "400 invalid_request";
const API: &str = "https://tools.example/mcp";

/// A scene with one repository, which is trusted for the agent.
struct Table {
    scene: Scene,
    section: Section,
    /// Every way that the refusal of a token looked.
    refusals: Vec<String>,
}

impl Table {
    fn claims(&self, more: &Value) -> Value {
        let mut claims = self.scene.github.github_claims("tools", "7400", &self.scene.audience());
        merge(&mut claims, more);
        claims
    }

    fn token(&self, more: &Value) -> String {
        self.scene.github.sign(&self.claims(more))
    }

    /// Asks for the agent, with these parameters more or instead; an empty one is taken away.
    async fn ask(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", GRANT),
            ("subject_token", token),
            ("subject_token_type", JWT),
            ("agent_id", &self.scene.agent.id),
        ];
        for (name, value) in more {
            form.retain(|(given, _)| given != name);
            form.push((name, value));
        }
        form.retain(|(_, value)| !value.is_empty());
        self.scene.ask_for_token(&form).await
    }

    /// An attack by the token; all are refused alike.
    async fn by_token(&mut self, name: &str, token: &str) {
        let answer = self.ask(token, &[]).await;
        self.refusals.push(answer.body.clone());
        let twin = Outcome::of(&self.ask(&self.token(&json!({})), &[]).await);
        self.section.row(name, REFUSED, Outcome::of(&answer), twin);
    }

    /// An attack by the request. What is wrong with it is told, so a good token is not used up.
    async fn by_request(&mut self, name: &str, expected: &str, more: &[(&str, &str)]) {
        let token = self.token(&json!({}));
        let observed = Outcome::of(&self.ask(&token, more).await);
        let twin = Outcome::of(&self.ask(&token, &[]).await);
        self.section.row(name, expected, observed, twin);
    }
}

fn claims_of(token: &str) -> Value {
    serde_json::from_slice(&decode_base64url(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// As the platform: lets the organization have the API.
async fn allow(scene: &Scene) {
    scene.platform.create_resource(API, &[], &json!([scene.tenant.organization_id])).await;
}

#[tokio::test]
async fn no_token_from_outside_is_exchanged_at_the_token_endpoint_that_would_not_be_elsewhere() {
    let scene = Scene::set().await;
    scene.trust("tools", &json!({})).await;
    let mut table = Table { scene, section: Section::new("outside-exchange"), refusals: vec![] };
    allow(&table.scene).await;
    accepted(&table).await;
    tokens(&mut table).await;
    requests(&mut table).await;
    targets(&mut table).await;
    let first = &table.refusals[0];
    assert!(table.refusals.iter().all(|refusal| refusal == first), "{:#?}", table.refusals);
    for told in ["octo-org", "policy", "issuer", "aud"] {
        assert!(!first.contains(told), "{first}");
    }
    table.section.finish(25);
}

/// What is answered, and that the log has it as it has an exchange at the other endpoint.
async fn accepted(table: &Table) {
    let token = table.token(&json!({}));
    let answer = table.ask(&token, &[]).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(
        (&body["issued_token_type"], &body["token_type"], &body["scope"]),
        (&json!(ACCESS_TOKEN), &json!("Bearer"), &json!("agents:read"))
    );
    assert!(body["expires_in"].as_u64().is_some_and(|seconds| seconds > 0));
    let ours = claims_of(&answer.text("access_token"));
    let agent = &table.scene.agent.id;
    assert_eq!((&ours["sub"], &ours["client_id"]), (&json!(agent), &json!(agent)));
    assert_eq!((&ours["aud"], &ours["iss"]), (&json!(table.scene.control_plane.issuer()), &ours["aud"]));
    let path = format!("/api/v1/agents/{agent}");
    let bearer = table.scene.tenant.api.with_token(&answer.text("access_token"));
    bearer.get(&path).await.expect(200);
    let logged = "/api/v1/audit?limit=1&action=oidc.token_exchanged";
    let event = table.scene.tenant.api.get(logged).await.expect(200).json()["data"][0].clone();
    assert_eq!(event["metadata"]["workload"]["jti"], claims_of(&token)["jti"]);
    assert_eq!(event["metadata"]["provider"], "github");

    // The other type, the agent as the client, and an API to which the organization lets its agents.
    let more = [("subject_token_type", ID_TOKEN), ("agent_id", ""), ("client_id", agent), ("resource", API)];
    let answer = table.ask(&table.token(&json!({})), &more).await.expect(200);
    assert_eq!(claims_of(&answer.text("access_token"))["aud"], API);
}

async fn tokens(table: &mut Table) {
    let neighbour = table.scene.platform.create_organization().await;
    let others = table.scene.audience_of(&neighbour);
    let instance = table.scene.control_plane.issuer().to_owned();
    for (name, more) in [
        ("aud: another organization's", json!({ "aud": others })),
        ("aud: the instance's", json!({ "aud": instance })),
        ("aud: the organization's and another's", json!({ "aud": [table.scene.audience(), others] })),
        ("iss: another issuer", json!({ "iss": table.scene.other.url() })),
        ("iss: ours", json!({ "iss": instance })),
        ("another repository", json!({ "repository": "evil-org/tools" })),
        ("a pull request", json!({ "event_name": "pull_request", "ref": "refs/pull/1/merge" })),
        ("expired", json!({ "exp": now() - 60 })),
        ("without jti", json!({ "jti": null })),
    ] {
        let token = table.token(&more);
        table.by_token(name, &token).await;
    }
    let by_another = table.scene.other.sign(&table.claims(&json!({})));
    table.by_token("signed by another issuer", &by_another).await;
    let good = table.token(&json!({}));
    let (input, _) = good.rsplit_once('.').unwrap();
    table.by_token("without a signature", &format!("{input}.")).await;
    table.by_token("nonsense", "nonsense").await;
    table.by_token("too long", &"a".repeat(9_000)).await;
    // A token of ours is no workload's.
    let ours = table.scene.agent.token(&table.scene.tenant.api).await;
    table.by_token("a token of ours", &ours).await;

    // Used up here, used up there.
    let twin = Outcome::of(&table.ask(&good, &[]).await);
    let again = table.ask(&good, &[]).await;
    table.refusals.push(again.body.clone());
    table.section.row("used again: here", REFUSED, Outcome::of(&again), twin.clone());
    let elsewhere = table.scene.exchange(&good).await;
    table.section.row("used again: at the other endpoint", "401 OIDC_TOKEN", Outcome::of(&elsewhere), twin);
    let good = table.token(&json!({}));
    let twin = Outcome::of(&table.scene.exchange(&good).await);
    let again = table.ask(&good, &[]).await;
    table.section.row("used again: after the other endpoint", REFUSED, Outcome::of(&again), twin);
}

async fn requests(table: &mut Table) {
    let unnamed = table.scene.tenant.create_agent(&["agents:read"]).await.id;
    let admin = table.scene.tenant.admin.id.clone();
    for (name, agent) in [
        ("for an agent that no policy names", unnamed.as_str()),
        ("for the administrator", &admin),
        ("for registering, where an agent is named", ""),
    ] {
        let token = table.token(&json!({}));
        let answer = table.ask(&token, &[("agent_id", agent)]).await;
        table.refusals.push(answer.body.clone());
        let twin = Outcome::of(&table.ask(&token, &[]).await);
        table.section.row(name, REFUSED, Outcome::of(&answer), twin);
    }
    let ours = table.scene.agent.token(&table.scene.tenant.api).await;
    for (name, expected, more) in [
        (
            "an actor_token beside it",
            "400 invalid_request",
            vec![("actor_token", ours.as_str()), ("actor_token_type", ACCESS_TOKEN)],
        ),
        ("an actor_token_type alone", "400 invalid_request", vec![("actor_token_type", JWT)]),
        ("as an access token", "401 invalid_client", vec![("subject_token_type", ACCESS_TOKEN)]),
        ("as SAML", "401 invalid_client", vec![("subject_token_type", SAML)]),
        ("without a type", "401 invalid_client", vec![("subject_token_type", "")]),
        ("without a token", "400 invalid_request", vec![("subject_token", "")]),
        ("for an ID token", "400 invalid_request", vec![("requested_token_type", ID_TOKEN)]),
        ("by another grant", "401 invalid_client", vec![("grant_type", "client_credentials")]),
        ("for an agent by no id", "400 invalid_request", vec![("agent_id", "x")]),
        ("by a client that is no agent", "401 invalid_client", vec![("client_id", "x")]),
        ("for one agent by another", "400 invalid_request", vec![("client_id", &admin)]),
        (
            "with a wrong secret of the agent's",
            "401 invalid_client",
            vec![("client_id", &table.scene.agent.id.clone()), ("client_secret", "wrong")],
        ),
    ] {
        table.by_request(name, expected, &more).await;
    }
}

/// Scopes and APIs that the agent is not given. The token is not used up by asking for them.
async fn targets(table: &mut Table) {
    for (name, expected, more) in [
        ("with a scope that the agent lacks", "400 invalid_scope", vec![("scope", "admin:orgs")]),
        ("with no scope there is", "400 invalid_scope", vec![("scope", "a\"b")]),
        ("for an API that is not allowed", "400 invalid_target", vec![("resource", "https://evil.example")]),
        (
            "for an audience that is not allowed",
            "400 invalid_target",
            vec![("audience", "https://evil.example")],
        ),
        ("for two APIs", "400 invalid_target", vec![("resource", API), ("audience", "https://evil.example")]),
        ("for no URI", "400 invalid_target", vec![("resource", "tools")]),
    ] {
        table.by_request(name, expected, &more).await;
    }
    // Other APIs do not know that a token only registers.
    table.scene.trust("registrar", &json!({ "agentId": null })).await;
    let token = table.scene.github.sign(&table.scene.github.github_claims(
        "registrar",
        "7401",
        &table.scene.audience(),
    ));
    let observed = table.ask(&token, &[("agent_id", ""), ("resource", API)]).await;
    let twin = table.ask(&token, &[("agent_id", "")]).await;
    let name = "for another API, by what only registers";
    table.section.row(name, "400 invalid_target", Outcome::of(&observed), Outcome::of(&twin));
    assert_eq!(twin.expect(200).text("scope"), "agents:write");
}
