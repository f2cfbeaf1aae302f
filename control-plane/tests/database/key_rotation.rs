//! The life of a signing key, by the clock and by what the edges say.

use agentidp::app::{App, job_kinds};
use agentidp::infra::jobs::{self, NewJob};
use agentidp::keys::{self, ChangedBy, KeyStatus, RotateError};
use agentidp_shared::jwk::{Algorithm, MAX_KEYS};
use time::Duration;

use crate::support::{Instance, Settings, TOKEN_TTL};

const MOMENT: Duration = Duration::microseconds(1);
/// What a new key waits for at least, and at most for edges that are silent.
const SHORTEST_WAIT: Duration = Duration::seconds(6);
const LONGEST_WAIT: Duration = Duration::seconds(30);
/// How long a retired key outlives the last token it signed.
const MARGIN: Duration = Duration::minutes(5);

/// The status of each key that is not removed, oldest first.
async fn statuses(app: &App) -> Vec<KeyStatus> {
    keys::list(app).await.unwrap().into_iter().map(|key| key.status).collect()
}

fn signing_kid(app: &App) -> String {
    app.signers.current().active.as_ref().unwrap().kid().to_owned()
}

fn published(app: &App) -> usize {
    app.signers.current().jwks.keys.len()
}

/// An instance with a system organization and a second key, which is numbered in the feed.
async fn rotated() -> (Instance, String) {
    let instance = Instance::start().await;
    instance.platform().await;
    instance.sequence().await;
    let next = rotate(&instance).await;
    (instance, next)
}

/// Publishes a new key, a moment younger than those before it.
async fn rotate(instance: &Instance) -> String {
    instance.advance(MOMENT);
    let next =
        keys::rotate(&instance.app, Some(instance.app.config.signing_algorithm), ChangedBy::CommandLine)
            .await
            .unwrap();
    instance.sequence().await;
    next.kid
}

async fn advance(instance: &Instance, by: Duration) -> Vec<KeyStatus> {
    instance.advance(by);
    keys::advance(&instance.app).await.unwrap();
    statuses(&instance.app).await
}

use KeyStatus::{Active, Next, Retiring};

#[tokio::test]
async fn the_first_key_signs_at_once() {
    let instance = Instance::start().await;
    assert_eq!(statuses(&instance.app).await, [Active]);
    assert_eq!(published(&instance.app), 1);
}

#[tokio::test]
async fn a_new_key_is_published_first_and_signs_after_the_shortest_wait() {
    let (instance, next) = rotated().await;
    assert_eq!(advance(&instance, SHORTEST_WAIT - MOMENT).await, [Active, Next]);
    assert_eq!(published(&instance.app), 2);
    assert_ne!(signing_kid(&instance.app), next);
    assert_eq!(advance(&instance, MOMENT).await, [Retiring, Active]);
    assert_eq!(signing_kid(&instance.app), next);
}

#[tokio::test]
async fn a_key_that_is_not_numbered_in_the_feed_is_held_by_no_edge() {
    let instance = Instance::start().await;
    instance.platform().await;
    instance.advance(MOMENT);
    keys::rotate(&instance.app, Some(Algorithm::ES256), ChangedBy::CommandLine).await.unwrap();
    assert_eq!(advance(&instance, LONGEST_WAIT - MOMENT).await, [Active, Next]);
    instance.sequence().await;
    assert_eq!(advance(&instance, Duration::ZERO).await, [Retiring, Active]);
}

#[tokio::test]
async fn a_new_key_signs_once_every_edge_has_acknowledged_it() {
    let instance = Instance::start().await;
    instance.platform().await;
    instance.sequence().await;
    let (osaka, tokyo) = (instance.edge("osaka"), instance.edge("tokyo"));
    for edge in [&osaka, &tokyo] {
        edge.acknowledge(instance.app.feed.head()).await;
    }
    rotate(&instance).await;
    assert_eq!(advance(&instance, SHORTEST_WAIT).await, [Active, Next]);
    osaka.acknowledge(instance.app.feed.head()).await;
    assert_eq!(advance(&instance, Duration::seconds(1)).await, [Active, Next], "one of two is not all");
    tokyo.acknowledge(instance.app.feed.head()).await;
    assert_eq!(advance(&instance, Duration::ZERO).await, [Retiring, Active]);
}

#[tokio::test]
async fn an_edge_that_is_silent_holds_a_key_back_for_a_bounded_time_only() {
    let instance = Instance::start().await;
    instance.platform().await;
    instance.sequence().await;
    instance.edge("osaka").acknowledge(instance.app.feed.head()).await;
    rotate(&instance).await;
    assert_eq!(advance(&instance, LONGEST_WAIT - MOMENT).await, [Active, Next]);
    assert_eq!(advance(&instance, MOMENT).await, [Retiring, Active]);
}

#[tokio::test]
async fn an_edge_that_was_not_heard_of_for_long_does_not_count() {
    let instance = Instance::start().await;
    instance.platform().await;
    instance.sequence().await;
    instance.edge("osaka").acknowledge(instance.app.feed.head()).await;
    instance.advance(Duration::minutes(2) - SHORTEST_WAIT + MOMENT);
    rotate(&instance).await;
    assert_eq!(advance(&instance, SHORTEST_WAIT).await, [Retiring, Active]);
}

#[tokio::test]
async fn each_node_of_an_edge_counts() {
    let instance = Instance::start().await;
    instance.platform().await;
    instance.sequence().await;
    let before = instance.app.feed.head();
    rotate(&instance).await;
    let mut edge = instance.edge("osaka");
    edge.acknowledge(instance.app.feed.head()).await;
    edge.api = edge.api.with("x-edge-node", "weur");
    edge.acknowledge(before).await;
    assert_eq!(advance(&instance, SHORTEST_WAIT).await, [Active, Next]);
    edge.acknowledge(instance.app.feed.head()).await;
    assert_eq!(advance(&instance, Duration::ZERO).await, [Retiring, Active]);
}

#[tokio::test]
async fn a_retired_key_goes_when_its_last_token_has_expired_and_a_margin_has_passed() {
    let (instance, _) = rotated().await;
    let retired = signing_kid(&instance.app);
    advance(&instance, SHORTEST_WAIT).await;
    let last_token = Duration::seconds(TOKEN_TTL);
    assert_eq!(advance(&instance, last_token + MARGIN).await, [Retiring, Active]);
    assert_eq!(published(&instance.app), 2);
    assert_eq!(advance(&instance, MOMENT).await, [Active]);
    assert_eq!(published(&instance.app), 1);
    instance.sequence().await;
    let state = instance.edge("osaka").begin().await;
    assert!(state.keys.find(&retired).is_none() && state.keys.find(&signing_kid(&instance.app)).is_some());
    let overwritten = format!(
        "select count(*) from signing_keys where kid = '{retired}' and status = 'removed' and private_key_ciphertext = ''"
    );
    assert_eq!(instance.number(&overwritten).await, 1);
}

#[tokio::test]
async fn a_key_outlives_the_longest_tokens_it_signed_also_when_the_setting_was_lowered_since() {
    let instance =
        Instance::start_with(|settings| settings.with("AGENTIDP_TOKEN_TTL_SECONDS", "86400")).await;
    instance.platform().await;
    let lowered = Settings::with(instance.settings.clone(), "AGENTIDP_TOKEN_TTL_SECONDS", "60");
    let app = lowered.start(&instance.clock).await.unwrap();
    instance.advance(MOMENT);
    keys::rotate(&app, Some(Algorithm::ES256), ChangedBy::CommandLine).await.unwrap();
    instance.sequence().await;
    let advance = async |by: Duration| {
        instance.advance(by);
        keys::advance(&app).await.unwrap();
        statuses(&app).await
    };
    assert_eq!(advance(SHORTEST_WAIT).await, [Retiring, Active]);
    assert_eq!(advance(Duration::days(1) + MARGIN).await, [Retiring, Active]);
    assert_eq!(advance(MOMENT).await, [Active]);
}

#[tokio::test]
async fn tokens_signed_before_a_rotation_verify_until_they_expire() {
    let (instance, _) = rotated().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let before = agent.token(&tenant.api).await;
    advance(&instance, SHORTEST_WAIT).await;
    let after = agent.token(&tenant.api).await;
    instance.sequence().await;
    let edge = instance.edge("osaka");
    for token in [&before, &after] {
        tenant.api.with_token(token).get(&agent.path()).await.expect(200);
        assert!(edge.accepts(&edge.begin().await, token));
    }
    advance(&instance, Duration::seconds(TOKEN_TTL - 7)).await;
    tenant.api.with_token(&before).get(&agent.path()).await.expect(200);
    assert!(edge.accepts(&edge.begin().await, &before));
}

#[tokio::test]
async fn a_change_of_algorithm_waits_for_the_edges_and_tokens_of_every_algorithm_stay_good() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let mut tokens = vec![agent.token(&tenant.api).await];
    for (name, algorithm) in [("EdDSA", Algorithm::EdDSA), ("RS256", Algorithm::RS256)] {
        let settings = instance.settings.clone().with("AGENTIDP_SIGNING_ALGORITHM", name);
        let app = settings.start(&instance.clock).await.unwrap();
        assert_ne!(app.signers.current().active.as_ref().unwrap().algorithm(), algorithm, "published first");
        instance.sequence().await;
        instance.advance(SHORTEST_WAIT);
        keys::advance(&app).await.unwrap();
        assert_eq!(app.signers.current().active.as_ref().unwrap().algorithm(), algorithm);
        let api = tenant.api.at(&app);
        tokens.push(agent.token(&api).await);
        for token in &tokens {
            api.with_token(token).get(&agent.path()).await.expect(200);
        }
    }
    assert_eq!(statuses(&instance.app).await, [Retiring, Retiring, Active]);
    instance.sequence().await;
    let edge = instance.edge("osaka");
    let state = edge.begin().await;
    assert!(tokens.iter().all(|token| edge.accepts(&state, token)));
    keys::advance(&instance.app).await.unwrap();
    assert_eq!(published(&instance.app), 3, "the process that was there before knows them too");
}

#[tokio::test]
async fn one_rotation_at_a_time_and_each_is_in_the_log_of_the_system_organization() {
    let (instance, next) = rotated().await;
    let refused =
        keys::rotate(&instance.app, Some(Algorithm::ES256), ChangedBy::CommandLine).await.unwrap_err();
    assert!(matches!(&refused, RotateError::NextKeyWaiting { kid } if *kid == next), "{refused}");
    let events = instance.platform().await.events("key.rotated").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["metadata"]["kid"], next);
}

#[tokio::test]
async fn without_a_system_organization_nothing_is_rotated() {
    let instance = Instance::start().await;
    let refused =
        keys::rotate(&instance.app, Some(Algorithm::ES256), ChangedBy::CommandLine).await.unwrap_err();
    assert!(matches!(refused, RotateError::NotBootstrapped), "{refused}");
    assert_eq!(statuses(&instance.app).await, [Active]);
}

#[tokio::test]
async fn no_more_keys_are_published_than_an_edge_takes() {
    let (instance, _) = rotated().await;
    while published(&instance.app) < MAX_KEYS {
        advance(&instance, SHORTEST_WAIT).await;
        rotate(&instance).await;
        advance(&instance, Duration::ZERO).await;
    }
    advance(&instance, SHORTEST_WAIT).await;
    let refused =
        keys::rotate(&instance.app, Some(Algorithm::ES256), ChangedBy::CommandLine).await.unwrap_err();
    assert!(matches!(refused, RotateError::TooMany(MAX_KEYS)), "{refused}");
    assert_eq!(instance.edge("osaka").begin().await.sequence(), instance.app.feed.head());
}

#[tokio::test]
async fn two_processes_agree_on_every_step() {
    let (instance, next) = rotated().await;
    let other = instance.another_process().await;
    let agree = async || {
        let (one, two) = tokio::join!(keys::advance(&instance.app), keys::advance(&other));
        one.and(two).unwrap();
        keys::advance(&instance.app).await.unwrap();
        keys::advance(&other).await.unwrap();
        assert_eq!(signing_kid(&instance.app), signing_kid(&other));
        assert_eq!(instance.app.signers.current().jwks, other.signers.current().jwks);
        statuses(&other).await
    };
    assert_eq!(agree().await, [Active, Next]);
    instance.advance(SHORTEST_WAIT);
    assert_eq!(agree().await, [Retiring, Active]);
    assert_eq!(signing_kid(&other), next);
    instance.advance(Duration::seconds(TOKEN_TTL) + MARGIN + MOMENT);
    assert_eq!(agree().await, [Active]);
}

#[tokio::test]
async fn a_process_that_has_not_looked_since_a_promotion_still_verifies_what_the_other_signs() {
    let (instance, next) = rotated().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let other = instance.another_process().await;
    advance(&instance, SHORTEST_WAIT).await;
    assert_eq!(signing_kid(&instance.app), next);
    assert_ne!(signing_kid(&other), next);
    let token = agent.token(&tenant.api).await;
    tenant.api.at(&other).with_token(&token).get(&agent.path()).await.expect(200);
}

#[tokio::test]
async fn a_hundred_rotations_refuse_no_token_that_is_alive() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let agent = platform.create_agent(&["agents:read"]).await;
    let edge = instance.edge("osaka");
    instance.sequence().await;
    let mut known = edge.begin().await;
    let mut tokens: Vec<(String, time::OffsetDateTime)> = Vec::new();
    let (mut verdicts, life) = (0, Duration::seconds(TOKEN_TTL));
    // As fast as a key's life allows: no more are published than an edge takes.
    let between = (life + MARGIN) / (i32::try_from(MAX_KEYS).unwrap() - 4);
    for _ in 0..100 {
        let before = signing_kid(&instance.app);
        rotate(&instance).await;
        edge.follow(&mut known).await;
        edge.acknowledge(known.sequence()).await;
        instance.advance(SHORTEST_WAIT);
        keys::advance(&instance.app).await.unwrap();
        assert_ne!(signing_kid(&instance.app), before);
        // By what the edge knew before the new key signed anything.
        tokens.push((agent.token(&platform.api).await, instance.now() + life));
        tokens.retain(|(_, expires_at)| *expires_at > instance.now());
        for (token, _) in &tokens {
            assert!(edge.accepts(&known, token), "{:?}", edge.judge(&known, token));
            verdicts += 1;
        }
        instance.advance(between - SHORTEST_WAIT);
        keys::advance(&instance.app).await.unwrap();
        instance.sequence().await;
        edge.follow(&mut known).await;
    }
    assert!(verdicts > 1_500, "{verdicts}");
}

#[tokio::test]
async fn a_key_is_replaced_when_it_has_signed_for_long_enough_and_not_before() {
    let instance = Instance::start_with(|settings| settings.with("AGENTIDP_KEY_ROTATION_DAYS", "30")).await;
    let platform = instance.platform().await;
    let first = signing_kid(&instance.app);
    let advance = async |instance: &Instance, by| {
        instance.advance(by);
        let mut tx = instance.app.db.system().await.unwrap();
        jobs::enqueue(&mut tx, &instance.app, NewJob::new(&keys::RotateOld {})).await.unwrap();
        tx.commit().await.unwrap();
        jobs::run_due(&instance.app, &job_kinds(&instance.app)).await.unwrap();
        advance(instance, Duration::ZERO).await
    };
    assert_eq!(advance(&instance, Duration::days(30) - MOMENT).await, [Active]);
    assert_eq!(advance(&instance, MOMENT).await, [Active, Next]);
    assert_eq!(advance(&instance, MOMENT).await, [Active, Next], "one at a time");
    instance.sequence().await;
    assert_eq!(advance(&instance, SHORTEST_WAIT).await, [Retiring, Active]);
    assert_ne!(signing_kid(&instance.app), first);
    assert_eq!(advance(&instance, Duration::days(29)).await, [Active]);
    let platform = platform.again().await;
    let log = platform.api.get("/api/v1/audit?action=key.rotated").await.expect(200).json();
    assert_eq!((&log["total"], &log["data"][0]["metadata"]["scheduled"]), (&1.into(), &true.into()));
}
