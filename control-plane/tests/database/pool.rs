//! A pooled connection goes back without a trace of whom it acted for, however the transaction ended.

use std::pin::Pin;
use std::task::{Context, Poll};

use agentidp::infra::db::Db;
use agentidp_shared::ids::OrganizationId;
use futures_util::future::join_all;
use sqlx::{Connection as _, PgPool};

use crate::support::{Instance, Tenant};

/// Gives a future up after it was polled so many times: a caller that hangs up, at every place it can.
struct GivenUp<F> {
    future: Pin<Box<F>>,
    polls_left: usize,
}

impl<F: Future> Future for GivenUp<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == 0 {
            return Poll::Ready(None);
        }
        self.polls_left -= 1;
        match self.future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.polls_left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn give_up_after<F: Future>(polls: usize, future: F) -> GivenUp<F> {
    GivenUp { future: Box::pin(future), polls_left: polls }
}

/// Two organizations on a pool of two connections.
async fn crowded() -> (Instance, [Tenant; 2]) {
    let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "2")).await;
    let platform = instance.platform().await;
    let tenants =
        [platform.create_organization("enterprise").await, platform.create_organization("enterprise").await];
    (instance, tenants)
}

const TRACE: &str = "select current_user::text, nullif(current_setting('app.organization_id', true), '')";

/// Every connection of the pool: who it is, and for whom.
async fn traces(pool: &PgPool) -> Vec<(String, Option<String>)> {
    let mut connections = vec![];
    for _ in 0..2 {
        connections.push(pool.acquire().await.unwrap());
    }
    let mut traces = vec![];
    for connection in &mut connections {
        // A rollback of what was given up may still be on its way; the connection is used after it.
        connection.ping().await.unwrap();
        traces.push(sqlx::query_as(TRACE).fetch_one(&mut **connection).await.unwrap());
    }
    traces
}

#[track_caller]
fn assert_clean(traces: &[(String, Option<String>)]) {
    for (user, organization) in traces {
        assert_eq!((user.as_str(), organization), ("agentidp_test_login", &None));
    }
}

#[tokio::test]
async fn a_connection_keeps_no_role_and_no_tenant_after_commit_rollback_and_drop() {
    let (instance, [one, _]) = crowded().await;
    let (db, organization) = (&instance.app.db, OrganizationId::new(one.uuid()));
    for round in 0..6 {
        let mut tx = db.tenant(organization).await.unwrap();
        let role: String = sqlx::query_scalar("select current_user::text").fetch_one(&mut *tx).await.unwrap();
        assert_eq!(role, "agentidp_app");
        if round % 2 == 0 {
            tx.commit().await.unwrap();
        } else {
            drop(tx);
        }
        assert_clean(&traces(db.pool()).await);
        let mut tx = db.system().await.unwrap();
        let role: String = sqlx::query_scalar("select current_user::text").fetch_one(&mut *tx).await.unwrap();
        assert_eq!(role, "agentidp_system");
        if round % 2 == 0 {
            drop(tx);
        } else {
            tx.commit().await.unwrap();
        }
        assert_clean(&traces(db.pool()).await);
    }
}

#[tokio::test]
async fn a_failed_statement_leaves_no_role_and_no_tenant_behind() {
    let (instance, [one, _]) = crowded().await;
    for commit in [true, false] {
        let mut tx = instance.app.db.tenant(one.uuid().into()).await.unwrap();
        sqlx::query("select 1 / 0").execute(&mut *tx).await.unwrap_err();
        if commit {
            tx.commit().await.unwrap();
        } else {
            drop(tx);
        }
        assert_clean(&traces(instance.app.db.pool()).await);
    }
}

#[tokio::test]
async fn a_transaction_given_up_anywhere_leaves_no_role_and_no_tenant_behind() {
    let (instance, [one, _]) = crowded().await;
    let mut finished = 0;
    for polls in 1..40 {
        let work = async {
            let mut tx = instance.app.db.tenant(one.uuid().into()).await?;
            // A database that answers at once leaves no place to give up at.
            tokio::task::yield_now().await;
            sqlx::query("select count(*) from agents").fetch_one(&mut *tx).await?;
            tokio::task::yield_now().await;
            tx.commit().await
        };
        finished += usize::from(give_up_after(polls, work).await.is_some());
        assert_clean(&traces(instance.app.db.pool()).await);
    }
    assert!((1..39).contains(&finished), "given up at no place, or at every: {finished}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_interleaved_on_two_connections_with_callers_hanging_up_never_see_each_other() {
    let (instance, tenants) = crowded().await;
    let request = |number: usize| {
        let tenant = tenants[number % 2].clone();
        // Every third caller hangs up, at a different place each time.
        let polls = if number.is_multiple_of(3) { 1 + number % 17 } else { usize::MAX };
        tokio::spawn(async move {
            let answer = give_up_after(polls, tenant.api.get("/api/v1/agents?limit=100")).await;
            let Some(answer) = answer else { return 1 };
            let agents = answer.expect(200).json();
            assert_eq!(agents["total"], 1, "{agents}");
            assert_eq!(agents["data"][0]["organizationId"], tenant.organization_id.as_str());
            0
        })
    };
    let mut hung_up = 0;
    // No more at once of either than may wait for their turns.
    for at_once in (0..400).collect::<Vec<_>>().chunks(50) {
        let answers = join_all(at_once.iter().map(|number| request(*number))).await;
        hung_up += answers.into_iter().map(Result::unwrap).sum::<usize>();
    }
    assert!(hung_up > 20, "only {hung_up} hung up");
    assert_clean(&traces(instance.app.db.pool()).await);
    assert!(instance.app.db.pool().size() <= 2);
}

/// What a transaction of `organization` sees of agents: how many rows, and how many of them are another's. Also changes its own.
async fn look_around(db: &Db, organization: OrganizationId) -> Result<(i64, i64), sqlx::Error> {
    let mut tx = db.tenant(organization).await?;
    tokio::task::yield_now().await;
    // With no condition of its own: what it sees is for the transaction to say.
    let seen = sqlx::query_as("select count(*), count(*) filter (where organization_id <> $1) from agents")
        .bind(organization.as_uuid())
        .fetch_one(&mut *tx)
        .await?;
    // One row, so that two transactions of a tenant do not wait for each other's.
    let change =
        "update agents set updated_at = updated_at where id = (select id from agents order by id limit 1)";
    sqlx::query(change).execute(&mut *tx).await?;
    tokio::task::yield_now().await;
    tx.commit().await?;
    Ok(seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_transactions_of_two_tenants_on_two_connections_never_see_each_other() {
    const CALLERS: usize = 50;
    const EACH: usize = 200;
    let (instance, tenants) = crowded().await;
    tenants[1].create_agent(&["agents:read"]).await;
    let organizations = tenants.map(|tenant| OrganizationId::new(tenant.uuid()));
    let callers = (0..CALLERS).map(|caller| {
        let db = instance.app.db.clone();
        tokio::spawn(async move {
            let (mut finished, mut given_up) = (0, 0);
            for number in (0..EACH).map(|round| caller * EACH + round) {
                // The tenants differ in how many agents they have, and take turns. Every third gives up, somewhere.
                let (which, polls) = (number % 2, if number % 3 == 0 { 1 + number % 13 } else { usize::MAX });
                match give_up_after(polls, look_around(&db, organizations[which])).await {
                    Some(seen) => {
                        assert_eq!(
                            seen.unwrap(),
                            (1 + i64::try_from(which).unwrap(), 0),
                            "transaction {number}"
                        );
                        finished += 1;
                    }
                    None => given_up += 1,
                }
                if number % 50 == 0 {
                    let mut connection = db.pool().acquire().await.unwrap();
                    let trace = sqlx::query_as(TRACE).fetch_one(&mut *connection).await.unwrap();
                    assert_clean(&[trace]);
                }
            }
            (finished, given_up)
        })
    });
    let (mut finished, mut given_up) = (0, 0);
    for caller in join_all(callers).await {
        let (some, others) = caller.unwrap();
        finished += some;
        given_up += others;
    }
    assert_eq!(finished + given_up, 10_000);
    assert!(given_up > 500, "only {given_up} were given up");
    assert_clean(&traces(instance.app.db.pool()).await);
    assert!(instance.app.db.pool().size() <= 2);
}

#[tokio::test]
async fn a_change_whose_caller_hung_up_is_finished_all_the_same() {
    let (instance, [one, _]) = crowded().await;
    let agent = one.create_agent(&["agents:read"]).await;
    let body = serde_json::json!({"status": "suspended"});
    assert!(give_up_after(1, one.api.patch(&agent.path(), &body)).await.is_none());
    instance.app.tasks.close();
    instance.app.tasks.wait().await;
    let agent = one.api.get(&agent.path()).await.expect(200).json();
    assert_eq!(agent["status"], "suspended");
    assert_eq!(one.events("agent.suspended").await.len(), 1);
}
