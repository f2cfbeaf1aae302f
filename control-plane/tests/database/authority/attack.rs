//! Attacks on how authority is lent, ranked and replayed, each beside its valid twin.

use serde_json::json;

use super::trying::EVERY_SCOPE;
use crate::delegation::{claims, delegate};
use crate::support::{Agent, Instance, Tenant, execute, new_agent};

async fn scene() -> (Instance, Tenant) {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    (instance, tenant)
}

/// A token that `client` gets for `other`, with these scopes or all it can have.
async fn borrow(
    tenant: &Tenant,
    client: &Agent,
    other: &Agent,
    scope: Option<&str>,
) -> crate::support::Answer {
    let mut asked = vec![("grant_type", "client_credentials"), ("agent_id", &*other.id)];
    asked.extend(scope.map(|scope| ("scope", scope)));
    tenant.api.with_basic(&client.id, &client.secret).form("/oauth2/token", &asked).await
}

#[tokio::test]
async fn borrowed_scopes_attack_a_borrowed_token_holds_no_more_than_its_client() {
    let (_instance, tenant) = scene().await;
    let strong = tenant.create_agent(&["admin:orgs", "agents:read", "agents:write", "audit:read"]).await;
    let weak = tenant.create_agent(&["admin:orgs", "agents:read"]).await;
    tenant.set_role(&weak, "admin").await;
    let cut = borrow(&tenant, &weak, &strong, None).await.expect(200);
    assert_eq!(cut.text("scope"), "admin:orgs agents:read");
    let refused = borrow(&tenant, &weak, &strong, Some("agents:write")).await.expect(400);
    assert_eq!(refused.text("error"), "invalid_scope");
    // The valid twin: what both hold.
    let twin = borrow(&tenant, &weak, &strong, Some("agents:read")).await.expect(200);
    assert_eq!(claims(&twin.text("access_token"))["sub"], strong.id.as_str());
    assert_eq!(claims(&twin.text("access_token"))["client_id"], weak.id.as_str());
}

#[tokio::test]
async fn scope_as_rank_attack_a_scope_without_a_role_borrows_nothing() {
    let (_instance, tenant) = scene().await;
    let member = tenant.create_agent(&EVERY_SCOPE).await;
    let other = tenant.create_agent(&["agents:read"]).await;
    borrow(&tenant, &member, &other, None).await.expect(400);
    tenant.set_role(&member, "manager").await;
    borrow(&tenant, &member, &other, None).await.expect(400);
    tenant.set_role(&member, "admin").await;
    borrow(&tenant, &member, &other, None).await.expect(200);
}

#[tokio::test]
async fn staying_for_good_attack_a_borrowed_token_makes_no_credential() {
    let (_instance, tenant) = scene().await;
    let (victim, thief) = (tenant.create_agent(&EVERY_SCOPE).await, tenant.create_agent(&EVERY_SCOPE).await);
    tenant.set_role(&thief, "owner").await;
    let token = borrow(&tenant, &thief, &victim, None).await.expect(200).text("access_token");
    let api = tenant.api.with_token(&token);
    let credentials = format!("{}/credentials", victim.path());
    assert_eq!(api.post(&credentials, &json!({})).await.expect(403).code(), "BORROWED_TOKEN");
    assert_eq!(api.get(&credentials).await.expect(403).code(), "BORROWED_TOKEN");
    let rotate = format!("{}/rotate", victim.credential_path());
    assert_eq!(api.post(&rotate, &json!({})).await.expect(403).code(), "BORROWED_TOKEN");
    // The valid twin: the thief's own token, whose rank allows it.
    thief.log_in(&tenant.api).await.post(&credentials, &json!({})).await.expect(201);
}

#[tokio::test]
async fn platform_by_borrowing_attack_the_platforms_scopes_are_not_lent() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let client = platform.create_agent(&["admin:orgs", "platform:read", "platform:write"]).await;
    platform.set_role(&client, "owner").await;
    let borrowed = borrow(&platform, &client, &platform.admin, None).await.expect(200);
    assert!(!borrowed.text("scope").contains("platform:"), "{}", borrowed.text("scope"));
    let api = platform.api.with_token(&borrowed.text("access_token"));
    api.post("/api/v1/keys/rotate", &json!({})).await.expect(403);
    client.log_in(&platform.api).await.post("/api/v1/keys/rotate", &json!({})).await.expect(202);
}

#[tokio::test]
async fn upward_attack_a_scope_without_rank_neither_suspends_nor_ends_an_owner() {
    let (_instance, tenant) = scene().await;
    let owner = tenant.create_agent(&EVERY_SCOPE).await;
    tenant.set_role(&owner, "owner").await;
    let member = tenant.create_agent(&EVERY_SCOPE).await;
    let api = member.log_in(&tenant.api).await;
    api.patch(&owner.path(), &json!({"status": "suspended"})).await.expect(403);
    api.delete(&owner.path()).await.expect(403);
    api.delete(&format!("{}/credentials", owner.path())).await.expect(403);
    // The valid twin: another owner.
    tenant.api.patch(&owner.path(), &json!({"status": "suspended"})).await.expect(200);
}

#[tokio::test]
async fn last_owner_attack_nobody_takes_the_last_owners_way_in() {
    let (_instance, tenant) = scene().await;
    let admin = &tenant.admin;
    // An owner that has no way in does not count.
    let mut body = new_agent();
    body["scopes"] = json!(EVERY_SCOPE);
    let second = tenant.api.post("/api/v1/agents", &body).await.expect(201).text("agentId");
    let members = format!("/api/v1/organizations/{}/members", tenant.organization_id);
    tenant.api.post(&members, &json!({"agentId": second, "role": "owner"})).await.expect(201);

    let all = format!("{}/credentials", admin.path());
    assert_eq!(tenant.api.delete(&all).await.expect(409).code(), "LAST_OWNER");
    assert_eq!(tenant.api.delete(&admin.credential_path()).await.expect(409).code(), "LAST_OWNER");
    assert_eq!(tenant.api.delete(&admin.path()).await.expect(409).code(), "LAST_OWNER");
    let suspend = json!({"status": "suspended"});
    assert_eq!(tenant.api.patch(&admin.path(), &suspend).await.expect(409).code(), "LAST_OWNER");
    let without = json!({"scopes": ["agents:read", "agents:write"]});
    let scopes = format!("{}/scopes", admin.path());
    assert_eq!(tenant.api.put(&scopes, &without).await.expect(409).code(), "LAST_OWNER");
    let member = format!("{members}/{}", admin.id);
    assert_eq!(tenant.api.patch(&member, &json!({"role": "admin"})).await.expect(409).code(), "LAST_OWNER");
    assert_eq!(tenant.api.delete(&member).await.expect(409).code(), "LAST_OWNER");
    // The valid twin: once the second can come in, the first may go.
    tenant.api.post(&format!("/api/v1/agents/{second}/credentials"), &json!({})).await.expect(201);
    tenant.api.delete(&all).await.expect(200);
}

#[tokio::test]
async fn two_at_once_attack_of_two_owners_whose_credentials_end_at_once_one_stays() {
    let (instance, tenant) = scene().await;
    let second = tenant.create_agent(&EVERY_SCOPE).await;
    tenant.set_role(&second, "owner").await;
    let other = instance.another_process().await;
    let api = second.log_in(&tenant.api.at(&other)).await;
    let (one, two) =
        (format!("{}/credentials", tenant.admin.path()), format!("{}/credentials", second.path()));
    let (one, two) = tokio::join!(tenant.api.delete(&one), api.delete(&two));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{one:?} {two:?}");
}

#[tokio::test]
async fn replay_attack_an_answer_is_not_given_to_a_narrower_token() {
    let (_instance, tenant) = scene().await;
    let agent = tenant.create_agent(&EVERY_SCOPE).await;
    let full = agent.log_in(&tenant.api).await.with("idempotency-key", "one");
    let credentials = format!("{}/credentials", agent.path());
    let first = full.post(&credentials, &json!({})).await.expect(201);
    let asked = [("grant_type", "client_credentials"), ("scope", "agents:write")];
    let narrowed = tenant.api.with_basic(&agent.id, &agent.secret).form("/oauth2/token", &asked).await;
    let narrowed = full.with_token(&narrowed.expect(200).text("access_token"));
    let refused = narrowed.post(&credentials, &json!({})).await.expect(403);
    assert!(!refused.body.contains("sk_live_"));
    // The valid twin: the same right, in another token.
    let again =
        full.with_token(&agent.token(&tenant.api).await).post(&credentials, &json!({})).await.expect(201);
    assert_eq!(again.text("clientSecret"), first.text("clientSecret"));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn replay_attack_an_answer_is_not_given_to_who_acts_for_another() {
    let (_instance, tenant) = scene().await;
    let (delegator, delegatee) =
        (tenant.create_agent(&EVERY_SCOPE).await, tenant.create_agent(&EVERY_SCOPE).await);
    let third = tenant.create_agent(&[]).await;
    let body = json!({"delegateeId": third.id, "scopes": ["agents:read"], "ttlSeconds": 600});
    let path = "/oauth2/token/delegate";
    let own = delegator.log_in(&tenant.api).await.with("idempotency-key", "one");
    own.post(path, &body).await.expect(201);
    // The delegatee's own token and the delegated one have the delegatee as their actor, and are two rights.
    let delegated =
        delegate(&tenant.api, &delegator.token(&tenant.api).await, &delegatee, &["agents:read"]).await;
    let by_delegatee = own.with_token(&delegated);
    let first = by_delegatee.post(path, &body).await.expect(201);
    let with_own = own.with_token(&delegatee.token(&tenant.api).await);
    let refused = with_own.post(path, &body).await.expect(409);
    assert_eq!(refused.code(), "IDEMPOTENCY_KEY_OF_ANOTHER_RIGHT");
    assert!(!refused.body.contains("delegationToken"));
    let again = by_delegatee.post(path, &body).await.expect(201);
    assert_eq!(again.text("delegationToken"), first.text("delegationToken"));
}

#[tokio::test]
async fn monitoring_as_root_attack_a_platform_agent_without_a_role_is_no_root() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let tenant = platform.create_organization("free").await;
    let scopes = ["admin:orgs", "agents:read", "agents:write", "platform:read", "platform:write"];
    let agent = platform.create_agent(&scopes).await;
    let api = agent.log_in(&platform.api).await;
    let members = format!("/api/v1/organizations/{}/members", platform.organization_id);
    api.post(&members, &json!({"agentId": agent.id, "role": "owner"})).await.expect(403);
    api.post("/api/v1/keys/rotate", &json!({})).await.expect(403);
    api.get("/api/v1/keys").await.expect(403);
    let organization = format!("/api/v1/organizations/{}", tenant.organization_id);
    api.patch(&organization, &json!({"name": "renamed"})).await.expect(404);
    api.post("/api/v1/organizations", &json!({"name": "x", "slug": "x-y"})).await.expect(403);
    // The valid twins: an auditor there reads, an administrator changes.
    platform.set_role(&agent, "auditor").await;
    api.get("/api/v1/keys").await.expect(200);
    api.get(&organization).await.expect(200);
    api.patch(&organization, &json!({"name": "renamed"})).await.expect(404);
    platform.set_role(&agent, "admin").await;
    api.patch(&organization, &json!({"name": "renamed"})).await.expect(200);
}

#[tokio::test]
async fn platform_without_its_scope_attack_a_role_alone_is_no_right() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let tenant = platform.create_organization("free").await;
    let agent = platform.create_agent(&["admin:orgs"]).await;
    platform.set_role(&agent, "owner").await;
    let api = agent.log_in(&platform.api).await;
    api.patch(&format!("/api/v1/organizations/{}", tenant.organization_id), &json!({"name": "x"}))
        .await
        .expect(404);
    api.post("/api/v1/keys/rotate", &json!({})).await.expect(403);
    // In its own organization it is what it is.
    api.get(&format!("/api/v1/organizations/{}/members", platform.organization_id)).await.expect(200);
}

#[tokio::test]
async fn platform_upward_attack_an_administrator_of_the_platform_makes_no_owner_of_it() {
    let instance = Instance::start().await;
    let platform = instance.platform().await;
    let agent =
        platform.create_agent(&["admin:orgs", "agents:write", "platform:read", "platform:write"]).await;
    platform.set_role(&agent, "admin").await;
    let api = agent.log_in(&platform.api).await;
    let member = format!("/api/v1/organizations/{}/members/{}", platform.organization_id, agent.id);
    assert_eq!(api.patch(&member, &json!({"role": "owner"})).await.expect(403).code(), "ROLE_INSUFFICIENT");
    api.delete(&platform.admin.path()).await.expect(403);
    // The valid twin: in a tenant it sets things right.
    let tenant = platform.create_organization("free").await;
    let member = format!("/api/v1/organizations/{}/members/{}", tenant.organization_id, tenant.admin.id);
    api.patch(&member, &json!({"role": "owner"})).await.expect(200);
}

#[tokio::test]
async fn platform_scope_outside_attack_no_tenants_agent_holds_the_platforms_scopes() {
    let (instance, tenant) = scene().await;
    assert!(!claims(&tenant.admin.token(&tenant.api).await)["scope"].as_str().unwrap().contains("platform:"));
    // Even if its row were to say so.
    let grant = format!(
        "update agents set scopes = scopes || array['platform:read', 'platform:write'] where id = '{}'",
        tenant.admin.id
    );
    execute(&mut instance.superuser().await, &grant).await;
    let api = tenant.admin.log_in(&tenant.api).await;
    api.post("/api/v1/keys/rotate", &json!({})).await.expect(403);
    let mut body = new_agent();
    body["scopes"] = json!(["platform:read"]);
    assert_eq!(api.post("/api/v1/agents", &body).await.expect(403).code(), "PLATFORM_ONLY");
}

#[tokio::test]
async fn auditors_read_and_change_nothing() {
    let (_instance, tenant) = scene().await;
    let auditor = tenant.create_agent(&EVERY_SCOPE).await;
    tenant.set_role(&auditor, "auditor").await;
    let api = auditor.log_in(&tenant.api).await;
    let organization = format!("/api/v1/organizations/{}", tenant.organization_id);
    for path in [
        organization.clone(),
        format!("{organization}/members"),
        "/api/v1/federation/partners".to_owned(),
        "/api/v1/oidc/trust-policies".to_owned(),
        format!("{}/credentials", tenant.admin.path()),
    ] {
        api.get(&path).await.expect(200);
    }
    api.post("/api/v1/agents", &new_agent()).await.expect(403);
    api.patch(&organization, &json!({"name": "renamed"})).await.expect(403);
    let member = tenant.create_agent(&["agents:read", "orgs:read"]).await;
    assert_eq!(
        member.log_in(&tenant.api).await.get(&organization).await.expect(403).code(),
        "ROLE_INSUFFICIENT"
    );
}

/// From now on the database gives up on what asks for ranks in an organization's name, as when a lock is not had in time.
const TIMEOUT: &str = "create function give_up() returns boolean language plpgsql as $$ begin
      raise exception 'canceling statement due to lock timeout' using errcode = '55P03'; end $$;
    create policy give_up on organization_members as restrictive for select to agentidp_app using (give_up())";

#[tokio::test]
async fn a_database_that_gives_up_is_no_refusal() {
    let (instance, tenant) = scene().await;
    let subject = tenant.create_agent(&["agents:read"]).await;
    tenant.set_role(&subject, "member").await;
    let delegator = tenant.create_agent(&["agents:read"]).await;
    let leaked = subject.token(&tenant.api).await;
    let passed_on = delegate(&tenant.api, &leaked, &delegator, &["agents:read"]).await;
    let chain = claims(&passed_on)["jti"].as_str().unwrap().to_owned();
    let delegation = format!("/oauth2/token/delegate/{chain}");
    let stranger = delegator.log_in(&tenant.api).await;
    let revoke = async |api: &crate::support::Api| api.form("/oauth2/revoke", &[("token", &leaked)]).await;
    instance.execute(TIMEOUT).await;
    let answers = [
        revoke(&tenant.api).await,
        tenant.api.delete(&delegation).await,
        borrow(&tenant, &tenant.admin, &subject, None).await,
    ];
    for answer in answers {
        assert!(answer.expect(503).retry_after() > 0);
    }
    instance.execute("drop policy give_up on organization_members").await;
    // Refusals, and what is allowed.
    revoke(&stranger).await.expect(400);
    borrow(&tenant, &subject, &delegator, None).await.expect(400);
    revoke(&tenant.api).await.expect(200);
    tenant.api.delete(&delegation).await.expect(204);
}
