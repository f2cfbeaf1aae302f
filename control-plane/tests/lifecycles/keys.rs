//! Signing keys rotate unnoticed.

use agentidp::edge_feed::sequence_committed;
use agentidp::keys::{self, KeyStatus, RotateError};
use agentidp_shared::jwk::Algorithm;
use time::Duration;

use crate::support::World;

async fn statuses(world: &World) -> Vec<(String, KeyStatus)> {
    keys::list(&world.app).await.unwrap().into_iter().map(|key| (key.kid, key.status)).collect()
}

fn signing_kid(world: &World) -> String {
    world.app.signers.current().active.as_ref().unwrap().kid().to_owned()
}

#[tokio::test]
async fn a_new_key_signs_once_every_edge_holds_it_and_the_old_one_stays_until_its_last_token_expired() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let old = signing_kid(&world);
    let before = world.token(&admin).await;
    sequence_committed(&world.app).await.unwrap();
    let known = world.app.feed.head();
    world.feed("/edge/v1/snapshot", Some(known)).await.expect(200);

    let next = keys::rotate(&world.app, Algorithm::ES256).await.unwrap().kid;
    let refused = keys::rotate(&world.app, Algorithm::ES256).await.unwrap_err();
    assert!(matches!(refused, RotateError::NextKeyWaiting { .. }), "{refused}");
    sequence_committed(&world.app).await.unwrap();
    world.pass(Duration::seconds(10));
    world.feed("/edge/v1/snapshot", Some(known)).await.expect(200);
    keys::advance(&world.app).await.unwrap();
    assert_eq!(signing_kid(&world), old, "an edge does not hold the new key yet");
    // Published already.
    let published = world.get("/.well-known/jwks.json", "").await.expect(200);
    assert!(published.text.contains(&next) && published.text.contains(&old));

    world.feed("/edge/v1/snapshot", Some(world.app.feed.head())).await.expect(200);
    keys::advance(&world.app).await.unwrap();
    assert_eq!(signing_kid(&world), next);
    let after = world.token(&admin).await;
    for token in [&before, &after] {
        world.get("/api/v1/agents", token).await.expect(200);
    }
    assert_eq!(
        statuses(&world).await,
        [(old.clone(), KeyStatus::Retiring), (next.clone(), KeyStatus::Active)]
    );

    world.pass(Duration::seconds(3_600 + 300 - 1));
    keys::advance(&world.app).await.unwrap();
    assert_eq!(statuses(&world).await.len(), 2);
    world.pass(Duration::seconds(2));
    keys::advance(&world.app).await.unwrap();
    assert_eq!(statuses(&world).await, [(next, KeyStatus::Active)]);
    let left: i32 =
        sqlx::query_scalar("select length(private_key_ciphertext) from signing_keys where kid = $1")
            .bind(&old)
            .fetch_one(&mut world.database.superuser().await)
            .await
            .unwrap();
    assert_eq!(left, 0, "the removed key's private part is still there");
}

#[tokio::test]
async fn an_edge_that_is_cut_off_holds_a_key_up_for_half_a_minute_and_no_longer() {
    let world = World::new().await;
    world.bootstrap().await;
    sequence_committed(&world.app).await.unwrap();
    world.feed("/edge/v1/snapshot", Some(1)).await.expect(200);
    let next = keys::rotate(&world.app, Algorithm::ES256).await.unwrap().kid;
    sequence_committed(&world.app).await.unwrap();
    world.pass(Duration::seconds(29));
    keys::advance(&world.app).await.unwrap();
    assert_ne!(signing_kid(&world), next);
    world.pass(Duration::seconds(1));
    keys::advance(&world.app).await.unwrap();
    assert_eq!(signing_kid(&world), next);
}

#[tokio::test]
async fn a_lowered_token_life_does_not_take_a_key_from_tokens_that_still_live() {
    let world = World::with(&[("AGENTIDP_TOKEN_TTL_SECONDS", "86400")]).await;
    let admin = world.bootstrap().await;
    let long_lived = world.token(&admin).await;
    let lowered = world.another(&[("AGENTIDP_TOKEN_TTL_SECONDS", "60")]).await.unwrap();
    keys::rotate(&lowered, Algorithm::ES256).await.unwrap();
    sequence_committed(&lowered).await.unwrap();
    world.pass(Duration::minutes(1));
    keys::advance(&lowered).await.unwrap();
    world.pass(Duration::hours(20));
    keys::advance(&lowered).await.unwrap();
    keys::advance(&world.app).await.unwrap();
    world.get("/api/v1/agents", &long_lived).await.expect(200);
    assert_eq!(statuses(&world).await.len(), 2);
}

#[tokio::test]
async fn another_process_signs_with_the_new_key_and_another_algorithm_takes_over() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let old = world.token(&admin).await;
    let other = world.another(&[("AGENTIDP_SIGNING_ALGORITHM", "EdDSA")]).await.unwrap();
    assert_eq!(other.signers.current().active.as_ref().unwrap().algorithm(), Algorithm::ES256, "not yet");
    sequence_committed(&other).await.unwrap();
    world.pass(Duration::seconds(31));
    keys::advance(&other).await.unwrap();
    keys::advance(&world.app).await.unwrap();
    for app in [&other, &world.app] {
        assert_eq!(app.signers.current().active.as_ref().unwrap().algorithm(), Algorithm::EdDSA);
    }
    let new = world.token(&admin).await;
    for token in [&old, &new] {
        world.get("/api/v1/agents", token).await.expect(200);
    }
}

#[tokio::test]
async fn key_flood_attack_no_more_keys_are_published_than_an_edge_takes() {
    let world = World::new().await;
    world.bootstrap().await;
    let mut refused = None;
    for _ in 0..40 {
        match keys::rotate(&world.app, Algorithm::EdDSA).await {
            Ok(_) => {}
            Err(RotateError::NextKeyWaiting { .. }) => {
                sequence_committed(&world.app).await.unwrap();
                world.pass(Duration::seconds(31));
                keys::advance(&world.app).await.unwrap();
            }
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
        keys::rotate(&world.app, Algorithm::ES256).await.ok();
    }
    let published = statuses(&world).await.len();
    assert!(published <= agentidp_shared::jwk::MAX_KEYS, "{published}");
    assert!(matches!(refused, Some(RotateError::TooMany(_))), "{refused:?} with {published}");
}
