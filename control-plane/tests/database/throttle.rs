//! Failed logins are slowed, and never lock a client out (decision 0001).

use agentidp::housekeeping;
use futures_util::future::join_all;
use serde_json::json;
use time::Duration;
use uuid::Uuid;

use crate::support::{Agent, Answer, Api, Instance, Tenant};

const WRONG: &str = "sk_live_0000000000000000000000000000000000000000000000000000000000000000";

async fn scene() -> (Instance, Tenant, Agent) {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&["agents:read"]).await;
    (instance, tenant, agent)
}

/// An IPv4 address for each number.
fn address(number: usize) -> String {
    format!("198.51.{}.{}", 100 + number / 200, 1 + number % 200)
}

/// A failed login of a client that does not exist, a different one for each number.
async fn fail_as(api: &Api, number: u128) -> Answer {
    api.token(&Uuid::from_u128(number).to_string(), WRONG).await
}

#[tokio::test]
async fn lockout_attack_the_right_secret_is_accepted_after_any_number_of_failures_elsewhere() {
    let (_instance, tenant, agent) = scene().await;
    for number in 0..60 {
        let refused = tenant.api.from(&address(number)).token(&agent.id, WRONG).await;
        assert_eq!(refused.status, if number < 5 { 401 } else { 429 }, "{number}");
    }
    agent.ask_token(&tenant.api.from("203.0.113.9")).await.expect(200);
    // Also from an address that took part, as long as it did not fail too often itself.
    agent.ask_token(&tenant.api.from(&address(3))).await.expect(200);
}

#[tokio::test]
async fn the_wait_of_a_client_begins_after_five_failures_and_doubles_up_to_a_minute() {
    let (_instance, tenant, agent) = scene().await;
    let mut waits = vec![];
    for number in 0..15 {
        let refused = tenant.api.from(&address(number)).token(&agent.id, WRONG).await;
        waits.push(if refused.status == 401 { 0 } else { refused.expect(429).retry_after() });
    }
    assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
}

#[tokio::test]
async fn an_address_is_refused_after_thirty_failures_before_any_secret_is_looked_at() {
    let (instance, tenant, agent) = scene().await;
    let (bad, good) = (tenant.api.from("198.51.100.7"), tenant.api.from("198.51.100.8"));
    for number in 0..30 {
        fail_as(&bad, number).await.expect(401);
    }
    agent.ask_token(&bad).await.expect(200);
    assert_eq!(fail_as(&bad, 30).await.expect(429).retry_after(), 1);
    let refused = agent.ask_token(&bad).await.expect(429);
    assert_eq!(refused.json()["error"], "slow_down");
    agent.ask_token(&good).await.expect(200);
    instance.advance(Duration::seconds(1));
    agent.ask_token(&bad).await.expect(200);
}

#[tokio::test]
async fn what_is_refused_without_a_look_does_not_prolong_the_wait() {
    let (instance, tenant, agent) = scene().await;
    let bad = tenant.api.from("198.51.100.7");
    for number in 0..33 {
        fail_as(&bad, number).await;
        instance.advance(Duration::seconds(5));
    }
    assert_eq!(fail_as(&bad, 33).await.expect(429).retry_after(), 8, "the fourth beyond the allowance");
    for number in 0..50 {
        fail_as(&bad, 100 + number).await.expect(429);
    }
    instance.advance(Duration::seconds(8));
    agent.ask_token(&bad).await.expect(200);
    assert_eq!(fail_as(&bad, 200).await.expect(429).retry_after(), 16);
}

#[tokio::test]
async fn address_hopping_attack_a_whole_ipv6_network_counts_as_one_address() {
    let (_instance, tenant, agent) = scene().await;
    for number in 0..31 {
        fail_as(&tenant.api.from(&format!("2001:db8:7:7:{number:x}::{number:x}")), number).await;
    }
    agent.ask_token(&tenant.api.from("2001:db8:7:7:ffff::1")).await.expect(429);
    agent.ask_token(&tenant.api.from("2001:db8:7:8::1")).await.expect(200);
}

#[tokio::test]
async fn a_mapped_ipv4_address_counts_as_itself() {
    let (_instance, tenant, agent) = scene().await;
    for number in 0..31 {
        let peer = if number % 2 == 0 { "::ffff:198.51.100.7" } else { "198.51.100.7" };
        fail_as(&tenant.api.from(peer), number).await;
    }
    agent.ask_token(&tenant.api.from("198.51.100.7")).await.expect(429);
    agent.ask_token(&tenant.api.from("::ffff:198.51.100.7")).await.expect(429);
    agent.ask_token(&tenant.api.from("::ffff:198.51.100.8")).await.expect(200);
}

#[tokio::test]
async fn after_a_quarter_of_an_hour_without_a_failure_the_count_begins_again() {
    let (instance, tenant, agent) = scene().await;
    let fail = async |number| tenant.api.from(&address(number)).token(&agent.id, WRONG).await.status;
    for number in 0..5 {
        assert_eq!(fail(number).await, 401);
    }
    instance.advance(Duration::minutes(15));
    assert_eq!(fail(5).await, 429, "remembered for a quarter of an hour");
    instance.advance(Duration::minutes(15) + Duration::microseconds(1));
    assert_eq!(fail(6).await, 401, "forgotten after it");
}

#[tokio::test]
async fn client_id_alias_attack_every_spelling_of_an_id_counts_as_one() {
    let (_instance, tenant, agent) = scene().await;
    let id = &agent.id;
    let spellings = [
        id.clone(),
        id.to_uppercase(),
        format!("{{{id}}}"),
        format!("urn:uuid:{id}"),
        id.replace('-', ""),
        format!(" {id} "),
        format!("URN:UUID:{}", id.to_uppercase()),
    ];
    let mut statuses = vec![];
    for (number, spelling) in spellings.iter().enumerate() {
        statuses.push(tenant.api.from(&address(number)).token(spelling, WRONG).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    agent.ask_token(&tenant.api).await.expect(200);
}

#[tokio::test]
async fn failures_at_once_are_all_counted() {
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "8")).await;
    let tenant = instance.tenant().await;
    let agent = tenant.create_agent(&[]).await;
    let failures = (0..40).map(|number| {
        let (api, id) = (tenant.api.from(&address(number % 4)), agent.id.clone());
        async move { api.token(&id, WRONG).await.status }
    });
    let statuses = join_all(failures).await;
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 35, "{statuses:?}");
    let counted = format!("select failures::bigint from login_throttle where key = 'client:{}'", agent.id);
    assert_eq!(instance.number(&counted).await, 40);
}

#[tokio::test]
async fn housekeeping_forgets_failures_after_a_quarter_of_an_hour() {
    let (instance, tenant, agent) = scene().await;
    tenant.api.token(&agent.id, WRONG).await.expect(401);
    let remembered = "select count(*) from login_throttle";
    instance.advance(Duration::minutes(15));
    housekeeping::run(&instance.app).await.unwrap();
    assert_eq!(instance.number(remembered).await, 2, "the client's and the address's");
    instance.advance(Duration::microseconds(1));
    housekeeping::run(&instance.app).await.unwrap();
    assert_eq!(instance.number(remembered).await, 0);
}

#[tokio::test]
async fn that_an_agent_is_suspended_is_told_only_to_who_knows_its_secret() {
    let (_instance, tenant, agent) = scene().await;
    tenant.api.patch(&agent.path(), &json!({"status": "suspended"})).await.expect(200);
    let wrong = tenant.api.token(&agent.id, WRONG).await.expect(401);
    let nobody = fail_as(&tenant.api, 7).await.expect(401);
    assert_eq!(wrong.body, nobody.body);
    let right = agent.ask_token(&tenant.api).await.expect(400).json();
    assert_eq!(right["error"], "unauthorized_client");
    assert!(right["error_description"].as_str().unwrap().contains("suspended"), "{right}");
}

#[tokio::test]
async fn failed_logins_are_in_the_log_of_the_organization_that_was_meant() {
    let (_instance, tenant, agent) = scene().await;
    let api = tenant.api.from("198.51.100.7").with("user-agent", "guesser/1");
    api.token(&agent.id, WRONG).await.expect(401);
    tenant.api.patch(&agent.path(), &json!({"status": "suspended"})).await.expect(200);
    agent.ask_token(&api).await.expect(400);
    let events = tenant.events("auth.failed").await;
    assert_eq!(events.len(), 2, "{events:?}");
    for event in &events {
        assert_eq!(event["agentId"], agent.id.as_str());
        assert_eq!(event["outcome"], "failure");
        assert_eq!(event["ipAddress"], "198.51.100.7");
        assert_eq!(event["userAgent"], "guesser/1");
        assert!(!event.to_string().contains("sk_live_"), "{event}");
    }
    assert_eq!(events.iter().filter(|event| event["metadata"]["reason"] == "agent is suspended").count(), 1);
}

#[tokio::test]
async fn failed_logins_of_nobody_are_in_the_log_of_the_platform_without_what_was_typed() {
    let (instance, tenant, agent) = scene().await;
    let platform = instance.platform().await;
    fail_as(&tenant.api, 7).await.expect(401);
    tenant.api.token(&agent.secret, WRONG).await.expect(401);
    assert!(tenant.events("auth.failed").await.is_empty());
    let events = platform.events("auth.failed").await;
    let mut named: Vec<_> =
        events.iter().filter_map(|event| event["metadata"]["clientId"].as_str()).collect();
    named.sort_unstable();
    assert_eq!(named, [Uuid::from_u128(7).to_string().as_str(), "not an agent id"]);
    assert!(events.iter().all(|event| event["agentId"].is_null()), "{events:?}");
}
