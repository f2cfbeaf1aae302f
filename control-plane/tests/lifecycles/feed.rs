//! The feed: numbered after commit, complete, and the same for whoever follows it and whoever begins anew.

use agentidp::edge_feed::{self, sequence_committed};
use agentidp::housekeeping;
use agentidp_shared::feed::{self, Change};
use agentidp_shared::hashing::SeededHasher;
use agentidp_shared::ids::TokenId;
use agentidp_shared::jwk::KeySet;
use agentidp_shared::state::State;
use futures_util::future::join_all;
use serde_json::json;
use time::Duration;
use uuid::Uuid;

use crate::support::{START, World};

fn revocation(number: u128) -> Change {
    Change::TokenRevoked { jti: TokenId::new(Uuid::from_u128(number)), expires_at: START + 3_600 }
}

async fn batch(world: &World, path: &str) -> feed::Batch {
    let pinned = edge_feed::public_keys(&world.app.config.feed_key_pkcs8).unwrap();
    let text = world.feed(path, None).await.expect(200).text;
    feed::open(&text, &KeySet::from_jwks(&pinned).unwrap()).unwrap()
}

fn now_ms(world: &World) -> u64 {
    u64::try_from(world.app.now().unix_timestamp_nanos() / 1_000_000).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sequencers_and_two_hundred_writers_leave_no_gap_and_lose_nothing() {
    let world = World::new().await;
    let other = world.another(&[]).await.unwrap();
    while sequence_committed(&world.app).await.unwrap() > 0 {}
    let before = world.app.feed.head();
    let writers = (0..200_u128).map(|number| {
        let app = if number % 2 == 0 { world.app.clone() } else { other.clone() };
        async move {
            let mut tx = app.db.system().await.unwrap();
            edge_feed::append(&mut tx, &revocation(number)).await.unwrap();
            if number % 10 == 3 {
                return;
            }
            tx.commit().await.unwrap();
        }
    });
    let sequencers = [&world.app, &other].map(|app| async move {
        for _ in 0..50 {
            sequence_committed(app).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    futures_util::future::join(join_all(writers), join_all(sequencers)).await;
    while sequence_committed(&world.app).await.unwrap() > 0 {}
    let sequences: Vec<i64> =
        sqlx::query_scalar("select sequence from edge_feed where sequence > $1 order by sequence")
            .bind(i64::try_from(before).unwrap())
            .fetch_all(&mut world.database.superuser().await)
            .await
            .unwrap();
    let first = i64::try_from(before).unwrap() + 1;
    assert_eq!(sequences, (first..first + 180).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_change_is_in_the_feed_only_after_its_transaction_committed() {
    let world = World::new().await;
    while sequence_committed(&world.app).await.unwrap() > 0 {}
    let head = world.app.feed.head();
    let mut tx = world.app.db.system().await.unwrap();
    edge_feed::append(&mut tx, &revocation(1)).await.unwrap();
    assert_eq!(sequence_committed(&world.app).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(sequence_committed(&world.app).await.unwrap(), 1);
    assert_eq!(world.app.feed.head(), head + 1);
}

#[tokio::test]
async fn following_step_by_step_and_beginning_anew_lead_to_the_same_knowledge() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    sequence_committed(&world.app).await.unwrap();
    let hasher = SeededHasher::new([7; 16]);
    let mut follower =
        State::from_snapshot(batch(&world, "/edge/v1/snapshot").await, now_ms(&world), hasher).unwrap();
    let mut agents = vec![];
    for number in 0..6 {
        let (agent, credential) = world.agent(&admin, &["agents:read"]).await;
        let (token, path) = (world.token(&admin).await, format!("/api/v1/agents/{}", agent.id));
        match number % 3 {
            0 => {
                let status = json!({"status": "suspended"});
                world.json("PATCH", &path, &token, &status, None).await.expect(200);
            }
            1 => {
                world
                    .delete(&format!("{path}/credentials/{credential}?revokeTokens=true"), &token)
                    .await
                    .expect(204);
            }
            _ => {
                world.delete(&path, &token).await.expect(204);
            }
        }
        agents.push(agent.id.parse().unwrap());
        world.pass(Duration::seconds(1));
        sequence_committed(&world.app).await.unwrap();
        let path = format!("/edge/v1/changes?after={}", follower.sequence());
        follower.apply(batch(&world, &path).await, now_ms(&world)).unwrap();
    }
    let anew =
        State::from_snapshot(batch(&world, "/edge/v1/snapshot").await, now_ms(&world), hasher).unwrap();
    assert_eq!((follower.sequence(), follower.exceptions.len()), (anew.sequence(), anew.exceptions.len()));
    for agent in agents {
        assert_eq!(follower.exceptions.agent(agent), anew.exceptions.agent(agent));
        assert!(anew.exceptions.agent(agent).is_some());
    }
    assert_eq!(follower.keys.to_jwks(), anew.keys.to_jwks());
}

#[tokio::test]
async fn housekeeping_forgets_what_expired_but_never_the_head() {
    let world = World::new().await;
    let mut tx = world.app.db.system().await.unwrap();
    for number in 0..10 {
        edge_feed::append(&mut tx, &revocation(number)).await.unwrap();
    }
    tx.commit().await.unwrap();
    sequence_committed(&world.app).await.unwrap();
    let head = world.app.feed.head();
    let revocations = async || {
        let batch = batch(&world, "/edge/v1/snapshot").await;
        assert_eq!(batch.to, head);
        batch.changes.iter().filter(|change| matches!(change, Change::TokenRevoked { .. })).count()
    };
    world.pass(Duration::seconds(3_600 + 10));
    assert_eq!(revocations().await, 10, "an expired token may still be taken within the leeway");
    world.pass(Duration::hours(3));
    assert_eq!(revocations().await, 0);
    housekeeping::run(&world.app).await.unwrap();
    assert_eq!(revocations().await, 0);
    let gone = world.feed("/edge/v1/changes?after=1&wait=0", None).await.expect(410);
    assert_eq!(gone.get("code"), "SEQUENCE_GONE");
    world.feed(&format!("/edge/v1/changes?after={head}&wait=0"), None).await.expect(200);
    world.feed(&format!("/edge/v1/changes?after={}&wait=0", head + 1), None).await.expect(410);
}

#[tokio::test]
async fn an_exception_outlives_the_longest_token_there_could_be() {
    let world = World::with(&[("AGENTIDP_TOKEN_TTL_SECONDS", "60")]).await;
    let admin = world.bootstrap().await;
    let (agent, _) = world.agent(&admin, &[]).await;
    let (token, path) = (world.token(&admin).await, format!("/api/v1/agents/{}", agent.id));
    world.json("PATCH", &path, &token, &json!({"status": "suspended"}), None).await.expect(200);
    sequence_committed(&world.app).await.unwrap();
    world.pass(Duration::hours(23));
    let state = State::from_snapshot(
        batch(&world, "/edge/v1/snapshot").await,
        now_ms(&world),
        SeededHasher::new([1; 16]),
    )
    .unwrap();
    assert!(state.exceptions.agent(agent.id.parse().unwrap()).is_some());
}
