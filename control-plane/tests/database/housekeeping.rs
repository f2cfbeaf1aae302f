//! Forgetting what no longer matters, in however many processes.

use agentidp::{edge_feed, housekeeping};
use futures_util::future::join_all;
use serde_json::json;
use time::Duration;

use crate::support::{Instance, TOKEN_TTL};

/// An instance where something has to be kept and something can go, of every kind.
async fn untidy() -> Instance {
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "8")).await;
    for _ in 0..2 {
        let tenant = instance.tenant().await;
        let agent = tenant.create_agent(&["agents:read"]).await;
        let token = agent.token(&tenant.api).await;
        tenant.api.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
        tenant.api.token(&agent.id, "wrong").await.expect(401);
        let keyed = tenant.api.with("idempotency-key", "a-key");
        keyed.post(&format!("{}/credentials", agent.path()), &json!({})).await.expect(201);
        for status in ["suspended", "active"] {
            tenant.api.patch(&agent.path(), &json!({"status": status})).await.expect(200);
        }
        instance.sequence().await;
        instance.advance(Duration::days(1) + Duration::hours(1));
    }
    // Back to where the first half is old and the second is not.
    instance.advance(-Duration::days(1) - Duration::hours(1));
    instance
}

async fn kept(instance: &Instance) -> Vec<i64> {
    let mut kept = vec![];
    for table in ["revoked_tokens", "login_throttle", "idempotency_keys", "edge_feed"] {
        kept.push(instance.number(&format!("select count(*) from {table}")).await);
    }
    kept
}

#[tokio::test]
async fn what_is_old_goes_and_what_is_not_stays() {
    let instance = untidy().await;
    let before = kept(&instance).await;
    housekeeping::run(&instance.app).await.unwrap();
    let after = kept(&instance).await;
    assert_eq!(after[..3], [1, 2, 1], "of a day ago nothing, of now everything: {before:?}");
    assert!(after[3] < before[3], "{before:?} {after:?}");
}

#[tokio::test]
async fn it_is_safe_twice_and_in_several_processes_at_once_while_changes_come_in() {
    let instance = untidy().await;
    let other = instance.another_process().await;
    instance.sequence().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let keep = join_all([&instance.app, &other, &instance.app, &other].map(housekeeping::run));
    let revoke = async {
        for _ in 0..10 {
            tenant.api.patch(&agent.path(), &json!({"revokeTokens": true})).await.expect(200);
            edge_feed::sequence_committed(&other).await.unwrap();
        }
    };
    let (kept_at_once, ()) = tokio::join!(keep, revoke);
    assert!(kept_at_once.iter().all(Result::is_ok), "{kept_at_once:?}");
    instance.sequence().await;
    let once = kept(&instance).await;
    housekeeping::run(&other).await.unwrap();
    assert_eq!(kept(&instance).await, once);
    assert_eq!(instance.number("select count(*) from edge_feed_pending").await, 0);
    let doubled = "select count(*) - count(distinct sequence) from edge_feed";
    assert_eq!(instance.number(doubled).await, 0);
}

#[tokio::test]
async fn a_revocation_that_still_matters_is_never_forgotten() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let token = agent.token(&tenant.api).await;
    tenant.api.form("/oauth2/revoke", &[("token", &token)]).await.expect(200);
    let (edge, reader) = (instance.edge("osaka"), tenant.api.with_token(&token));
    for _ in 0..(TOKEN_TTL / 300 + 2) {
        instance.sequence().await;
        housekeeping::run(&instance.app).await.unwrap();
        reader.get(&agent.path()).await.expect(401);
        assert!(!edge.accepts(&edge.begin().await, &token));
        instance.advance(Duration::minutes(5));
    }
}
