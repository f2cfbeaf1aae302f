//! Tenants cannot meet: below HTTP, in the database itself.

use agentidp::infra::db::DbError;
use agentidp_shared::ids::OrganizationId;
use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, Row as _};

use crate::support::{World, run};

const NOBODY: &str = "0198c5a4-0000-7000-8000-00000000dead";

/// Every table, partitions included, that has a tenant in it.
async fn tenant_tables(world: &World) -> Vec<String> {
    let rows = sqlx::query(
        "select c.oid::regclass::text as name from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and a.attname = 'organization_id' and not a.attisdropped order by 1",
    )
    .fetch_all(&mut world.database.superuser().await)
    .await
    .unwrap();
    rows.iter().map(|row| row.get("name")).collect()
}

/// Two organizations with rows in every table there is a way to fill.
async fn two_organizations() -> (World, String, String) {
    let world = World::new().await;
    let platform = world.bootstrap().await;
    let mut ids = vec![];
    for _ in 0..2 {
        let (admin, id) = world.organization(&platform, "enterprise").await;
        let (agent, _) = world.agent(&admin, &["agents:read"]).await;
        let token = world.token(&agent).await;
        world.form("/oauth2/revoke", &token, &format!("token={token}")).await.expect(200);
        let token = world.token(&admin).await;
        let body = crate::support::new_agent(&[]);
        world.json("POST", "/api/v1/agents", &token, &body, Some("a-key")).await.expect(201);
        ids.push(id);
    }
    while agentidp::audit::seal_committed(&world.app).await.unwrap() > 0 {}
    let (second, first) = (ids.pop().unwrap(), ids.pop().unwrap());
    (world, first, second)
}

#[tokio::test]
async fn every_tenant_table_shows_an_organization_its_own_rows_and_no_others() {
    let (world, first, second) = two_organizations().await;
    let tables = tenant_tables(&world).await;
    assert!(tables.len() >= 11, "{tables:?}");
    let mut filled = 0;
    for table in &tables {
        let forced: bool = sqlx::query_scalar(
            "select relrowsecurity and relforcerowsecurity from pg_class where oid = $1::regclass",
        )
        .bind(table)
        .fetch_one(&mut world.database.superuser().await)
        .await
        .unwrap();
        assert!(forced, "{table} has no forced row-level security");
        let rows = async |organization: &str, of: &str| -> i64 {
            let mut tx = world.app.db.tenant(organization.parse().unwrap()).await.unwrap();
            let partition =
                sqlx::query_scalar::<_, bool>("select relispartition from pg_class where oid = $1::regclass")
                    .bind(table)
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
            if partition {
                // Reached through its parent only.
                return 0;
            }
            let count = format!("select count(*) from {table} where organization_id = $1::uuid");
            sqlx::query_scalar(AssertSqlSafe(count)).bind(of).fetch_one(&mut *tx).await.unwrap()
        };
        let own = rows(&first, &first).await;
        filled += usize::from(own > 0);
        assert_eq!(rows(&first, &second).await, 0, "{table} shows another organization's rows");
        assert_eq!(rows(NOBODY, &first).await, 0, "{table} shows rows to an organization there is not");
    }
    assert!(filled >= 7, "only {filled} tables had rows to see");
}

#[tokio::test]
async fn tenant_crossing_attack_no_row_is_written_for_another_organization() {
    let (world, first, second) = two_organizations().await;
    let first: OrganizationId = first.parse().unwrap();
    for statement in [
        "insert into revoked_tokens values (gen_random_uuid(), $1::uuid, gen_random_uuid(), now(), now())",
        "insert into usage_counters values ($1::uuid, current_date, 'tokens', 0, 1)",
        "insert into audit_events (event_id, occurred_at, organization_id, action, outcome)
         values (gen_random_uuid(), now(), $1::uuid, 'token.issued', 'success')",
    ] {
        let mut tx = world.app.db.tenant(first).await.unwrap();
        let refused = sqlx::query(statement).bind(&second).execute(&mut *tx).await.unwrap_err();
        assert!(refused.to_string().contains("row-level security"), "{statement}: {refused}");
    }
    let mut tx = world.app.db.tenant(first).await.unwrap();
    for statement in [
        "update agents set owner = 'taken over' where organization_id = $1::uuid",
        "update credentials set status = 'revoked' where organization_id = $1::uuid",
        "delete from organization_members where organization_id = $1::uuid",
    ] {
        let done = sqlx::query(statement).bind(&second).execute(&mut *tx).await.unwrap();
        assert_eq!(done.rows_affected(), 0, "{statement}");
    }
}

#[tokio::test]
async fn audit_tampering_attack_no_role_of_ours_changes_or_removes_an_event() {
    let (world, first, _) = two_organizations().await;
    for statement in [
        "update audit_events set action = 'x'",
        "delete from audit_events",
        "truncate audit_events",
        "update audit_seals set hash = ''",
        "delete from audit_seals",
        "truncate audit_seals",
        "alter table audit_events disable trigger all",
    ] {
        let mut tx = world.app.db.tenant(first.parse().unwrap()).await.unwrap();
        assert!(sqlx::query(statement).execute(&mut *tx).await.is_err(), "the tenant role may {statement}");
        let mut tx = world.app.db.system().await.unwrap();
        assert!(sqlx::query(statement).execute(&mut *tx).await.is_err(), "the system role may {statement}");
        // The owner has the right, but not the trigger's leave.
        if !statement.starts_with("alter") {
            let mut superuser = world.database.superuser().await;
            let refused = sqlx::query(statement).execute(&mut superuser).await.unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
        }
    }
}

#[tokio::test]
async fn a_query_outside_a_transaction_of_ours_sees_nothing() {
    let (world, ..) = two_organizations().await;
    for table in ["agents", "organizations", "audit_events", "credentials", "signing_keys", "edge_feed"] {
        let query = format!("select count(*) from {table}");
        let refused = sqlx::query(AssertSqlSafe(query)).fetch_one(world.app.db.pool()).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{table}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pooled_connection_attack_two_tenants_on_two_connections_never_meet() {
    let world = World::with(&[("DATABASE_MAX_CONNECTIONS", "2")]).await;
    let platform = world.bootstrap().await;
    let mut organizations: Vec<OrganizationId> = vec![];
    for _ in 0..2 {
        organizations.push(world.organization(&platform, "free").await.1.parse().unwrap());
    }
    let work = (0..400_usize).map(|number| {
        let (app, organization) = (world.app.clone(), organizations[number % 2]);
        async move {
            let look = async {
                let mut tx = app.db.tenant(organization).await?;
                let seen: Vec<uuid::Uuid> =
                    sqlx::query_scalar("select id from organizations").fetch_all(&mut *tx).await?;
                assert_eq!(seen, [organization.as_uuid()]);
                if number % 3 == 0 {
                    tx.commit().await?;
                }
                Ok::<_, sqlx::Error>(())
            };
            if number % 5 == 0 {
                // The caller leaves at some moment of its own.
                let _ = tokio::time::timeout(std::time::Duration::from_micros(number as u64 * 7), look).await;
            } else {
                look.await.unwrap();
            }
        }
    });
    join_all(work).await;
    for _ in 0..4 {
        let row = sqlx::query(
            "select current_setting('role') as role, current_setting('app.organization_id', true) as organization",
        )
        .fetch_one(world.app.db.pool())
        .await
        .unwrap();
        assert_eq!(row.get::<&str, _>("role"), "none");
        assert!(row.get::<Option<&str>, _>("organization").is_none_or(str::is_empty));
    }
}

#[tokio::test]
async fn production_refuses_a_login_role_for_which_policies_would_mean_nothing() {
    let world = World::new().await;
    world.app.db.check_privileges().await.unwrap();
    let superuser = world.database.superuser_url();
    let refused = world.another(&[("DATABASE_URL", &superuser)]).await.unwrap_err();
    assert!(
        matches!(refused, agentidp::app::StartError::Db(DbError::PrivilegedRole("superuser"))),
        "{refused}"
    );
    let role = format!("agentidp_bypass_{}", agentidp_tests::unique());
    let mut connection = world.database.superuser().await;
    run(
        &mut connection,
        format!("create role {role} login bypassrls password '{role}' in role agentidp_app, agentidp_system"),
    )
    .await;
    let url = world.database.url_of(&role);
    let refused = world.another(&[("DATABASE_URL", &url)]).await.unwrap_err();
    run(&mut connection, format!("drop role {role}")).await;
    assert!(
        matches!(refused, agentidp::app::StartError::Db(DbError::PrivilegedRole("BYPASSRLS"))),
        "{refused:?}"
    );
}
