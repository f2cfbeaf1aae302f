//! The database: one pool, and transactions that carry who they act for.
//!
//! There is no way to run a query of a feature outside a [`TenantTx`], a [`SystemTx`] or a [`Line`](super::line::Line). The first two
//! choose their role with `SET LOCAL`, so a pooled connection goes back without a trace of them; a line's never goes back.

use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::str::FromStr;
use std::time::{Duration, Instant};

use agentidp_shared::ids::OrganizationId;
use sqlx::pool::{MaybePoolConnection, PoolConnection};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, PgConnection, PgPool, Postgres, SqlSafeStr as _,
    Transaction,
};
use uuid::Uuid;

use super::config::Database;
use super::turns::{Shares, Turn, Turns};

/// How long a request may wait for a connection before it is told to come back later.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that was used so lately is taken to work: asking it first is a trip to the database.
pub(super) const TRUSTED_FOR: Duration = Duration::from_millis(500);
/// Longest statement of a request; background work that needs longer says so itself.
const STATEMENT_TIMEOUT: &str = "10s";
/// Longest wait for a row that another transaction holds.
const LOCK_TIMEOUT: &str = "8s";
/// What a list begins with: it only reads, for a shorter time, and its plan is made for the filters that it has. A plan for any
/// filters would read everything of the organization.
const LIST: &str = "set transaction read only; set local statement_timeout = '4s'; set local plan_cache_mode = force_custom_plan";

#[derive(Debug, Clone)]
pub struct Db {
    pool: PgPool,
    /// Connections by organization.
    turns: Turns,
}

/// Of the connections, those that the transactions of one organization may hold: whatever they wait for, a row of its own that
/// another of its transactions has locked for one, the others find connections free. The rest of its transactions wait outside.
fn share_of_connections(connections: u32) -> Shares {
    let of = |part: u32| usize::try_from(part).unwrap_or(1).max(1);
    Shares {
        per_organization: of(connections.saturating_mul(2) / 5),
        in_all: of(connections),
        waiting_per_organization: usize::MAX,
        deadline: ACQUIRE_TIMEOUT,
    }
}

/// How a connection to the database is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// By TLS.
    Encrypted,
    /// By staying on this machine.
    Local,
    /// Not at all.
    Clear,
}

#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("DATABASE_URL is not a PostgreSQL URL")]
    Url(#[source] sqlx::Error),
    #[error("the database does not answer; check DATABASE_URL and that PostgreSQL is running")]
    Connect(#[source] sqlx::Error),
    #[error("PostgreSQL {0} is too old: version 15 or later is needed")]
    Version(i32),
    #[error(
        "the login role of DATABASE_URL may bypass row-level security ({0}); use a role that is not a superuser, has no BYPASSRLS, owns no table, and is a member of agentidp_app and agentidp_system"
    )]
    PrivilegedRole(&'static str),
    #[error("the migrations could not be applied; DATABASE_OWNER_URL must name the owner of the schema")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    #[error(
        "migration {0} waited for a table that is in use, and gave up; it changed nothing, so run migrate again when there is less to do"
    )]
    InUse(i64, #[source] sqlx::Error),
}

impl From<sqlx::migrate::MigrateError> for DbError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError::ExecuteMigration;
        match error {
            ExecuteMigration(error, version) if is_lock_timeout(&error) => Self::InUse(version, error),
            error => Self::Migrate(error),
        }
    }
}

/// `lock_not_available`.
fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("55P03")
}

impl Db {
    /// Connects and checks the server's version. The connection is lazy after that: a database that goes away is not fatal.
    pub async fn connect(config: &Database) -> Result<Self, DbError> {
        let options: PgConnectOptions = config.url.expose().parse().map_err(DbError::Url)?;
        let options = options
            .application_name("agentidp")
            .options([("statement_timeout", STATEMENT_TIMEOUT), ("lock_timeout", LOCK_TIMEOUT)])
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .min_connections(config.kept_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, metadata| {
                Box::pin(async move {
                    if metadata.idle_for > TRUSTED_FOR {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .map_err(DbError::Connect)?;
        let version =
            sqlx::query_scalar!(r#"select current_setting('server_version_num')::int as "version!""#)
                .fetch_one(&pool)
                .await
                .map_err(DbError::Connect)?;
        if version < 150_000 {
            return Err(DbError::Version(version / 10_000));
        }
        Ok(Self { pool, turns: Turns::new(share_of_connections(config.max_connections)) })
    }

    /// Applies the migrations as the schema's owner.
    pub async fn migrate(config: &Database) -> Result<(), DbError> {
        let options: PgConnectOptions = config.owner_url.expose().parse().map_err(DbError::Url)?;
        let pool =
            PgPoolOptions::new().max_connections(1).connect_with(options).await.map_err(DbError::Connect)?;
        let result = sqlx::migrate!("./migrations").run(&pool).await.map_err(DbError::from);
        pool.close().await;
        result
    }

    /// Refuses a login role for which row-level security would mean nothing.
    pub async fn check_privileges(&self) -> Result<(), DbError> {
        let role = sqlx::query!(
            r#"select rolsuper as "superuser!", rolbypassrls as "bypasses!",
                 exists (select from pg_class where relowner = pg_roles.oid and relkind in ('r', 'p')) as "owner!"
               from pg_roles where rolname = session_user"#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(DbError::Connect)?;
        match (role.superuser, role.bypasses, role.owner) {
            (true, ..) => Err(DbError::PrivilegedRole("superuser")),
            (_, true, _) => Err(DbError::PrivilegedRole("BYPASSRLS")),
            (.., true) => Err(DbError::PrivilegedRole("owner of tables")),
            _ => Ok(()),
        }
    }

    /// How the connections to the server are protected. Asked as the login role: another is not shown it.
    pub async fn transport(&self) -> Result<Transport, sqlx::Error> {
        let row = sqlx::query!(
            r#"select coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as "encrypted!",
                 coalesce(inet_server_addr() <<= '127.0.0.0/8' or inet_server_addr() = '::1', true) as "local!""#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(match (row.encrypted, row.local) {
            (true, _) => Transport::Encrypted,
            (false, true) => Transport::Local,
            (false, false) => Transport::Clear,
        })
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let _waiting = Waiting::new();
        self.pool.acquire().await
    }

    /// Begins, and says who acts, in one trip. No text of anybody else is in the statement.
    async fn begin(&self, statement: String) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let connection = MaybePoolConnection::from(self.acquire().await?);
        // Once it is sent it is waited for, whoever gives up: a connection that went back in between would still act for somebody.
        let begin = Transaction::begin(connection, Some(AssertSqlSafe(statement).into_sql_str()));
        tokio::spawn(begin).await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }

    /// Waits until the organization holds fewer connections than it may.
    async fn turn_of(&self, organization: OrganizationId) -> Result<Turn, sqlx::Error> {
        let _waiting = Waiting::new();
        self.turns.begin(organization).await.map_err(|_| sqlx::Error::PoolTimedOut)
    }

    /// Begins a transaction that sees and changes only `organization`'s rows.
    #[track_caller]
    pub fn tenant(
        &self,
        organization: OrganizationId,
    ) -> impl Future<Output = Result<TenantTx, sqlx::Error>> + Send + use<'_> {
        let caller = Location::caller();
        async move {
            let turn = self.turn_of(organization).await?;
            let inner = self.begin(begin_as_tenant(organization)).await?;
            let timer = Timer::start(caller);
            Ok(TenantTx { inner, organization, _timer: timer, _turn: turn })
        }
    }

    /// Begins a transaction as [`tenant`](Self::tenant) does, for a list.
    #[track_caller]
    pub(super) fn tenant_list(
        &self,
        organization: OrganizationId,
    ) -> impl Future<Output = Result<TenantTx, sqlx::Error>> + Send + use<'_> {
        let caller = Location::caller();
        async move {
            let turn = self.turn_of(organization).await?;
            let inner = self.begin(format!("{}; {LIST}", begin_as_tenant(organization))).await?;
            let timer = Timer::start(caller);
            Ok(TenantTx { inner, organization, _timer: timer, _turn: turn })
        }
    }

    /// Begins a transaction as [`system`](Self::system) does, for a list.
    #[track_caller]
    pub(super) fn system_list(&self) -> impl Future<Output = Result<SystemTx, sqlx::Error>> + Send + use<'_> {
        let caller = Location::caller();
        async move {
            let inner = self.begin(format!("{BEGIN_AS_SYSTEM}; {LIST}")).await?;
            let timer = Timer::start(caller);
            Ok(SystemTx { inner, _timer: timer })
        }
    }

    /// Begins a transaction across organizations, for work that has no tenant yet (authentication) or none at all
    /// (sequencer, sealer).
    #[track_caller]
    pub fn system(&self) -> impl Future<Output = Result<SystemTx, sqlx::Error>> + Send + use<'_> {
        let caller = Location::caller();
        async move {
            let inner = self.begin(BEGIN_AS_SYSTEM.to_owned()).await?;
            let timer = Timer::start(caller);
            Ok(SystemTx { inner, _timer: timer })
        }
    }
}

const BEGIN_AS_SYSTEM: &str = "begin; set local role agentidp_system";

fn begin_as_tenant(organization: OrganizationId) -> String {
    let organization_id: Uuid = organization.as_uuid();
    format!("begin; set local role agentidp_app; set local app.organization_id = '{organization_id}'")
}

/// Measures a transaction from its beginning to its end, however it ends.
#[derive(Debug)]
pub(super) struct Timer {
    operation: &'static str,
    started: Instant,
}

impl Timer {
    pub(super) fn start(caller: &'static Location<'static>) -> Self {
        Self { operation: operation_of(caller.file()), started: Instant::now() }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let seconds = self.started.elapsed().as_secs_f64();
        metrics::histogram!("agentidp_db_query_duration_seconds", "operation" => self.operation)
            .record(seconds);
    }
}

/// The operation behind a source file: one operation is one file, so `…/src/agents/create.rs` is `agents/create`.
fn operation_of(file: &'static str) -> &'static str {
    let path = file.rsplit_once("src/").map_or(file, |(_, path)| path);
    path.strip_suffix(".rs").unwrap_or(path)
}

/// Counted while it lives, also when the wait is given up.
struct Waiting;

impl Waiting {
    const GAUGE: &str = "agentidp_db_pool_waiting_requests";

    fn new() -> Self {
        metrics::gauge!(Self::GAUGE).increment(1);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        metrics::gauge!(Self::GAUGE).decrement(1);
    }
}

/// A transaction of one organization. Dropped without [`commit`](Self::commit), it is rolled back.
#[derive(Debug)]
pub struct TenantTx {
    inner: Transaction<'static, Postgres>,
    organization: OrganizationId,
    _timer: Timer,
    // Given back after the connection.
    _turn: Turn,
}

impl TenantTx {
    pub fn organization_id(&self) -> OrganizationId {
        self.organization
    }

    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.inner.commit().await
    }
}

/// A transaction across organizations. Dropped without [`commit`](Self::commit), it is rolled back.
#[derive(Debug)]
pub struct SystemTx {
    inner: Transaction<'static, Postgres>,
    _timer: Timer,
}

impl SystemTx {
    /// Whether the advisory lock could be had; it is kept until the transaction ends.
    pub async fn try_lock(&mut self, key: i64) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock($1) as "locked!""#, key)
            .fetch_one(&mut *self.inner)
            .await
    }

    /// From now on the transaction's statements may take their time.
    pub async fn without_time_limit(&mut self) -> Result<(), sqlx::Error> {
        sqlx::query!("select set_config('statement_timeout', '0', true)").fetch_one(&mut *self.inner).await?;
        Ok(())
    }

    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.inner.commit().await
    }
}

/// A transaction of an organization or across them, for what is the same in both.
pub trait AnyTx: DerefMut<Target = PgConnection> + Send {
    fn commit(self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

impl AnyTx for TenantTx {
    async fn commit(self) -> Result<(), sqlx::Error> {
        self.inner.commit().await
    }
}

impl AnyTx for SystemTx {
    async fn commit(self) -> Result<(), sqlx::Error> {
        self.inner.commit().await
    }
}

impl Deref for TenantTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for TenantTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

impl Deref for SystemTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for SystemTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

/// Not one of the values there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of the known values")]
pub struct UnknownValue;

/// Reads a value stored as text; anything else than what this version writes is a decoding error.
pub fn decode<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    text: &str,
) -> Result<T, sqlx::Error> {
    text.parse().map_err(|error: T::Err| sqlx::Error::Decode(error.into()))
}

/// A LIKE pattern for `text` anywhere, with what LIKE would take for wildcards escaped.
pub fn contains_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_named_after_the_file_that_began_it() {
        assert_eq!(operation_of("control-plane/src/agents/create.rs"), "agents/create");
        assert_eq!(operation_of("elsewhere.rs"), "elsewhere");
    }

    #[test]
    fn like_injection_attack_wildcards_of_the_caller_are_text() {
        assert_eq!(contains_pattern("50%_\\"), "%50\\%\\_\\\\%");
    }
}
