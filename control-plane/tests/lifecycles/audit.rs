//! The audit log: with its change or not at all, in one chain, within its window.

use std::sync::Arc;

use agentidp::audit::{self, Action, NewEvent, seal_committed};
use agentidp_shared::audit_chain::{Hash, SealedEvent, genesis, hash};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::Row as _;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::support::{World, run};

#[tokio::test(flavor = "multi_thread")]
async fn two_sealers_make_one_chain_without_a_gap() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let other = world.another(&[]).await.unwrap();
    let world = Arc::new(world);
    let issue = join_all((0..40).map(|_| world.token(&admin)));
    let seal = join_all([&world.app, &other].map(|app| async move {
        for _ in 0..30 {
            seal_committed(app).await.unwrap();
            tokio::task::yield_now().await;
        }
    }));
    futures_util::future::join(issue, seal).await;
    while seal_committed(&world.app).await.unwrap() > 0 {}
    let rows = sqlx::query(
        "select sequence, hash, previous_hash, events.* from audit_events events join audit_seals using (event_id)
         order by sequence",
    )
    .fetch_all(&mut world.database.superuser().await)
    .await
    .unwrap();
    let all: i64 = sqlx::query_scalar("select count(*) from audit_events")
        .fetch_one(&mut world.database.superuser().await)
        .await
        .unwrap();
    assert!(all >= 42 && usize::try_from(all).unwrap() == rows.len());
    let mut previous: Hash = genesis(world.app.feed.instance());
    for (expected, row) in (1_i64..).zip(&rows) {
        assert_eq!(row.get::<i64, _>("sequence"), expected);
        assert_eq!(row.get::<Vec<u8>, _>("previous_hash"), previous);
        let at: OffsetDateTime = row.get("occurred_at");
        previous = hash(
            &previous,
            &SealedEvent {
                sequence: expected.unsigned_abs(),
                event_id: row.get::<Uuid, _>("event_id").into(),
                timestamp_us: i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap(),
                organization_id: row.get::<Uuid, _>("organization_id").into(),
                agent_id: row.get::<Option<Uuid>, _>("agent_id").map(Into::into),
                action: row.get("action"),
                outcome: row.get("outcome"),
                ip_address: row.get("ip_address"),
                user_agent: row.get("user_agent"),
                metadata: &row.get::<Value, _>("metadata"),
            },
        );
        assert_eq!(row.get::<Vec<u8>, _>("hash"), previous);
    }
}

#[tokio::test]
async fn a_change_whose_event_cannot_be_recorded_does_not_happen() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let (agent, credential) = world.agent(&admin, &["agents:read"]).await;
    let (token, own) = (world.token(&admin).await, world.token(&agent).await);
    let mut superuser = world.database.superuser().await;
    run(&mut superuser, "revoke insert on audit_unsealed from agentidp_app".into()).await;
    let agent_path = format!("/api/v1/agents/{}", agent.id);
    let credential_path = format!("{agent_path}/credentials/{credential}");
    let body = crate::support::new_agent(&[]);
    world.post("/api/v1/agents", &token, &body).await.expect(500);
    world.json("PATCH", &agent_path, &token, &json!({"status": "suspended"}), None).await.expect(500);
    world.post(&format!("{credential_path}/rotate"), &token, &json!({})).await.expect(500);
    world.delete(&credential_path, &token).await.expect(500);
    world.delete(&agent_path, &token).await.expect(500);
    world.form("/oauth2/revoke", &own, &format!("token={own}")).await.expect(500);
    world.ask_token(&agent).await.expect(500);
    run(&mut superuser, "grant insert on audit_unsealed to agentidp_app".into()).await;
    world.ask_token(&agent).await.expect(200);
    world.get(&agent_path, &own).await.expect(200);
    assert_eq!(world.get("/api/v1/agents", &token).await.expect(200).body["total"], 2);
}

#[tokio::test]
async fn the_free_tier_sees_ninety_days_and_the_others_everything() {
    let world = World::new().await;
    let platform = world.bootstrap().await;
    let (free, _) = world.organization(&platform, "free").await;
    let (paying, _) = world.organization(&platform, "pro").await;
    let began = world.app.now();
    world.pass(Duration::days(91));
    let at = |time: OffsetDateTime| time.format(&Rfc3339).unwrap();
    let path = format!("/api/v1/audit?fromDate={}", at(began));
    let (free_token, paying_token) = (world.token(&free).await, world.token(&paying).await);
    let refused = world.get(&path, &free_token).await.expect(400);
    assert_eq!(refused.get("code"), "RETENTION_WINDOW");
    // The old events are not counted either.
    assert_eq!(world.get("/api/v1/audit", &free_token).await.expect(200).body["total"], 1);
    assert!(world.get(&path, &paying_token).await.expect(200).body["total"].as_u64().unwrap() > 3);
    let inside = format!("/api/v1/audit?fromDate={}", at(began + Duration::days(2)));
    world.get(&inside, &free_token).await.expect(200);
}

#[tokio::test]
async fn a_cursor_goes_on_where_it_was_while_events_come_in() {
    let world = World::new().await;
    let admin = world.bootstrap().await;
    let token = world.token(&admin).await;
    for _ in 0..10 {
        world.pass(Duration::seconds(1));
        world.token(&admin).await;
    }
    let ids = |body: &Value| -> Vec<String> {
        body["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["eventId"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = ids(&world.get("/api/v1/audit?limit=100", &token).await.expect(200).body);
    let (mut seen, mut cursor) = (vec![], String::new());
    loop {
        let page = world.get(&format!("/api/v1/audit?limit=3{cursor}"), &token).await.expect(200).body;
        seen.extend(ids(&page));
        world.pass(Duration::seconds(1));
        world.token(&admin).await;
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, all);
    world.get("/api/v1/audit?cursor=AAAA", &token).await.expect(400);
    world.get(&format!("/api/v1/audit?page=1{cursor}"), &token).await.expect(400);
}

#[tokio::test]
async fn an_event_of_a_month_without_a_partition_is_kept_all_the_same() {
    let world = World::new().await;
    world.bootstrap().await;
    world.pass(Duration::days(5 * 366));
    let mut tx = world.app.db.system().await.unwrap();
    let organization: Uuid =
        sqlx::query_scalar("select id from organizations where is_system").fetch_one(&mut *tx).await.unwrap();
    let event = NewEvent::new(organization.into(), Action::KeyRotated);
    audit::record(&mut tx, &world.app, event).await.unwrap();
    tx.commit().await.unwrap();
    while seal_committed(&world.app).await.unwrap() > 0 {}
    let unsealed: i64 = sqlx::query_scalar("select count(*) from audit_unsealed")
        .fetch_one(&mut world.database.superuser().await)
        .await
        .unwrap();
    assert_eq!(unsealed, 0);
}
