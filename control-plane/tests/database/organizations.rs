//! What many registrations at once come to: limits, names that are taken, owners that leave.

use std::collections::BTreeMap;

use agentidp::access::{Permit, Role};
use agentidp::organizations::add_member;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Instance, new_agent, unique};

fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for answer in answers {
        *statuses.entry(answer.status).or_default() += 1;
    }
    statuses
}

/// On two processes with enough connections to be in each other's way.
async fn busy() -> (Instance, agentidp::app::App) {
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "8")).await;
    let other = instance.another_process().await;
    (instance, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_30_registrations_at_once_the_free_tier_takes_exactly_ten_agents() {
    let (instance, other) = busy().await;
    let free = instance.platform().await.create_organization("free").await;
    let elsewhere = free.api.at(&other);
    let answers = join_all((0..30).map(|number| {
        let api = if number % 2 == 0 { free.api.clone() } else { elsewhere.clone() };
        tokio::spawn(async move { api.post("/api/v1/agents", &new_agent()).await })
    }));
    let answers: Vec<_> = answers.await.into_iter().map(Result::unwrap).collect();
    // The administrator is the first of the ten.
    assert_eq!(statuses(&answers), BTreeMap::from([(201, 9), (403, 21)]));
    for refused in answers.iter().filter(|answer| answer.status == 403) {
        assert_eq!(refused.code(), "TIER_LIMIT");
    }
    let living = format!("select count(*) from agents where organization_id = '{}'", free.organization_id);
    assert_eq!(instance.number(&living).await, 10);
}

#[tokio::test]
async fn a_decommissioned_agent_makes_room_for_another() {
    let instance = Instance::start().await;
    let free = instance.platform().await.create_organization("free").await;
    let mut last = free.create_agent(&[]).await;
    for _ in 0..8 {
        last = free.create_agent(&[]).await;
    }
    free.api.post("/api/v1/agents", &new_agent()).await.expect(403);
    free.api.patch(&last.path(), &json!({"status": "suspended"})).await.expect(200);
    free.api.post("/api/v1/agents", &new_agent()).await.expect(403);
    free.api.delete(&last.path()).await.expect(204);
    free.api.post("/api/v1/agents", &new_agent()).await.expect(201);
    free.api.post("/api/v1/agents", &new_agent()).await.expect(403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_20_organizations_with_one_slug_exactly_one_is_created_and_the_others_leave_nothing() {
    let (instance, other) = busy().await;
    let platform = instance.platform().await;
    let elsewhere = platform.api.at(&other);
    let slug = format!("race-{}", unique());
    let answers = join_all((0..20).map(|number| {
        let api = if number % 2 == 0 { platform.api.clone() } else { elsewhere.clone() };
        let body = json!({"name": "x", "slug": slug, "admin": {"email": "a@x.example", "owner": "x"}});
        tokio::spawn(async move { api.post("/api/v1/organizations", &body).await })
    }));
    let answers: Vec<_> = answers.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(statuses(&answers), BTreeMap::from([(201, 1), (409, 19)]));
    for (table, rows) in
        [("organizations", 2), ("agents", 2), ("organization_members", 2), ("agent_did_keys", 2)]
    {
        assert_eq!(instance.number(&format!("select count(*) from {table}")).await, rows, "{table}");
    }
    assert_eq!(platform.events("org.created").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_20_registrations_of_one_address_exactly_one_succeeds() {
    let (instance, other) = busy().await;
    let tenant = instance.tenant().await;
    let elsewhere = tenant.api.at(&other);
    let address = format!("one-{}@tests.example", unique());
    let answers = join_all((0..20).map(|number| {
        let api = if number % 2 == 0 { tenant.api.clone() } else { elsewhere.clone() };
        let mut body = new_agent();
        body["email"] = json!(if number % 3 == 0 { address.to_uppercase() } else { address.clone() });
        tokio::spawn(async move { api.post("/api/v1/agents", &body).await })
    }));
    let answers: Vec<_> = answers.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(statuses(&answers), BTreeMap::from([(201, 1), (409, 19)]));
    assert_eq!(tenant.events("agent.created").await.len(), 2, "the administrator and one more");
}

#[tokio::test]
async fn an_address_is_free_again_once_its_agent_is_decommissioned() {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&[]).await;
    let mut body = new_agent();
    body["email"] = json!(agent.email);
    assert_eq!(tenant.api.post("/api/v1/agents", &body).await.expect(409).code(), "EMAIL_TAKEN");
    tenant.api.patch(&agent.path(), &json!({"status": "suspended"})).await.expect(200);
    tenant.api.post("/api/v1/agents", &body).await.expect(409);
    tenant.api.delete(&agent.path()).await.expect(204);
    let successor = tenant.api.post("/api/v1/agents", &body).await.expect(201).text("agentId");
    assert_ne!(successor, agent.id);
    tenant.api.post("/api/v1/agents", &body).await.expect(409);
    // What was the first one's is not the second one's.
    tenant.api.token(&successor, &agent.secret).await.expect(401);
    agent.ask_token(&tenant.api).await.expect(401);
}

#[tokio::test]
async fn of_two_owners_that_leave_at_once_one_stays() {
    for leave in ["suspend", "decommission"] {
        let (instance, other) = busy().await;
        let tenant = instance.tenant().await;
        let second = tenant.create_agent(&["agents:write", "agents:read", "admin:orgs"]).await;
        let organization = tenant.uuid().into();
        let mut tx = instance.app.db.tenant(organization).await.unwrap();
        add_member(
            &mut tx,
            &instance.app,
            organization,
            Permit::of_instance(second.uuid().into()),
            Role::Owner,
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let (one, two) = (tenant.admin.path(), second.path());
        let api = second.log_in(&tenant.api.at(&other)).await;
        let suspended = json!({"status": "suspended"});
        let (one, two) = if leave == "suspend" {
            tokio::join!(tenant.api.patch(&one, &suspended), api.patch(&two, &suspended))
        } else {
            tokio::join!(tenant.api.delete(&one), api.delete(&two))
        };
        let refused: Vec<_> = [&one, &two].into_iter().filter(|answer| answer.status == 409).collect();
        assert_eq!(refused.len(), 1, "{leave}: {one:?} {two:?}");
        assert_eq!(refused[0].code(), "LAST_OWNER");
        let owners = format!(
            "select count(*) from organization_members members join agents on agents.id = members.agent_id
             where members.organization_id = '{}' and role = 'owner' and agents.status = 'active'",
            tenant.organization_id
        );
        assert_eq!(instance.number(&owners).await, 1, "{leave}");
    }
}
