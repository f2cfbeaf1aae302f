//! A database for each test. The roles are those of production: an owner for the migrations, and a login role that owns
//! nothing and has no rights but through `agentidp_app` and `agentidp_system`, so that row-level security is real.
//!
//! To make and drop a database takes the server longer than most of these tests: it is copied from a template that has the
//! schema already, and one that a test has left with its schema and grants as they were is emptied and kept for the next.

use std::str::FromStr as _;
use std::thread;

use agentidp::infra::db::Db;
use agentidp_tests::environment;
use aws_lc_rs::digest::{Context, SHA256};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::{Settings, execute, hex, unique};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Held while the cluster is prepared: tests are processes of their own, and all begin at once ("tmpl" in ASCII).
const TEMPLATE_LOCK: i64 = 0x746d_706c;
const OWNER: &str = "agentidp_test_owner";
const LOGIN: &str = "agentidp_test_login";

/// Given back or dropped with its owner, whoever is still connected.
pub struct Database {
    name: String,
    template: String,
    /// Past every policy, for single statements: to connect anew for each would take most of the time of some tests.
    shared: Mutex<Option<PgConnection>>,
}

impl Database {
    pub async fn create() -> Self {
        let mut server = PgConnection::connect_with(&superuser()).await.unwrap();
        let template = template(&mut server).await;
        let name = format!("agentidp_db_{}", unique());
        if !take_idle(&mut server, &template, &name).await {
            // To copy files takes a third of the server's time, but where it waits for the disk five times as long.
            let fsync: String = sqlx::query_scalar("show fsync").fetch_one(&mut server).await.unwrap();
            let strategy = if fsync == "off" { "file_copy" } else { "wal_log" };
            let create =
                format!("create database {name} template {template} owner {OWNER} strategy {strategy}");
            execute(&mut server, &create).await;
            // A copy has the template's identity too.
            let mut database = superuser().database(&name).connect().await.unwrap();
            execute(&mut database, "update instance set id = gen_random_uuid()").await;
            database.close().await.unwrap();
        }
        server.close().await.unwrap();
        Self { name, template, shared: Mutex::new(None) }
    }

    /// One without a schema: for migrations that are run one after the other.
    pub async fn empty() -> Self {
        let mut server = PgConnection::connect_with(&superuser()).await.unwrap();
        // The roles are made with it.
        let template = template(&mut server).await;
        let name = format!("agentidp_db_{}", unique());
        execute(&mut server, &format!("create database {name} owner {OWNER}")).await;
        server.close().await.unwrap();
        Self { name, template, shared: Mutex::new(None) }
    }

    /// One that holds what `pg_dump` wrote of another, as its owner made it. It is dropped afterwards.
    pub async fn restore(dump: &str) -> Self {
        let restored = Self::empty().await;
        let mut database = PgConnection::connect(&url_as(OWNER, &password(), &restored.name)).await.unwrap();
        execute(&mut database, dump).await;
        database.close().await.unwrap();
        restored
    }

    pub fn login_url(&self) -> String {
        url_as(LOGIN, &password(), &self.name)
    }

    pub fn owner_url(&self) -> String {
        url_as(OWNER, &password(), &self.name)
    }

    /// As another role of the test's own making.
    pub fn url_as(&self, role: &str, password: &str) -> String {
        url_as(role, password, &self.name)
    }

    pub fn superuser_url(&self) -> String {
        superuser().database(&self.name).to_url_lossy().to_string()
    }

    /// A connection past every policy.
    pub async fn superuser(&self) -> PgConnection {
        superuser().database(&self.name).connect().await.unwrap()
    }

    /// The one connection past every policy that is kept.
    pub async fn shared(&self) -> MappedMutexGuard<'_, PgConnection> {
        let mut kept = self.shared.lock().await;
        if kept.is_none() {
            *kept = Some(self.superuser().await);
        }
        MutexGuard::map(kept, |kept| kept.as_mut().unwrap())
    }

    /// A connection as the login role.
    pub async fn login(&self) -> PgConnection {
        PgConnection::connect(&self.login_url()).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (name, template) = (self.name.clone(), self.template.clone());
        let failed = thread::panicking();
        // From wherever, also inside another runtime.
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut server = PgConnection::connect_with(&superuser()).await.unwrap();
                if failed || give_back(&mut server, &name, &template).await.is_err() {
                    execute(&mut server, &format!("drop database if exists {name} with (force)")).await;
                }
                server.close().await.unwrap();
            });
        };
        let ended = thread::spawn(work).join();
        assert!(ended.is_ok() || failed, "the test's database could be neither given back nor dropped");
    }
}

/// What must be as in the template for a database to be used again.
const SCHEMA: &str =
    "select md5(string_agg(concat_ws(' ', relname, relkind, relacl, relrowsecurity, relforcerowsecurity), ','
    order by relname)) from pg_class where relnamespace = 'public'::regnamespace";

/// Ends everyone else's connections and leaves what the migrations leave: the schema, and an instance of its own.
const EMPTY: &str = "set session_replication_role = replica;
    select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid();
    do $$ declare name text; begin
      for name in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
        and not relispartition and relname <> '_sqlx_migrations' loop
        execute format('delete from %I', name);
      end loop;
    end $$;
    alter table edge_feed_pending alter column id restart;
    insert into instance default values;";

/// The database, emptied and under a name by which the next test finds it; an error if it is not fit for that.
async fn give_back(server: &mut PgConnection, name: &str, template: &str) -> Result<(), sqlx::Error> {
    let mut database = superuser().database(name).connect().await?;
    let schema: String = sqlx::query_scalar(SCHEMA).fetch_one(&mut database).await?;
    let as_made = "select shobj_description(oid, 'pg_database') from pg_database where datname = $1";
    let as_made: String = sqlx::query_scalar(as_made).bind(template).fetch_one(&mut *server).await?;
    if schema != as_made {
        return Err(sqlx::Error::RowNotFound);
    }
    sqlx::raw_sql(EMPTY).execute(&mut database).await?;
    database.close().await?;
    // Asked here, for the server itself would look only every tenth of a second whether the connection has ended.
    let connected = "select count(*) from pg_stat_activity where datname = $1";
    for _ in 0..1_000 {
        if sqlx::query_scalar::<_, i64>(connected).bind(name).fetch_one(&mut *server).await? == 0 {
            break;
        }
    }
    let idle = format!("{template}_idle_{}", unique());
    sqlx::raw_sql(AssertSqlSafe(format!("alter database {name} rename to {idle}"))).execute(server).await?;
    Ok(())
}

/// Renames a database that was given back to `name`, if there is one that no other test takes first.
async fn take_idle(server: &mut PgConnection, template: &str, name: &str) -> bool {
    let idle: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where starts_with(datname::text, $1)")
            .bind(format!("{template}_idle_"))
            .fetch_all(&mut *server)
            .await
            .unwrap();
    for idle in idle {
        let take = format!("alter database {idle} rename to {name}");
        if sqlx::raw_sql(AssertSqlSafe(take)).execute(&mut *server).await.is_ok() {
            return true;
        }
    }
    false
}

fn superuser() -> PgConnectOptions {
    PgConnectOptions::from_str(&environment::database_url()).unwrap().disable_statement_logging()
}

fn url_as(role: &str, password: &str, database: &str) -> String {
    superuser().username(role).password(password).database(database).to_url_lossy().to_string()
}

/// The roles' password: the same in every process, and known only to who knows the superuser's.
fn password() -> String {
    digest(&[superuser().to_url_lossy().as_str().as_bytes()])
}

fn digest(parts: &[&[u8]]) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    hex(&context.finish().as_ref()[..12])
}

/// The name of the template, which is made if there is none for these migrations yet. It stays for the next run.
async fn template(server: &mut PgConnection) -> String {
    let password = password();
    let mut parts: Vec<&[u8]> = MIGRATIONS.iter().map(|migration| &*migration.checksum).collect();
    parts.push(password.as_bytes());
    let name = format!("agentidp_tests_{}", digest(&parts));
    if !exists(server, &name).await {
        sqlx::query("select pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut *server).await.unwrap();
        if !exists(server, &name).await {
            build(server, &name, &password).await;
        }
        sqlx::query("select pg_advisory_unlock($1)").bind(TEMPLATE_LOCK).execute(server).await.unwrap();
    }
    name
}

async fn exists(server: &mut PgConnection, name: &str) -> bool {
    sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(server)
        .await
        .unwrap()
}

/// Under another name until it is complete, so that whoever finds a template finds a whole one.
async fn build(server: &mut PgConnection, name: &str, password: &str) {
    let building = format!("{name}_building");
    for role in ["agentidp_app", "agentidp_system", OWNER, LOGIN] {
        let create = format!(
            "do $$ begin create role {role}; exception when duplicate_object or unique_violation then null; end $$"
        );
        execute(server, &create).await;
    }
    for statement in [
        format!("alter role {OWNER} login createrole nosuperuser nobypassrls password '{password}'"),
        format!("alter role {LOGIN} login noinherit nosuperuser nobypassrls password '{password}'"),
        format!("grant agentidp_app, agentidp_system to {LOGIN}"),
        // Nothing here outlives a crash of the server.
        format!("alter role {LOGIN} set synchronous_commit = off"),
        format!("drop database if exists {building} with (force)"),
        format!("create database {building} owner {OWNER}"),
    ] {
        execute(server, &statement).await;
    }
    let settings = Settings::on(&url_as(LOGIN, password, &building), &url_as(OWNER, password, &building));
    Db::migrate(&settings.config().database).await.unwrap();
    let mut database = superuser().database(&building).connect().await.unwrap();
    let schema: String = sqlx::query_scalar(SCHEMA).fetch_one(&mut database).await.unwrap();
    database.close().await.unwrap();
    execute(server, &format!("comment on database {building} is '{schema}'")).await;
    execute(server, &format!("alter database {building} rename to {name}")).await;
}
