//! Changes that take rights away while others use them: each waits for the other, and none slips through between.

use std::future::Future;

use serde_json::json;
use sqlx::PgConnection;

use super::{READ, WRITE, scene};
use crate::support::{Answer, Instance, execute};

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
    platform.create_resource("https://orders.example.com", &[READ, WRITE], &json!("all")).await;
    let agent = tenant.create_agent(&["agents:read", READ]).await;
    let change = change(&instance, "select 1").await;
    let (api, path) = (tenant.api.clone(), format!("{}/scopes", agent.path()));
    let request = async move { api.put(&path, &json!({"scopes": [READ, WRITE]})).await };
    let take = format!("update agents set scopes = '{{{READ}}}' where id = '{}'", agent.id);
    meanwhile(&instance, change, &take, request).await.expect(200);
    assert_eq!(
        tenant.api.get(&agent.path()).await.expect(200).json()["scopes"],
        json!([READ, WRITE])
    );
}
