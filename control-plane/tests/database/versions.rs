//! What a released version left and sends: its database is migrated and goes on, and its edges are understood.

use agentidp::audit;
use agentidp::edge_feed::{self, Charge};
use agentidp::infra::clock::unix_seconds;
use agentidp_shared::exceptions::{Revoked, ScopeLimit, Standing};
use agentidp_shared::feed::Change;
use agentidp_shared::ids::AgentId;
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::verify::{Refusal, Verdict};
use agentidp_shared::wire;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::support::{Api, Edge, Instance, unique};

pub const DUMP: &str = include_str!("../../../tests/versions/0.1.0/database.sql");
const RECORDED: &str = include_str!("../../../tests/versions/0.1.0/instance.json");
const USAGE: &str = include_str!("../../../tests/versions/0.1.0/usage.json");
const KEYSTORE_KEY: &str = include_str!("../../../tests/versions/0.1.0/keystore-key");
const FEED_KEY: &str = include_str!("../../../tests/versions/0.1.0/feed-key.pem");

fn recorded() -> Value {
    serde_json::from_str(RECORDED).unwrap()
}

/// Today's control plane over the database of 0.1.0, a second after that was dumped.
async fn upgraded() -> Instance {
    let recorded = recorded();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let taken_at = i128::from(recorded["takenAt"].as_u64().unwrap()) * 1_000_000;
    let now = OffsetDateTime::from_unix_timestamp_nanos(taken_at).unwrap() + Duration::seconds(1);
    let edge = format!("{}:{}", text(&recorded["edge"]["name"]), text(&recorded["edge"]["key"]));
    Instance::restore(DUMP, now, |settings| {
        settings
            .with("AGENTIDP_ENV", "development")
            .with("AGENTIDP_ISSUER", &text(&recorded["issuer"]))
            .with("AGENTIDP_KEYSTORE_KEY", KEYSTORE_KEY.trim())
            .with("AGENTIDP_FEED_KEY", FEED_KEY.trim())
            .with("AGENTIDP_EDGE_KEYS", &edge)
    })
    .await
}

async fn token(instance: &Instance, agent: &Value) -> u16 {
    let (id, secret) = (agent["id"].as_str().unwrap(), agent["secret"].as_str().unwrap());
    instance.api().token(id, secret).await.status
}

#[tokio::test]
async fn the_database_of_0_1_0_is_migrated_and_its_log_and_credentials_are_still_good() {
    let (instance, recorded) = (upgraded().await, recorded());
    instance.seal().await;
    let verified = audit::verify(&instance.app, None).await.unwrap();
    assert!(verified.broken.is_none() && verified.checked_count > 20, "{verified:?}");
    let folder = std::env::temp_dir().join(format!("agentidp-bundle-{}", unique()));
    let exported = audit::export(&instance.app, &folder, |_| ()).await.unwrap();
    assert_eq!(exported.events, exported.of);
    audit::fsck(&folder, None, &[], |_, _| ()).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();

    for (name, is_let_in) in [
        ("platform", true),
        ("alpha", true),
        ("beta", true),
        ("reader", true),
        ("adminWithoutRole", true),
        ("manager", true),
        ("suspended", false),
        ("gone", false),
        ("rotated", false),
        ("gamma", false),
    ] {
        assert_eq!(token(&instance, &recorded[name]).await == 200, is_let_in, "{name}");
    }
}

/// An edge of 0.1.0 as it asks: by its secret, announcing nothing.
fn first_version(instance: &Instance) -> Api {
    let edge = recorded()["edge"].clone();
    let text = |name: &str| edge[name].as_str().unwrap().to_owned();
    instance.api().with("x-edge-name", &text("name")).with_token(&text("key"))
}

#[tokio::test]
async fn the_feed_of_0_1_0_goes_on_with_the_next_number() {
    let (instance, recorded) = (upgraded().await, recorded());
    let held = recorded["feedSequence"].as_u64().unwrap();
    edge_feed::publish_configuration(&instance.app).await.unwrap();
    instance.sequence().await;
    let admin = recorded["alpha"].clone();
    let (id, secret) = (admin["id"].as_str().unwrap(), admin["secret"].as_str().unwrap());
    let token = instance.api().token(id, secret).await.expect(200).text("access_token");
    let agent = recorded["writer"]["id"].as_str().unwrap();
    let api = instance.api().with_token(&token);
    api.patch(&format!("/api/v1/agents/{agent}"), &serde_json::json!({"status": "suspended"}))
        .await
        .expect(200);
    instance.sequence().await;
    let edge = Edge::with(&instance.app, "dev", first_version(&instance));
    let batch = edge.changes(held).await;
    assert_eq!((batch.from, batch.to - batch.from), (held, u64::try_from(batch.changes.len()).unwrap()));
    assert!(batch.changes.iter().any(|change| change.key() == format!("agent/{agent}")));
}

#[tokio::test]
async fn usage_reports_of_0_1_0_are_counted_once_however_often_they_come() {
    let instance = upgraded().await;
    // As if they had not arrived before the dump was taken.
    instance.execute("delete from edge_usage_batches; delete from edge_usage").await;
    let reports: Value = serde_json::from_str(USAGE).unwrap();
    let mut counted = 0;
    for _ in 0..2 {
        for report in reports["reports"].as_array().unwrap() {
            let body = report["body"].as_str().unwrap().to_owned();
            let api = first_version(&instance).with("x-edge-version", "0.1.0");
            api.send("POST", "/edge/v1/usage", "application/jose", body).await.expect(204);
        }
        let now = instance.number("select sum(count)::bigint from edge_usage").await;
        assert!(now > 0 && (counted == 0 || counted == now), "{now} after {counted}");
        counted = now;
    }
}

/// Adds to the feed what only a later version of the control plane could.
async fn append_unknown(instance: &Instance, key: &str, subject: &str, ignorable: bool) {
    let statement = format!(
        "insert into edge_feed_pending (key, change, expires_at, subjects, ignorable)
         values ('{key}', '{{\"type\": \"fromTheFuture\"}}', now() + interval '10 years', '{{{subject}}}', {ignorable})"
    );
    instance.execute(&statement).await;
    instance.sequence().await;
}

#[tokio::test]
async fn each_edge_is_told_what_it_understands_and_every_number_once() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agents = [tenant.create_agent(&["agents:read"]).await, tenant.create_agent(&["agents:read"]).await];
    let tokens = [agents[0].token(&instance.api()).await, agents[1].token(&instance.api()).await];
    instance.sequence().await;
    let (new, old) = (instance.edge("tokyo"), Edge::of_first_version(&instance.app, "osaka"));
    let (mut of_new, mut of_old) = (new.begin().await, old.begin().await);

    append_unknown(&instance, "hint/1", "all", true).await;
    let (key, subject) = (format!("agent/{}", agents[0].id), format!("principal/{}", agents[0].id));
    append_unknown(&instance, &key, &subject, false).await;
    new.follow(&mut of_new).await;
    old.follow(&mut of_old).await;
    assert_eq!(of_new.sequence(), of_old.sequence());
    assert_eq!(new.judge(&of_new, &tokens[0]), Verdict::Refused(Refusal::Undecidable));
    assert_eq!(old.judge(&of_old, &tokens[0]), Verdict::Refused(Refusal::Revoked(Revoked::AgentSuspended)));
    for (edge, state) in [(&new, &of_new), (&old, &of_old)] {
        assert!(edge.accepts(state, &tokens[1]));
        // A snapshot tells the same.
        let anew = edge.begin().await;
        assert_eq!(edge.judge(&anew, &tokens[0]), edge.judge(state, &tokens[0]));
        assert!(edge.accepts(&anew, &tokens[1]));
    }

    // The next change of the agent ends the doubt, for both.
    tenant
        .api
        .patch(&format!("/api/v1/agents/{}", agents[0].id), &json!({"isPublic": true}))
        .await
        .expect(200);
    instance.sequence().await;
    for (edge, state) in [(&new, &mut of_new), (&old, &mut of_old)] {
        edge.follow(state).await;
        assert!(edge.accepts(state, &tokens[0]));
    }

    // What concerns everyone, or an agent under another key, cannot be told in version 1: such an edge must not go past it.
    append_unknown(&instance, "later/1", &subject, false).await;
    append_unknown(&instance, "later/2", "all", false).await;
    let refused = old.ask(of_old.sequence()).await.expect(503);
    assert_eq!(refused.json()["code"], "EDGE_TOO_OLD");
    new.follow(&mut of_new).await;
    assert!(!new.accepts(&of_new, &tokens[1]));
}

#[tokio::test]
async fn forgotten_doubt_attack_a_change_under_another_key_is_not_told_in_words_that_the_next_change_ends() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    instance.sequence().await;
    let old = Edge::of_first_version(&instance.app, "osaka");
    let state = old.begin().await;
    append_unknown(&instance, "later/1", &format!("principal/{}", agent.id), false).await;
    assert_eq!(old.ask(state.sequence()).await.expect(503).json()["code"], "EDGE_TOO_OLD");
    assert_eq!(old.api.get("/edge/v1/snapshot").await.expect(503).json()["code"], "EDGE_TOO_OLD");
}

#[tokio::test]
async fn a_limit_on_earlier_tokens_outlives_whatever_else_is_told_of_the_agent() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read", "tokens:read"]).await;
    let id: AgentId = agent.id.parse().unwrap();
    let wide = agent.token(&instance.api()).await;
    let narrow = instance
        .api()
        .form(
            "/oauth2/token",
            &[
                ("grant_type", "client_credentials"),
                ("client_id", &agent.id),
                ("client_secret", &agent.secret),
                ("scope", "agents:read"),
            ],
        )
        .await
        .expect(200)
        .text("access_token");
    let limit = ScopeLimit {
        scopes: ScopeSet::parse("agents:read").unwrap(),
        issued_until: unix_seconds(instance.now()),
    };
    let mut tx = instance.app.db.tenant(tenant.uuid().into()).await.unwrap();
    let stands = (Standing::Active, None);
    edge_feed::agent_limited(&mut tx, &instance.app, id, stands, Some(limit), Charge::Always).await.unwrap();
    tx.commit().await.unwrap();
    instance.sequence().await;
    let (new, old) = (instance.edge("tokyo"), Edge::of_first_version(&instance.app, "osaka"));
    let (mut of_new, of_old) = (new.begin().await, old.begin().await);
    let reduced = Verdict::Refused(Refusal::Revoked(Revoked::AgentScopes));
    assert_eq!(new.judge(&of_new, &wide), reduced);
    assert!(new.accepts(&of_new, &narrow));
    // Version 1 cannot tell the two apart.
    for token in [&wide, &narrow] {
        assert_eq!(old.judge(&of_old, token), Verdict::Refused(Refusal::Revoked(Revoked::AgentTokens)));
    }

    let mut tx = instance.app.db.system().await.unwrap();
    for _ in 0..2 {
        edge_feed::agent_changed(&mut tx, &instance.app, id, Standing::Active, None).await.unwrap();
    }
    tx.commit().await.unwrap();
    instance.sequence().await;
    new.follow(&mut of_new).await;
    let anew = new.begin().await;
    for state in [&of_new, &anew] {
        assert_eq!(new.judge(state, &wide), reduced);
        assert!(new.accepts(state, &narrow));
    }
    let limited = |change: &Change| matches!(change, Change::AgentLimited { .. });
    assert_eq!(new.changes(1).await.changes.iter().filter(|change| limited(change)).count(), 3);
}

mod attack {
    use super::*;

    #[tokio::test]
    async fn using_an_edges_secret_where_its_derived_key_belongs_and_the_other_way_round_attack() {
        let instance = Instance::start().await;
        instance.sequence().await;
        let secret = Edge::secret_of("tokyo");
        let keys = agentidp_shared::edge_keys::EdgeKeys::derive(&secret);
        let versions = wire::WireVersions::CURRENT.to_string();
        let plain = instance.api().with("x-edge-name", "tokyo");
        let announcing = plain.with(wire::HEADER, &versions);
        for (api, key, status) in [
            (&plain, &*secret, 200),
            (&announcing, keys.feed(), 200),
            (&announcing, &*secret, 401),
            (&plain, keys.feed(), 401),
            (&announcing, keys.usage(), 401),
            (&announcing, keys.metrics(), 401),
        ] {
            api.with_token(key).get("/edge/v1/snapshot").await.expect(status);
        }
        let unreadable = plain.with(wire::HEADER, "feed=x");
        unreadable.with_token(keys.feed()).get("/edge/v1/snapshot").await.expect(400);
        unreadable.with_token(&secret).get("/edge/v1/snapshot").await.expect(401);
    }
}
