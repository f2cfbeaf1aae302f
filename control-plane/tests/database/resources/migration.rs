//! From a schema without protected APIs: what is found before, and what is kept.

use std::borrow::Cow;

use agentidp::migration_check;
use agentidp::resources::check_migration;
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection};

use crate::support::{Database, execute};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
const PROTECTED_RESOURCES: i64 = 28;

fn migrations(include: impl Fn(i64) -> bool) -> Migrator {
    let chosen: Vec<_> =
        MIGRATIONS.migrations.iter().filter(|migration| include(migration.version)).cloned().collect();
    Migrator { migrations: Cow::Owned(chosen), ignore_missing: true, ..Migrator::DEFAULT }
}

/// Three organizations with agents as the schema before had them, of which the second allowed one API by itself.
const BEFORE: &str = "
    insert into organizations (id, slug, name, is_system, created_at, updated_at) values
      ('0198c5a4-0000-7000-8000-000000000001', 'system', 'System', true, now(), now()),
      ('0198c5a4-0000-7000-8000-000000000002', 'one', 'One', false, now(), now()),
      ('0198c5a4-0000-7000-8000-000000000003', 'two', 'Two', false, now(), now());
    update organizations set allowed_resources = '{https://orders.example.com}' where slug = 'two';
    insert into agents (id, organization_id, email, agent_type, version, capabilities, owner, deployment_env, scopes, status,
      did_public_jwk, created_at, updated_at)
    select gen_random_uuid(), ('0198c5a4-0000-7000-8000-00000000000' || organization)::uuid, gen_random_uuid() || '@x.example', 'custom',
      '1.0.0', '{}', 'x', 'production', scopes, status, '{}', now(), now()
    from (values (1, array['admin:orgs', 'orders:read'], 'active'), (2, array['agents:read', 'orders:write', 'orders:read'], 'active'),
      (2, array['orders:read', 'openid'], 'suspended'), (2, array['gone:read'], 'decommissioned'),
      (3, array['agents:read'], 'active')) agents (organization, scopes, status)";

#[tokio::test]
async fn organizations_keep_what_they_have_and_new_ones_begin_with_none() {
    let database = Database::empty().await;
    let mut owner = PgConnection::connect(&database.owner_url()).await.unwrap();
    migrations(|version| version < PROTECTED_RESOURCES).run(&mut owner).await.unwrap();
    let mut superuser = database.superuser().await;
    execute(&mut superuser, BEFORE).await;

    let findings = check_migration(&mut superuser).await.unwrap();
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert_eq!(findings[0].slug, "one");
    assert!(findings[0].has_any_resource);
    assert_eq!(findings[0].allowed_scopes, ["orders:read", "orders:write"]);
    let told = migration_check::Finding::from(findings[0].clone());
    assert!(told.change.contains("orders:read orders:write") && told.change.contains('*'), "{told:?}");

    migrations(|version| version >= PROTECTED_RESOURCES).run(&mut owner).await.unwrap();
    execute(
        &mut superuser,
        "insert into organizations (id, slug, name, created_at, updated_at)
         values ('0198c5a4-0000-7000-8000-000000000004', 'zero', 'New', now(), now())",
    )
    .await;
    let kept: Vec<(String, Vec<String>, Vec<String>)> =
        sqlx::query_as("select slug, allowed_resources, allowed_scopes from organizations order by slug")
            .fetch_all(&mut superuser)
            .await
            .unwrap();
    let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        kept,
        [
            ("one".to_owned(), list("*"), list("orders:read orders:write")),
            ("system".to_owned(), list("*"), list("*")),
            ("two".to_owned(), list("https://orders.example.com"), vec![]),
            ("zero".to_owned(), vec![], vec![]),
        ]
    );
    owner.close().await.unwrap();
    superuser.close().await.unwrap();
}
