//! The development database and its roles. They are those of production: an owner for migrations, and a login role that owns
//! nothing and has no rights but through `agentidp_app` and `agentidp_system`, so that row-level security is real here too.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::Postgres;
use crate::dev::state::random_hex;

const DATABASE: &str = "agentidp";
const OWNER: &str = "agentidp_owner";
const LOGIN: &str = "agentidp_login";

/// Connection URLs, valid until the cluster stops.
pub(in crate::dev) struct Urls {
    pub login: String,
    pub owner: String,
}

/// Creates what is missing and gives both roles new passwords.
pub(super) async fn create(postgres: &Postgres) -> Result<Urls, sqlx::Error> {
    let (login_password, owner_password) = (random_hex(), random_hex());
    let mut connection = PgConnection::connect(postgres.superuser_url().expose()).await?;
    // Role statements take no parameters; what is put into them are constants and hexadecimal digits.
    let mut statements: Vec<String> = ["agentidp_app", "agentidp_system", OWNER, LOGIN]
        .into_iter()
        .map(|role| {
            format!("do $$ begin create role {role}; exception when duplicate_object then null; end $$")
        })
        .collect();
    statements.push(format!(
        "alter role {OWNER} login createrole nosuperuser nobypassrls password '{owner_password}'"
    ));
    statements.push(format!(
        "alter role {LOGIN} login noinherit nosuperuser nobypassrls password '{login_password}'"
    ));
    statements.push(format!("grant agentidp_app, agentidp_system to {LOGIN}"));
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(DATABASE)
        .fetch_one(&mut connection)
        .await?;
    if !exists {
        sqlx::raw_sql(AssertSqlSafe(format!("create database {DATABASE} owner {OWNER}")))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(Urls {
        login: postgres.url(LOGIN, &login_password, DATABASE).expose().clone(),
        owner: postgres.url(OWNER, &owner_password, DATABASE).expose().clone(),
    })
}
