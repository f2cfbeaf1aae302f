//! What these tests share: an instance on a database of its own, and a client that needs no network.

mod audit_rows;
mod database;
mod edge;
mod http;
mod tenants;

use std::collections::BTreeMap;
use std::sync::Arc;

use agentidp::app::{App, StartError, job_kinds};
use agentidp::infra::clock::{Clock as _, ManualClock};
use agentidp::infra::config::Config;
use agentidp::infra::db::Db;
use agentidp::infra::jobs;
use agentidp::infra::rng::SystemRng;
use agentidp::keys::Signer;
use agentidp::{audit, bootstrap, edge_feed};
use agentidp_shared::jwk::Algorithm;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::{AssertSqlSafe, PgConnection};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

pub use agentidp_tests::{hex, unique};
pub use audit_rows::EventRow;
pub use database::Database;
pub use edge::Edge;
pub use http::{Answer, Api};
pub use tenants::{Agent, Tenant, new_agent};

pub const ISSUER: &str = "https://id.example";
/// The life of a token, in seconds.
pub const TOKEN_TTL: i64 = 3_600;

/// One deployment: a database, a clock, and a process that uses both.
pub struct Instance {
    pub app: App,
    pub clock: Arc<ManualClock>,
    pub settings: Settings,
    /// Dropped last: with it goes the database.
    pub database: Database,
}

/// What a process is started with.
#[derive(Clone)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// For production, so that everything that is refused there is refused here.
    pub fn on(login_url: &str, owner_url: &str) -> Self {
        let (feed_key, _) = Signer::generate(Algorithm::EdDSA).unwrap();
        let feed_key = STANDARD.encode(&*feed_key);
        let edges = Edge::ALL.map(|name| format!("{name}:{}", Edge::secret_of(name)));
        Self(BTreeMap::new())
            .with("DATABASE_URL", login_url)
            .with("DATABASE_OWNER_URL", owner_url)
            .with("DATABASE_MAX_CONNECTIONS", "4")
            .with("AGENTIDP_ISSUER", ISSUER)
            .with("AGENTIDP_KEYSTORE_KEY", &STANDARD.encode([7; 32]))
            .with(
                "AGENTIDP_FEED_KEY",
                &format!("-----BEGIN PRIVATE KEY-----\n{feed_key}\n-----END PRIVATE KEY-----"),
            )
            .with("AGENTIDP_TOKEN_TTL_SECONDS", &TOKEN_TTL.to_string())
            .with("AGENTIDP_EDGE_KEYS", &edges.join(","))
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn feed_key(&self) -> String {
        self.0["AGENTIDP_FEED_KEY"].clone()
    }

    pub fn config(&self) -> Config {
        let mut config = Config::from_values(self.0.clone()).unwrap();
        config.database.kept_connections = 0;
        config
    }

    /// A process with these settings.
    pub async fn start(&self, clock: &Arc<ManualClock>) -> Result<App, StartError> {
        App::start(self.config(), clock.clone(), Arc::new(SystemRng)).await
    }
}

impl Instance {
    pub async fn start() -> Self {
        Self::start_with(|settings| settings).await
    }

    pub async fn start_with(change: impl FnOnce(Settings) -> Settings) -> Self {
        let database = Database::create().await;
        let settings = change(Settings::on(&database.login_url(), &database.owner_url()));
        let clock = Arc::new(ManualClock::new(datetime!(2030-01-15 12:00:00.25 UTC)));
        let app = settings.start(&clock).await.unwrap();
        Self { app, clock, settings, database }
    }

    /// A process of today over a dump of another version, at `now`: what that version left is migrated first.
    pub async fn restore(dump: &str, now: OffsetDateTime, change: impl FnOnce(Settings) -> Settings) -> Self {
        let database = Database::restore(dump).await;
        let settings = change(Settings::on(&database.login_url(), &database.owner_url()));
        Db::migrate(&settings.config().database).await.unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let app = settings.start(&clock).await.unwrap();
        Self { app, clock, settings, database }
    }

    /// Another process on the same database, with the same clock.
    pub async fn another_process(&self) -> App {
        self.settings.start(&self.clock).await.unwrap()
    }

    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub fn api(&self) -> Api {
        Api::of(&self.app)
    }

    /// The system organization with its first administrator logged in.
    pub async fn platform(&self) -> Tenant {
        let made = bootstrap::run(&self.app, true).await.unwrap();
        let (credential_id, secret) = made.credential.unwrap();
        let admin = Agent {
            id: made.agent_id.to_string(),
            email: String::new(),
            credential_id: credential_id.to_string(),
            secret: secret.expose().clone(),
        };
        let api = admin.log_in(&self.api()).await;
        Tenant { organization_id: made.organization_id.to_string(), admin, api }
    }

    /// An organization without limits, with its first administrator logged in.
    pub async fn tenant(&self) -> Tenant {
        self.platform().await.create_organization("enterprise").await
    }

    pub fn edge(&self, name: &str) -> Edge {
        Edge::of(&self.app, name)
    }

    /// Numbers everything that is committed.
    pub async fn sequence(&self) {
        while edge_feed::sequence_committed(&self.app).await.unwrap() > 0 {}
    }

    /// Seals everything that is committed.
    pub async fn seal(&self) {
        while audit::seal_committed(&self.app).await.unwrap() > 0 {}
    }

    /// Enqueues what is due by schedule, and runs all jobs that are due.
    pub async fn run_schedules(&self) {
        let registry = job_kinds(&self.app);
        jobs::enqueue_due(&self.app, &registry).await.unwrap().unwrap();
        while jobs::run_due(&self.app, &registry).await.unwrap() > 0 {}
    }

    /// A connection past every policy.
    pub async fn superuser(&self) -> PgConnection {
        self.database.superuser().await
    }

    /// One number, read past every policy.
    pub async fn number(&self, query: &str) -> i64 {
        number(&mut *self.database.shared().await, query).await
    }

    /// Does something past every policy.
    pub async fn execute(&self, statement: &str) {
        execute(&mut *self.database.shared().await, statement).await;
    }
}

/// One number. The statement is the test's own.
pub async fn number(connection: &mut PgConnection, query: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(connection).await.unwrap()
}

/// One statement of the test's own, or several.
pub async fn execute(connection: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await.unwrap();
}

/// The SQLSTATE of a statement that must fail within the transaction, which goes on as if it had not been tried.
#[track_caller]
pub fn refusal(connection: &mut PgConnection, statement: &str) -> impl Future<Output = String> {
    let caller = std::panic::Location::caller();
    async move {
        execute(connection, "savepoint attempt").await;
        let outcome = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *connection).await;
        let Err(sqlx::Error::Database(error)) = outcome else {
            panic!("{caller}: not refused: {statement}: {outcome:?}")
        };
        execute(connection, "rollback to savepoint attempt").await;
        error.code().unwrap_or_default().into_owned()
    }
}
