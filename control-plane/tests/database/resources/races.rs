//! Changes that take rights away while others use them: each waits for the other, and none slips through between.

use std::future::Future;

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{ORDERS, READ, WRITE, ask, scene};
use crate::support::{Agent, Answer, Api, Instance, Tenant, execute};

/// A change of rights that is not committed yet: as the platform makes one, with the lock held alone.
async fn change(instance: &Instance, statement: &str) -> PgConnection {
    let mut change = instance.superuser().await;
    execute(&mut change, &format!("begin; select pg_advisory_xact_lock({}); {statement}", 0x7273_7263)).await;
    change
}

/// Sends the request, and ends the change with `statement` once the request waits for it or is answered without waiting.
async fn meanwhile(
    instance: &Instance,
    mut change: PgConnection,
    statement: &str,
    request: impl Future<Output = Answer> + Send + 'static,
) -> Answer {
    let waiting = "select count(*) from pg_locks where not granted and locktype = 'advisory'
        and database = (select oid from pg_database where datname = current_database())";
    let request = tokio::spawn(request);
    while !request.is_finished() && instance.number(waiting).await == 0 {}
    execute(&mut change, &format!("set local lock_timeout = '2s'; {statement}; commit")).await;
    request.await.unwrap()
}

#[tokio::test]
async fn scopes_are_set_while_rights_are_taken_away_and_neither_fails() {
    let (instance, platform, tenant) = scene().await;
    platform.create_resource(ORDERS, &[READ, WRITE], &json!("all")).await;
    let agent = tenant.create_agent(&["agents:read", READ]).await;
    let change = change(&instance, "select 1").await;
    let (api, path) = (tenant.api.clone(), format!("{}/scopes", agent.path()));
    let request = async move { api.put(&path, &json!({"scopes": [READ, WRITE]})).await };
    let take = format!("update agents set scopes = '{{{READ}}}' where id = '{}'", agent.id);
    meanwhile(&instance, change, &take, request).await.expect(200);
    assert_eq!(tenant.api.get(&agent.path()).await.expect(200).json()["scopes"], json!([READ, WRITE]));
}

/// Asks for a token in one of the ways there are, for what the organization is about to lose or to keep.
async fn ask_by(way: &str, api: &Api, agent: &Agent, root: &str, delegatee: &str) -> Answer {
    match way {
        "credentials" => ask(api, agent, &[("resource", ORDERS)]).await,
        "exchange" => {
            let form = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("client_id", agent.id.as_str()),
                ("client_secret", agent.secret.as_str()),
                ("subject_token", root),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ];
            api.form("/oauth2/token", &form).await
        }
        _ => {
            let body = json!({"delegateeId": delegatee, "scopes": [READ], "ttlSeconds": 600});
            api.with_token(root).post("/oauth2/token/delegate", &body).await
        }
    }
}

/// What comes of asking while the platform's change is not committed yet.
async fn ask_during(statement: &str, way: &'static str) -> (Answer, Value) {
    let (instance, platform, tenant): (Instance, Tenant, Tenant) = scene().await;
    platform.create_resource(ORDERS, &[READ], &json!([])).await;
    platform.let_have(&tenant, &json!({"allowedResources": [ORDERS], "allowedScopes": [READ]})).await;
    let agent = tenant.create_agent(&["agents:read", READ]).await;
    let root = ask(&instance.api(), &agent, &[]).await.expect(200).text("access_token");
    let (api, delegatee) = (instance.api(), tenant.admin.id.clone());
    let change = change(&instance, statement).await;
    let request = async move { ask_by(way, &api, &agent, &root, &delegatee).await };
    let answer = meanwhile(&instance, change, "select 1", request).await;
    let events = tenant.events("token.issued").await.len() + tenant.events("delegation.created").await.len();
    (answer, json!(events))
}

#[tokio::test]
async fn race_attack_a_token_that_was_asked_for_before_its_api_was_taken_is_not_given() {
    let taken =
        "update organizations set allowed_resources = '{}', allowed_scopes = '{}' where not is_system";
    for (way, status, error) in [
        ("credentials", 400, "invalid_target"),
        ("exchange", 400, "invalid_scope"),
        ("delegation", 403, "SCOPE_NOT_ALLOWED"),
    ] {
        let (answer, events) = ask_during(taken, way).await;
        let answer = answer.expect(status);
        let code = if way == "delegation" { answer.code() } else { answer.text("error") };
        assert_eq!(
            (code.as_str(), events),
            (error, json!(2)),
            "{way}: logged are the two tokens from before"
        );
    }
    // A change that takes nothing from the organization.
    for (way, status) in [("credentials", 200), ("exchange", 200), ("delegation", 201)] {
        let (answer, events) = ask_during("select 1", way).await;
        answer.expect(status);
        assert_eq!(events, json!(3), "{way}");
    }
}

#[tokio::test]
async fn tokens_for_the_management_api_do_not_wait_for_a_change_of_rights() {
    let (instance, _platform, tenant) = scene().await;
    let change = change(&instance, "select 1").await;
    ask(&instance.api(), &tenant.admin, &[]).await.expect(200);
    drop(change);
}
