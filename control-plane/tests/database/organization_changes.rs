//! Organizations as they change: names, tiers, suspension, the end; and who may say what in them.

use agentidp_shared::exceptions::Standing;
use agentidp_shared::tier::Tier;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Agent, Instance, Tenant};

fn path(tenant: &Tenant) -> String {
    format!("/api/v1/organizations/{}", tenant.organization_id)
}

fn members(tenant: &Tenant) -> String {
    format!("{}/members", path(tenant))
}

async fn scene() -> (Instance, Tenant, Tenant) {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let tenant = platform.create_organization("free").await;
    (instance, platform, tenant)
}

/// An agent with every scope its organization's administrator has, and a role.
async fn member(tenant: &Tenant, role: &str) -> (Agent, Tenant) {
    let agent = tenant.create_agent(&["admin:orgs", "agents:read", "agents:write"]).await;
    let body = json!({"agentId": agent.id, "role": role});
    tenant.api.post(&members(tenant), &body).await.expect(201);
    let api = tenant.api.with_token(&agent.token(&tenant.api).await);
    (agent.clone(), Tenant { organization_id: tenant.organization_id.clone(), admin: agent, api })
}

async fn actions(tenant: &Tenant) -> Vec<String> {
    let log = tenant.api.get("/api/v1/audit?limit=100").await.expect(200).json();
    let action = |event: &Value| event["action"].as_str().unwrap().to_owned();
    log["data"].as_array().unwrap().iter().map(action).collect()
}

#[tokio::test]
async fn suspension_refuses_every_token_for_good_and_reactivation_lets_new_ones_be_had() {
    let (instance, platform, tenant) = scene().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    let before = agent.token(&tenant.api).await;
    let suspended =
        platform.api.patch(&path(&tenant), &json!({"status": "suspended"})).await.expect(200).json();
    assert_eq!(suspended["status"], "suspended");
    tenant.api.with_token(&before).get(&agent.path()).await.expect(401);
    tenant.api.get(&path(&tenant)).await.expect(401);
    let edge = instance.edge("osaka");
    instance.sequence().await;
    let id = tenant.organization_id.parse().unwrap();
    let standing = |state: agentidp_shared::state::State| {
        state
            .exceptions
            .organization(id)
            .map(|exception| (exception.standing, exception.not_before.is_some()))
    };
    assert_eq!(standing(edge.begin().await), Some((Standing::Suspended, true)));

    platform.api.patch(&path(&tenant), &json!({"status": "active"})).await.expect(200);
    instance.sequence().await;
    assert_eq!(standing(edge.begin().await), Some((Standing::Active, true)));
    tenant.api.with_token(&before).get(&agent.path()).await.expect(401);
    let tenant = tenant.again().await;
    tenant.api.with_token(&agent.token(&tenant.api).await).get(&agent.path()).await.expect(200);
    let log = actions(&tenant).await;
    assert!(log.contains(&"org.suspended".into()) && log.contains(&"org.reactivated".into()), "{log:?}");
    assert!(actions(&platform).await.contains(&"org.suspended".into()));
}

#[tokio::test]
async fn a_name_is_for_the_organization_and_the_rest_for_the_platform() {
    let (instance, platform, tenant) = scene().await;
    let renamed = tenant.api.patch(&path(&tenant), &json!({"name": "Another name"})).await.expect(200).json();
    assert_eq!((&renamed["name"], &renamed["tier"]), (&json!("Another name"), &json!("free")));
    for body in
        [json!({"tier": "pro"}), json!({"status": "active"}), json!({"name": "x", "status": "suspended"})]
    {
        assert_eq!(tenant.api.patch(&path(&tenant), &body).await.expect(403).code(), "PLATFORM_ONLY");
    }
    tenant.api.patch(&path(&platform), &json!({"name": "x"})).await.expect(404);
    platform.api.patch(&path(&tenant), &json!({"tier": "pro"})).await.expect(200);
    instance.sequence().await;
    let state = instance.edge("osaka").begin().await;
    let limit = state.limit_of(tenant.organization_id.parse().unwrap());
    assert_eq!(limit, state.limits.of_organization(Tier::Pro));
    assert_ne!(limit, state.limits.of_organization(Tier::Free));
    let invalid = json!({"name": "", "tier": "gold", "status": "deleted", "slug": "x"});
    let refused = platform.api.patch(&path(&tenant), &invalid).await.expect(400).json();
    assert_eq!(refused["details"]["errors"].as_array().unwrap().len(), 4, "{refused}");
    for body in [json!({"status": "suspended"}), json!({"name": "The platform", "status": "suspended"})] {
        assert_eq!(
            platform.api.patch(&path(&platform), &body).await.expect(409).code(),
            "SYSTEM_ORGANIZATION"
        );
    }
    platform
        .api
        .patch("/api/v1/organizations/0198c5a4-0000-7000-8000-00000000dead", &json!({}))
        .await
        .expect(404);
}

#[tokio::test]
async fn the_end_waits_for_the_agents_and_is_final() {
    let (instance, platform, tenant) = scene().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    tenant.api.delete(&path(&tenant)).await.expect(403);
    let refused = platform.api.delete(&path(&tenant)).await.expect(409);
    assert_eq!(
        (refused.code().as_str(), &refused.json()["details"]["activeAgents"]),
        ("ORGANIZATION_HAS_AGENTS", &json!(1))
    );
    tenant.api.delete(&agent.path()).await.expect(204);
    assert_eq!(platform.api.delete(&path(&platform)).await.expect(409).code(), "SYSTEM_ORGANIZATION");
    platform.api.delete(&path(&tenant)).await.expect(204);
    tenant.api.get(&path(&tenant)).await.expect(401);
    for status in ["active", "suspended"] {
        let answer = platform.api.patch(&path(&tenant), &json!({"status": status})).await.expect(409);
        assert_eq!(answer.code(), "ORGANIZATION_DELETED");
    }
    assert_eq!(platform.api.delete(&path(&tenant)).await.expect(409).code(), "ORGANIZATION_DELETED");
    instance.sequence().await;
    let state = instance.edge("osaka").begin().await;
    let exception = state.exceptions.organization(tenant.organization_id.parse().unwrap()).unwrap();
    assert_eq!(exception.standing, Standing::Gone);
}

#[tokio::test]
async fn roles_say_who_may_change_whom() {
    let (_instance, platform, tenant) = scene().await;
    let (admin_agent, admin) = member(&tenant, "admin").await;
    let (other, plain) = member(&tenant, "member").await;
    let listed = tenant.api.get(&members(&tenant)).await.expect(200).json();
    assert_eq!(listed["total"], 3);
    let listed = listed["data"].as_array().unwrap().clone();
    let role_of = |agent: &Agent| {
        listed.iter().find(|member| member["agentId"] == agent.id.as_str()).unwrap()["role"].clone()
    };
    assert_eq!(
        [role_of(&tenant.admin), role_of(&admin_agent), role_of(&other)],
        ["owner", "admin", "member"].map(Value::from)
    );

    let of = |agent: &Agent| format!("{}/{}", members(&tenant), agent.id);
    let owner = json!({"role": "owner"});
    // Nobody rises above itself, or touches who stands above.
    for (who, target) in [(&admin, &admin_agent), (&admin, &other), (&plain, &other), (&plain, &admin_agent)]
    {
        assert_eq!(who.api.patch(&of(target), &owner).await.expect(403).code(), "ROLE_INSUFFICIENT");
    }
    for body in [json!({"role": "member"}), json!({"role": "admin"})] {
        admin.api.patch(&of(&tenant.admin), &body).await.expect(403);
    }
    admin.api.delete(&of(&tenant.admin)).await.expect(403);
    plain.api.delete(&of(&admin_agent)).await.expect(403);
    admin.api.patch(&of(&other), &json!({"role": "admin"})).await.expect(200);
    admin.api.delete(&of(&other)).await.expect(204);
    admin.api.delete(&of(&other)).await.expect(404);

    // The last owner stays.
    for answer in [
        tenant.api.delete(&of(&tenant.admin)).await,
        tenant.api.patch(&of(&tenant.admin), &json!({"role": "admin"})).await,
        platform.api.delete(&of(&tenant.admin)).await,
    ] {
        assert_eq!(answer.expect(409).code(), "LAST_OWNER");
    }
    tenant.api.patch(&of(&admin_agent), &owner).await.expect(200);
    tenant.api.patch(&of(&tenant.admin), &json!({"role": "member"})).await.expect(200);
    let log = actions(&tenant).await;
    for action in ["org.member_added", "org.member_changed", "org.member_removed"] {
        assert!(log.contains(&action.to_owned()), "{action}: {log:?}");
    }
}

#[tokio::test]
async fn only_agents_of_the_organization_become_members_and_only_once() {
    let (_instance, platform, tenant) = scene().await;
    let elsewhere = platform.create_organization("free").await.create_agent(&[]).await;
    let agent = tenant.create_agent(&[]).await;
    let path = members(&tenant);
    let add =
        async |id: &str, role: &str| tenant.api.post(&path, &json!({"agentId": id, "role": role})).await;
    add(&elsewhere.id, "member").await.expect(404);
    add("0198c5a4-0000-7000-8000-00000000dead", "member").await.expect(404);
    add(&agent.id, "member").await.expect(201);
    assert_eq!(add(&agent.id, "admin").await.expect(409).code(), "ALREADY_MEMBER");
    let refused = add("x", "king").await.expect(400).json();
    assert_eq!(refused["details"]["errors"].as_array().unwrap().len(), 2, "{refused}");
    platform.api.get(&members(&tenant)).await.expect(200);
    tenant.api.get(&members(&platform)).await.expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_owners_that_leave_at_once_one_stays() {
    let (instance, _platform, tenant) = scene().await;
    let (second, _) = member(&tenant, "owner").await;
    for _ in 0..5 {
        let leave = |id: String| {
            let (api, path) = (tenant.api.clone(), format!("{}/{id}", members(&tenant)));
            tokio::spawn(async move { api.patch(&path, &json!({"role": "admin"})).await.status })
        };
        let answers = join_all([leave(tenant.admin.id.clone()), leave(second.id.clone())]).await;
        let statuses: Vec<u16> = answers.into_iter().map(Result::unwrap).collect();
        let owners = format!(
            "select count(*) from organization_members where organization_id = '{}' and role = 'owner'",
            tenant.organization_id
        );
        assert_eq!(instance.number(&owners).await, 1, "{statuses:?}");
        instance.execute("update organization_members set role = 'owner'").await;
    }
}

#[tokio::test]
async fn role_escalation_attack_an_administrator_gets_no_token_of_an_owner() {
    let (_instance, _platform, tenant) = scene().await;
    let (admin, _) = member(&tenant, "admin").await;
    let ask = |who: &Agent, for_whom: &Agent| {
        let api = tenant.api.with_basic(&who.id, &who.secret);
        let id = for_whom.id.clone();
        async move { api.form("/oauth2/token", &[("grant_type", "client_credentials"), ("agent_id", &id)]).await }
    };
    ask(&admin, &tenant.admin).await.expect(400);
    let plain = tenant.create_agent(&["agents:read"]).await;
    ask(&admin, &plain).await.expect(200);
    ask(&tenant.admin, &admin).await.expect(200);
}
