//! Which login roles a control plane starts with: none for which row-level security would mean nothing.

use agentidp::app::StartError;
use agentidp::infra::db::{Db, DbError};

use crate::support::{Instance, unique};

/// What `check_privileges` says of a login role.
async fn check(instance: &Instance, url: &str) -> Result<(), DbError> {
    let config = instance.settings.clone().with("DATABASE_URL", url).config();
    Db::connect(&config.database).await.unwrap().check_privileges().await
}

#[tokio::test]
async fn the_role_that_only_chooses_between_the_two_is_accepted() {
    let instance = Instance::start().await;
    check(&instance, &instance.database.login_url()).await.unwrap();
    instance.app.db.check_privileges().await.unwrap();
}

#[tokio::test]
async fn a_superuser_is_refused() {
    let instance = Instance::start().await;
    let refused = check(&instance, &instance.database.superuser_url()).await.unwrap_err();
    assert!(matches!(refused, DbError::PrivilegedRole("superuser")), "{refused}");
    assert!(refused.to_string().contains("DATABASE_URL"), "{refused}");
}

#[tokio::test]
async fn the_owner_of_the_tables_is_refused() {
    let instance = Instance::start().await;
    let refused = check(&instance, &instance.database.owner_url()).await.unwrap_err();
    assert!(matches!(refused, DbError::PrivilegedRole("owner of tables")), "{refused}");
}

#[tokio::test]
async fn a_role_with_bypassrls_is_refused() {
    let instance = Instance::start().await;
    let (role, password) = (format!("agentidp_bypass_{}", unique()), unique());
    instance.execute(&format!("create role {role} login bypassrls password '{password}'")).await;
    let outcome = check(&instance, &instance.database.url_as(&role, &password)).await;
    instance.execute(&format!("drop role {role}")).await;
    assert!(matches!(outcome, Err(DbError::PrivilegedRole("BYPASSRLS"))), "{outcome:?}");
}

#[tokio::test]
async fn a_database_without_the_schema_says_what_to_do() {
    let instance = Instance::start().await;
    instance.execute("drop table instance cascade").await;
    let error = instance.settings.start(&instance.clock).await.unwrap_err();
    assert!(!matches!(error, StartError::Policy(_) | StartError::Keys(_)), "{error:?}");
}
