//! Migrating a database that is in use, and what is said of it before.

use std::borrow::Cow;

use agentidp::infra::db::{Db, DbError};
use agentidp::migration_check::{self, CheckError};
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection};

use crate::support::{Database, Settings, execute, number, unique};
use crate::versions::DUMP;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
const AUTHORITY: i64 = 23;

async fn migrate(database: &Database) -> Result<(), DbError> {
    Db::migrate(&Settings::on(&database.login_url(), &database.owner_url()).config().database).await
}

async fn check(database: &Database, url: &str) -> Result<Option<Vec<migration_check::Finding>>, CheckError> {
    let settings = Settings::on(url, &database.owner_url());
    migration_check::run(&Db::connect(&settings.config().database).await.unwrap()).await
}

#[tokio::test]
async fn the_logs_events_are_not_read_and_indexes_that_were_made_before_are_used() {
    let database = Database::restore(DUMP).await;
    let mut superuser = database.superuser().await;
    let prepare = "do $$ declare part regclass; begin
        for part in select inhrelid::regclass from pg_inherits where inhparent = 'audit_events'::regclass loop
          execute format('create index on %s (organization_id, action, occurred_at desc, event_id desc)
            where action not in (''token.issued'', ''token.introspected'')', part);
          execute format('create index on %s (organization_id, occurred_at desc, event_id desc) where outcome = ''failure''', part);
        end loop;
      end $$";
    execute(&mut superuser, prepare).await;
    let indexes = "select count(*) from pg_index join pg_class on oid = indrelid where relname like 'audit\\_events%' and relkind = 'r'";
    let before = number(&mut superuser, indexes).await;
    migrate(&database).await.unwrap();
    assert_eq!(number(&mut superuser, indexes).await, before);
    let unread =
        "select count(*) from pg_constraint where conname = 'audit_events_via_check' and not convalidated";
    let partitions = "select count(*) from pg_inherits where inhparent = 'audit_events'::regclass";
    assert_eq!(number(&mut superuser, unread).await, 1 + number(&mut superuser, partitions).await);
    superuser.close().await.unwrap();
}

#[tokio::test]
async fn a_migration_gives_up_waiting_for_a_table_in_use_and_can_be_repeated() {
    let database = Database::restore(DUMP).await;
    let mut holder = database.superuser().await;
    execute(&mut holder, "begin; lock table audit_events in access share mode").await;
    let error = migrate(&database).await.unwrap_err();
    assert!(matches!(error, DbError::InUse(AUTHORITY, _)), "{error:?}");
    assert!(error.to_string().contains("run migrate again"), "{error}");
    execute(&mut holder, "rollback").await;
    migrate(&database).await.unwrap();
    holder.close().await.unwrap();
}

#[tokio::test]
async fn the_worker_of_the_version_before_can_still_ask_for_an_archive_and_gets_none() {
    let database = Database::restore(DUMP).await;
    migrate(&database).await.unwrap();
    let mut worker = database.login().await;
    execute(&mut worker, "set role agentidp_system").await;
    let archived: Option<String> = sqlx::query_scalar("select archive_audit_month('2100-01-01', null)")
        .fetch_one(&mut worker)
        .await
        .unwrap();
    assert_eq!(archived, None);
    worker.close().await.unwrap();
}

/// Owners of the system organization with so many scopes, one of them `admin:orgs`.
const OWNERS: &str = "
    insert into organizations (id, slug, name, is_system, created_at, updated_at)
      values ('0198c5a4-0000-7000-8000-000000000001', 'system', 'System', true, now(), now());
    insert into agents (id, organization_id, email, agent_type, version, capabilities, owner, deployment_env, scopes, did_public_jwk,
      created_at, updated_at)
    select gen_random_uuid(), '0198c5a4-0000-7000-8000-000000000001', scopes || '@x.example', 'custom', '1.0.0', '{}', 'x', 'production',
      array(select 'api:' || n from generate_series(2, scopes) n) || array['admin:orgs'], '{}', now(), now()
    from unnest(array[61, 63, 64]) scopes;
    insert into organization_members (organization_id, agent_id, role, created_at)
      select organization_id, id, 'owner', now() from agents";

#[tokio::test]
async fn an_agent_gets_no_scope_beyond_the_limit_and_is_named_beforehand() {
    let database = Database::empty().await;
    let mut owner = PgConnection::connect(&database.owner_url()).await.unwrap();
    let earlier = MIGRATIONS.migrations.iter().filter(|migration| migration.version < AUTHORITY);
    let earlier = Migrator { migrations: Cow::Owned(earlier.cloned().collect()), ..Migrator::DEFAULT };
    earlier.run(&mut owner).await.unwrap();
    let mut superuser = database.superuser().await;
    execute(&mut superuser, OWNERS).await;

    let findings = check(&database, &database.login_url()).await.unwrap().unwrap();
    let told = |agent: &str| {
        let found = findings.iter().find(|finding| finding.agent.as_deref() == Some(agent)).unwrap();
        found.change.clone()
    };
    assert!(told("61@x.example").contains("it gets platform:read"), "{findings:?}");
    assert!(told("63@x.example").ends_with("does not get platform:read platform:write"), "{findings:?}");
    assert!(told("64@x.example").ends_with("does not get orgs:read platform:read platform:write"));

    migrate(&database).await.unwrap();
    let held: Vec<(String, i32)> =
        sqlx::query_as("select email, cardinality(scopes) from agents order by email")
            .fetch_all(&mut superuser)
            .await
            .unwrap();
    let held: Vec<_> = held.iter().map(|(email, scopes)| (email.as_str(), *scopes)).collect();
    assert_eq!(held, [("61@x.example", 64), ("63@x.example", 64), ("64@x.example", 64)]);
    owner.close().await.unwrap();
    superuser.close().await.unwrap();
}

#[tokio::test]
async fn a_check_of_a_database_without_a_schema_finds_nothing_and_one_without_the_roles_says_so() {
    let database = Database::empty().await;
    let found = check(&database, &database.login_url()).await.unwrap();
    assert!(found.is_none());
    let told = migration_check::to_text(found.as_deref(), false).unwrap();
    assert_eq!(told, "there is no schema yet, and so nothing to check\n");
    assert_eq!(migration_check::to_text(found.as_deref(), true).unwrap(), "[]\n");

    migrate(&database).await.unwrap();
    let found = check(&database, &database.login_url()).await.unwrap();
    assert_eq!(found.map(|findings| findings.len()), Some(0));
    let (role, password) = (format!("agentidp_stranger_{}", unique()), unique());
    let mut superuser = database.superuser().await;
    execute(&mut superuser, &format!("create role {role} login password '{password}'")).await;
    let outcome = check(&database, &database.url_as(&role, &password)).await;
    execute(&mut superuser, &format!("drop role {role}")).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, CheckError::Role(_)) && error.to_string().contains("agentidp_system"), "{error}");
    superuser.close().await.unwrap();
}
