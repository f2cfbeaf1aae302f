//! Attacks on token exchange and delegation, one row each, with a twin: the same request with only what makes it an attack taken
//! out. The attack is refused and the twin is accepted, so that a refusal for another reason shows.

use agentidp_shared::strict::encode_base64url;
use agentidp_tests::attack::{Outcome, Section};
use serde_json::{Value, json};
use time::Duration;

use super::{ACCESS_TOKEN, GRANT, agents, claims, delegate, id_of};
use crate::support::{Agent, Answer, Api, Instance, Tenant};

const API: &str = "https://api.example.com";
const OTHER_API: &str = "https://other.example.com";

/// Rows of a section, told from answers.
struct Table(Section);

impl Table {
    fn new(name: &'static str) -> Self {
        Self(Section::new(name))
    }

    fn add(&mut self, attack: impl Into<String>, expected: &'static str, observed: &Answer, twin: &Answer) {
        self.0.row(attack, expected, outcome(observed), outcome(twin));
    }
}

/// A verification says in its body what came of it.
pub fn outcome(answer: &Answer) -> Outcome {
    let body = answer.json();
    let code = body["error"].as_str().or(body["code"].as_str()).unwrap_or("no error");
    match (answer.status, body["valid"].as_bool()) {
        (_, Some(false)) => Outcome::Refused("not valid".to_owned()),
        (200..300, _) => Outcome::Accepted(answer.status.to_string()),
        _ => Outcome::Refused(code.to_owned()),
    }
}

struct Scene {
    instance: Instance,
    tenant: Tenant,
    agents: [Agent; 7],
    root: String,
    to_b: String,
}

impl Scene {
    async fn set() -> Self {
        let instance = Instance::start().await;
        let tenant = instance.tenant().await;
        instance.platform().await.create_resource(API, &[], &json!("all")).await;
        let agents = agents::<7>(&tenant).await;
        let root = agents[0].token(&tenant.api).await;
        let to_b = delegate(&tenant.api, &root, &agents[1], &["agents:read", "audit:read"]).await;
        Self { instance, tenant, agents, root, to_b }
    }

    fn api(&self) -> &Api {
        &self.tenant.api
    }

    /// An exchange by B of what was delegated to it, with parameters replaced, added, or (empty) left out.
    async fn exchange(&self, client: &Agent, changes: &[(&str, &str)]) -> Answer {
        let mut form =
            vec![("grant_type", GRANT), ("subject_token", &*self.to_b), ("subject_token_type", ACCESS_TOKEN)];
        for (name, value) in changes {
            form.retain(|(known, _)| known != name);
            if !value.is_empty() {
                form.push((name, value));
            }
        }
        self.api().with_basic(&client.id, &client.secret).form("/oauth2/token", &form).await
    }

    async fn by_b(&self, changes: &[(&str, &str)]) -> Answer {
        self.exchange(&self.agents[1], changes).await
    }

    async fn delegate(&self, token: &str, changes: &[(&str, Value)]) -> Answer {
        let mut body =
            json!({"delegateeId": self.agents[2].id, "scopes": ["agents:read"], "ttlSeconds": 600});
        for (name, value) in changes {
            body[*name] = value.clone();
        }
        self.api().with_token(token).post("/oauth2/token/delegate", &body).await
    }

    async fn verify(&self, api: &Api, token: &str) -> Answer {
        api.post("/oauth2/token/verify-delegation", &json!({"delegationToken": token})).await
    }
}

/// The token with its claims changed, its signature kept.
fn altered(token: &str, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> String {
    let mut members = claims(token);
    change(&mut members);
    let parts: Vec<_> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], encode_base64url(Value::Object(members).to_string().as_bytes()), parts[2])
}

fn with_header(token: &str, header: &Value) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", encode_base64url(header.to_string().as_bytes()))
}

#[tokio::test]
async fn exchange_attacks_none_is_accepted_and_each_twin_is() {
    let scene = Scene::set().await;
    let (api, [a, b, c, ..]) = (scene.api().clone(), &scene.agents);
    let mut table = Table::new("exchange");
    let good = scene.by_b(&[]).await.expect(200);
    let own_of_c = c.token(&api).await;

    // Whose token it is.
    table.add("somebody else's delegation", "invalid_request", &scene.exchange(c, &[]).await, &good);
    table.add(
        "the delegator exchanging what it gave away",
        "invalid_request",
        &scene.exchange(a, &[]).await,
        &good,
    );
    let of_c = [("subject_token", &*own_of_c)];
    table.add(
        "another agent's own token",
        "invalid_request",
        &scene.by_b(&of_c).await,
        &scene.exchange(c, &of_c).await,
    );
    let root = [("subject_token", &*scene.root)];
    table.add(
        "the subject's token before it was delegated",
        "invalid_request",
        &scene.by_b(&root).await,
        &scene.exchange(a, &root).await,
    );
    let admin = &scene.tenant.admin;
    let form = [("grant_type", "client_credentials"), ("agent_id", &*b.id)];
    let for_b = api
        .with_basic(&admin.id, &admin.secret)
        .form("/oauth2/token", &form)
        .await
        .expect(200)
        .text("access_token");
    let for_b = [("subject_token", &*for_b)];
    let own_of_b = b.token(&api).await;
    let of_b = scene.by_b(&[("subject_token", &own_of_b)]).await;
    table.add(
        "a token that an administrator got for another, by it",
        "invalid_request",
        &scene.exchange(admin, &for_b).await,
        &of_b,
    );
    table.add(
        "a token that an administrator got for another, by that",
        "invalid_request",
        &scene.by_b(&for_b).await,
        &of_b,
    );
    // Actor tokens.
    let actor =
        |token: &str| [("actor_token", token.to_owned()), ("actor_token_type", ACCESS_TOKEN.to_owned())];
    let try_actor = async |token: &str| {
        let [one, two] = actor(token);
        scene.by_b(&[(one.0, &one.1), (two.0, &two.1)]).await
    };
    let with_actor = try_actor(&own_of_b).await;
    let narrowed = scene.by_b(&[]).await.expect(200).text("access_token");
    for (attack, token) in [
        ("another agent's actor token", own_of_c.clone()),
        ("the subject's token as actor token", scene.root.clone()),
        ("a delegated token as actor token", scene.to_b.clone()),
        ("an exchanged token as actor token", narrowed.clone()),
        ("nonsense as actor token", "a.b.c".into()),
        ("an actor token with other claims", altered(&own_of_b, |c| c["scope"] = json!("admin:orgs"))),
    ] {
        table.add(attack, "invalid_request", &try_actor(&token).await, &with_actor);
    }
    table.add(
        "an actor token without its type",
        "invalid_request",
        &scene.by_b(&[("actor_token", &own_of_b)]).await,
        &with_actor,
    );
    table.add(
        "an actor token's type alone",
        "invalid_request",
        &scene.by_b(&[("actor_token_type", ACCESS_TOKEN)]).await,
        &with_actor,
    );
    // Scope and audience.
    let one_scope = scene.by_b(&[("scope", "agents:read")]).await;
    for scope in [
        "tokens:read",
        "agents:write",
        "admin:orgs",
        "openid",
        "agents:read tokens:read",
        "AGENTS:READ",
        "agents:*",
        "*",
        "agents:read  audit:read",
        "agents:read\"",
        "agents",
    ] {
        table.add(
            format!("more scope: {scope:?}"),
            "invalid_scope",
            &scene.by_b(&[("scope", scope)]).await,
            &one_scope,
        );
    }
    let for_api = scene.by_b(&[("resource", API)]).await;
    let bound = for_api.text("access_token");
    let bound_again = scene.by_b(&[("subject_token", &bound), ("resource", API)]).await;
    let issuer = scene.instance.app.config.issuer.clone();
    for wider in [
        &*issuer,
        OTHER_API,
        "https://api.example.com/",
        "https://API.example.com",
        "https://api.example.com.evil.example",
    ] {
        for name in ["resource", "audience"] {
            let answer = scene.by_b(&[("subject_token", &bound), (name, wider)]).await;
            table.add(
                format!("an API's token for another, {name}={wider}"),
                "invalid_target",
                &answer,
                &bound_again,
            );
        }
    }
    for bad in ["not a uri", "/path", "https://api.example.com/#part"] {
        table.add(
            format!("a resource that is none: {bad}"),
            "invalid_target",
            &scene.by_b(&[("resource", bad)]).await,
            &for_api,
        );
    }
    let both = scene.by_b(&[("resource", API), ("audience", API)]).await;
    table.add(
        "audience and resource differ",
        "invalid_target",
        &scene.by_b(&[("resource", API), ("audience", OTHER_API)]).await,
        &both,
    );
    table.add(
        "a resource the organization does not allow",
        "invalid_target",
        &scene.by_b(&[("resource", OTHER_API)]).await,
        &scene.by_b(&[("resource", API)]).await,
    );
    let answer =
        scene.by_b(&[("scope", "agents:read"), ("subject_token", &bound), ("resource", OTHER_API)]).await;
    table.add(
        "an API's token for one the organization does not allow",
        "invalid_target",
        &answer,
        &bound_again,
    );

    // Types and parameters.
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    let as_jwt = scene.by_b(&[("subject_token_type", jwt)]).await;
    for kind in ["refresh_token", "id_token", "saml1", "saml2"] {
        let kind = format!("urn:ietf:params:oauth:token-type:{kind}");
        table.add(
            format!("subject token said to be {kind}"),
            "invalid_request",
            &scene.by_b(&[("subject_token_type", &kind)]).await,
            &as_jwt,
        );
        let typed = scene.by_b(&[("requested_token_type", ACCESS_TOKEN)]).await;
        table.add(
            format!("requesting {kind}"),
            "invalid_request",
            &scene.by_b(&[("requested_token_type", &kind)]).await,
            &typed,
        );
    }
    table.add("no subject token", "invalid_request", &scene.by_b(&[("subject_token", "")]).await, &good);
    table.add(
        "no subject token type",
        "invalid_request",
        &scene.by_b(&[("subject_token_type", "")]).await,
        &good,
    );
    table.add(
        "neither",
        "invalid_request",
        &scene.by_b(&[("subject_token", ""), ("subject_token_type", "")]).await,
        &good,
    );
    table.add(
        "a grant type in other letters",
        "unsupported_grant_type",
        &scene.by_b(&[("grant_type", &GRANT.to_uppercase())]).await,
        &good,
    );
    let twice = format!(
        "grant_type={GRANT}&subject_token={0}&subject_token={0}&subject_token_type={ACCESS_TOKEN}",
        scene.to_b
    );
    let as_b = api.with_basic(&b.id, &b.secret);
    let answer = as_b.send("POST", "/oauth2/token", "application/x-www-form-urlencoded", twice).await;
    table.add("two subject tokens", "invalid_request", &answer, &good);
    let form = [("grant_type", GRANT), ("subject_token", &*scene.to_b), ("subject_token_type", ACCESS_TOKEN)];
    let wrong =
        api.with_basic(&b.id, "sk_live_0000000000000000000000000000000000000000000000000000000000000000");
    table.add("a wrong client secret", "invalid_client", &wrong.form("/oauth2/token", &form).await, &good);
    table.add(
        "a bearer token in place of the client's proof",
        "invalid_client",
        &api.with_token(&own_of_b).form("/oauth2/token", &form).await,
        &good,
    );

    // The token itself.
    for (attack, token) in [
        ("claims of another subject", altered(&scene.to_b, |m| m["sub"] = json!(c.id))),
        ("claims of another holder", altered(&scene.to_b, |m| m["client_id"] = json!(c.id))),
        ("more scope written in", altered(&scene.to_b, |m| m["scope"] = json!("admin:orgs"))),
        ("a later end written in", altered(&scene.to_b, |m| m["exp"] = json!(4_000_000_000_u64))),
        (
            "the chain taken out",
            altered(&scene.to_b, |m| {
                m.remove("delegation_chain");
            }),
        ),
        (
            "the actor taken out",
            altered(&scene.to_b, |m| {
                m.remove("act");
            }),
        ),
        (
            "both taken out",
            altered(&scene.to_b, |m| {
                m.remove("act");
                m.remove("delegation_chain");
            }),
        ),
        (
            "another token in the chain",
            altered(&scene.to_b, |m| m["delegation_chain"][0]["jti"] = json!(c.id)),
        ),
        ("may_act for somebody else", altered(&scene.to_b, |m| m["may_act"] = json!({"sub": c.id}))),
        ("another organization written in", altered(&scene.to_b, |m| m["organization_id"] = json!(c.id))),
        ("alg none", with_header(&scene.to_b, &json!({"alg": "none", "typ": "at+jwt", "kid": "x"}))),
        ("an unknown key", with_header(&scene.to_b, &json!({"alg": "ES256", "typ": "at+jwt", "kid": "x"}))),
        (
            "a JWT of another type",
            with_header(&scene.to_b, &json!({"alg": "ES256", "typ": "JWT", "kid": "x"})),
        ),
        ("no signature", scene.to_b.rsplit_once('.').unwrap().0.to_owned() + "."),
        ("a part too many", format!("{}.x", scene.to_b)),
        ("longer than a token may be", "a".repeat(9_000)),
        ("nothing but dots", "..".into()),
    ] {
        table.add(
            format!("subject token: {attack}"),
            "invalid_request",
            &scene.by_b(&[("subject_token", &token)]).await,
            &good,
        );
        let answer = scene.verify(&api, &token).await;
        if answer.status == 200 {
            table.add(
                format!("verified: {attack}"),
                "not valid",
                &answer,
                &scene.verify(&api, &scene.to_b).await,
            );
        }
    }
    assert!(table.0.len() >= 60);
    table.0.finish(60);
}

#[tokio::test]
async fn delegation_attacks_none_is_accepted_and_each_twin_is() {
    let scene = Scene::set().await;
    let (api, [a, b, ..]) = (scene.api().clone(), &scene.agents);
    let mut table = Table::new("delegation");
    let good = scene.delegate(&scene.to_b, &[]).await.expect(201);
    for (attack, expected, changes) in [
        ("more scope than the token", "SCOPE_NOT_HELD", vec![("scopes", json!(["tokens:read"]))]),
        (
            "scope of an administrator",
            "SCOPE_NOT_HELD",
            vec![("scopes", json!(["agents:read", "admin:orgs"]))],
        ),
        ("no scope", "VALIDATION_ERROR", vec![("scopes", json!([]))]),
        ("scope that is none", "VALIDATION_ERROR", vec![("scopes", json!(["agents read"]))]),
        ("scope as text", "VALIDATION_ERROR", vec![("scopes", json!("agents:read"))]),
        ("to itself", "SELF_DELEGATION", vec![("delegateeId", json!(b.id))]),
        ("back to the subject", "CHAIN_CYCLE", vec![("delegateeId", json!(a.id))]),
        (
            "to nobody",
            "AGENT_NOT_FOUND",
            vec![("delegateeId", json!("0198c5a4-0000-7000-8000-00000000dead"))],
        ),
        ("to an id in other letters", "VALIDATION_ERROR", vec![("delegateeId", json!(a.id.to_uppercase()))]),
        ("too short", "VALIDATION_ERROR", vec![("ttlSeconds", json!(59))]),
        ("too long", "VALIDATION_ERROR", vec![("ttlSeconds", json!(86_401))]),
        ("a negative time", "VALIDATION_ERROR", vec![("ttlSeconds", json!(-1))]),
        ("a time as text", "VALIDATION_ERROR", vec![("ttlSeconds", json!("600"))]),
        ("in another's name", "VALIDATION_ERROR", vec![("delegatorId", json!(a.id))]),
        ("in another organization", "VALIDATION_ERROR", vec![("organizationId", json!(a.id))]),
        (
            "a resource with a fragment",
            "VALIDATION_ERROR",
            vec![("resource", json!("https://api.example.com/#x"))],
        ),
    ] {
        table.add(attack, expected, &scene.delegate(&scene.to_b, &changes).await, &good);
    }
    let other = scene.instance.platform().await.create_organization("free").await;
    let [theirs] = agents::<1>(&other).await;
    let answer = scene.delegate(&scene.to_b, &[("delegateeId", json!(theirs.id))]).await;
    table.add("to an agent of another organization", "AGENT_NOT_FOUND", &answer, &good);
    let of_theirs = theirs.token(&other.api).await;
    let (answer, twin) = (scene.delegate(&of_theirs, &[]).await, scene.delegate(&scene.root, &[]).await);
    table.add("by an agent of another organization", "AGENT_NOT_FOUND", &answer, &twin);
    let form = [("grant_type", GRANT), ("subject_token", &*scene.to_b), ("subject_token_type", ACCESS_TOKEN)];
    let answer = api.with_basic(&theirs.id, &theirs.secret).form("/oauth2/token", &form).await;
    table.add("exchanged in another organization", "invalid_request", &answer, &scene.by_b(&[]).await);
    let (answer, twin) = (scene.verify(&other.api, &scene.to_b).await, scene.verify(&api, &scene.to_b).await);
    table.add("verified by another organization", "not valid", &answer, &twin);

    // Depth: five hops, and not a sixth, whichever way it is asked for.
    let mut last = scene.to_b.clone();
    for (agent, hop) in scene.agents[2..6].iter().zip(2..) {
        let answer = scene.delegate(&last, &[("delegateeId", json!(agent.id))]).await.expect(201);
        last = answer.text("delegationToken");
        assert_eq!(claims(&last)["delegation_chain"].as_array().unwrap().len(), hop);
    }
    let sixth = [("delegateeId", json!(scene.agents[6].id))];
    table.add(
        "a sixth hop",
        "CHAIN_TOO_LONG",
        &scene.delegate(&last, &sixth).await,
        &scene.delegate(&scene.to_b, &sixth).await,
    );
    let answer = scene.exchange(&scene.agents[5], &[("subject_token", &last)]).await;
    table.add("a sixth hop by exchange", "invalid_request", &answer, &scene.by_b(&[]).await);

    // What was taken back, and what has ended.
    let path = format!("/oauth2/token/delegate/{}", id_of(&scene.to_b));
    let answer = api.with_token(&scene.to_b).delete(&path).await;
    assert_eq!(answer.expect(403).code(), "NOT_DELEGATOR");
    let again = delegate(&api, &scene.root, b, &["agents:read"]).await;
    api.with_token(&scene.root).delete(&path).await.expect(204);
    let (answer, twin) = (scene.delegate(&scene.to_b, &[]).await, scene.delegate(&again, &[]).await);
    table.add("passing on what was taken back", "INVALID_TOKEN", &answer, &twin);
    let twin = scene.by_b(&[("subject_token", &again)]).await;
    table.add("exchanging what was taken back", "invalid_request", &scene.by_b(&[]).await, &twin);
    let twin = scene.verify(&api, &again).await;
    table.add("verifying what was taken back", "not valid", &scene.verify(&api, &scene.to_b).await, &twin);
    table.add("verifying what comes from it", "not valid", &scene.verify(&api, &last).await, &twin);
    let [sleeper] = agents::<1>(&scene.tenant).await;
    let to_sleeper = [("delegateeId", json!(sleeper.id))];
    let twin = scene.delegate(&again, &to_sleeper).await;
    api.patch(&sleeper.path(), &json!({"status": "suspended"})).await.expect(200);
    table.add("to a suspended agent", "AGENT_NOT_ACTIVE", &scene.delegate(&again, &to_sleeper).await, &twin);
    let twin = scene.by_b(&[("subject_token", &again)]).await;
    scene.instance.advance(Duration::seconds(605));
    let answer = scene.by_b(&[("subject_token", &again)]).await;
    table.add("exchanging what ended, within the clocks' difference", "invalid_request", &answer, &twin);
    let answer = scene.delegate(&again, &[]).await;
    table.add(
        "passing on what ended, within the clocks' difference",
        "TOKEN_EXPIRED",
        &answer,
        &scene.delegate(&scene.root, &[]).await,
    );
    table.0.finish(25);
}
