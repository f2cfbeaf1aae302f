//! Organizations, their limits and their beginning.

use std::collections::BTreeMap;
use std::sync::Arc;

use agentidp::bootstrap;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Client, World, new_agent};

#[tokio::test(flavor = "multi_thread")]
async fn the_free_tier_has_ten_agents_however_many_are_registered_at_once() {
    let world = World::new().await;
    let platform = world.bootstrap().await;
    let (admin, _) = world.organization(&platform, "free").await;
    let token = world.token(&admin).await;
    let bodies: Vec<_> = (0..30).map(|_| new_agent(&[])).collect();
    let answers = join_all(bodies.iter().map(|body| world.post("/api/v1/agents", &token, body))).await;
    let mut counts = BTreeMap::new();
    for answer in &answers {
        *counts.entry(answer.status).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([(201, 9), (403, 21)]), "the administrator is the tenth");
    let refused = answers.iter().find(|answer| answer.status == 403).unwrap();
    assert_eq!((refused.get("code").as_str(), &refused.body["details"]["limit"]), ("TIER_LIMIT", &json!(10)));
    // A decommissioned agent makes room, and its address is free again.
    let gone = answers.iter().find(|answer| answer.status == 201).unwrap();
    world.delete(&format!("/api/v1/agents/{}", gone.get("agentId")), &token).await.expect(204);
    let mut again = new_agent(&[]);
    again["email"] = gone.body["email"].clone();
    world.post("/api/v1/agents", &token, &again).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_organizations_with_one_slug_exactly_one_is_created() {
    let world = World::new().await;
    let platform = world.bootstrap().await;
    let token = world.token(&platform).await;
    let body = json!({"name": "One", "slug": "one-slug", "admin": {"email": "a@b.example", "owner": "x"}});
    let answers = join_all((0..16).map(|_| world.post("/api/v1/organizations", &token, &body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((refused.status, refused.get("code").as_str()), (409, "SLUG_TAKEN"));
    }
    let organizations = world.get("/api/v1/organizations", &token).await.expect(200);
    assert_eq!(organizations.body["total"], 2, "no half of a refused one is left: {}", organizations.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_bootstrap_at_once_make_one_administrator() {
    let world = World::new().await;
    let other = world.another(&[]).await.unwrap();
    let runs = (0..8).map(|number| {
        let app = if number % 2 == 0 { world.app.clone() } else { other.clone() };
        async move { bootstrap::run(&app, false).await.unwrap() }
    });
    let outcomes = join_all(runs).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.credential.is_some()).count(), 1);
    assert!(outcomes.iter().all(|outcome| outcome.agent_id == outcomes[0].agent_id));
    let renewed = bootstrap::run(&world.app, true).await.unwrap();
    assert_eq!(renewed.agent_id, outcomes[0].agent_id);
    for outcome in outcomes.iter().chain([&renewed]) {
        if let Some((_, secret)) = &outcome.credential {
            let client = Client { id: outcome.agent_id.to_string(), secret: secret.expose().clone() };
            world.ask_token(&client).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_that_leave_at_once_one_stays() {
    let world = Arc::new(World::new().await);
    let platform = world.bootstrap().await;
    let (first, organization) = world.organization(&platform, "free").await;
    let (second, _) = world.agent(&first, &["agents:write"]).await;
    sqlx::query("insert into organization_members values ($1::uuid, $2::uuid, 'owner', now())")
        .bind(&organization)
        .bind(&second.id)
        .execute(&mut world.database.superuser().await)
        .await
        .unwrap();
    let tokens = [world.token(&first).await, world.token(&second).await];
    let leave = [&first, &second].into_iter().zip(&tokens).map(|(owner, token)| {
        let path = format!("/api/v1/agents/{}", owner.id);
        let world = Arc::clone(&world);
        async move { world.delete(&path, token).await }
    });
    let mut statuses: Vec<u16> = join_all(leave).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
}
