//! A control plane on a database of its own, with a clock that moves only when told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use agentidp::app::{self, App};
use agentidp::bootstrap;
use agentidp::infra::clock::{ManualClock, from_unix_seconds};
use agentidp::infra::config::{Config, Database, Secret};
use agentidp::infra::db::Db;
use agentidp::infra::rng::SystemRng;
use agentidp_shared::strict::decode_base64url;
use agentidp_tests::{environment, unique};
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection};
use time::Duration;
use tower::ServiceExt as _;

/// When every test begins.
pub const START: u64 = 1_900_000_000;
pub const ISSUER: &str = "https://id.example";
pub const EDGE_NAME: &str = "edge";
pub const EDGE_KEY: &str = "an-edge-key-of-more-than-32-characters";
/// The login role of these tests: as in production it owns nothing and cannot bypass policies.
const LOGIN: &str = "agentidp_database_tests";
const FEED_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
/// Held while the template or the role is being made ("test" in ASCII).
const SETUP_LOCK: i64 = 0x7465_7374;

pub struct World {
    pub app: App,
    pub clock: Arc<ManualClock>,
    pub database: TestDatabase,
}

/// An answer of the router.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn get(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member} in {}", self.text)).to_owned()
    }
}

/// A client: an agent's id and its secret.
#[derive(Debug, Clone)]
pub struct Client {
    pub id: String,
    pub secret: String,
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With settings besides the usual ones.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::create().await;
        let clock = Arc::new(ManualClock::new(from_unix_seconds(START)));
        let app = start(&database, &clock, settings).await.unwrap();
        Self { app, clock, database }
    }

    /// Another process on the same database.
    pub async fn another(&self, settings: &[(&str, &str)]) -> Result<App, app::StartError> {
        start(&self.database, &self.clock, settings).await
    }

    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// The system organization's first administrator.
    pub async fn bootstrap(&self) -> Client {
        let first = bootstrap::run(&self.app, false).await.unwrap();
        let (_, secret) = first.credential.expect("the first time");
        Client { id: first.agent_id.to_string(), secret: secret.expose().clone() }
    }

    /// Another organization's first administrator, and the organization.
    pub async fn organization(&self, platform: &Client, tier: &str) -> (Client, String) {
        let slug = format!("org-{}", unique());
        let body = json!({"name": slug, "slug": slug, "tier": tier, "admin": {"email": "a@b.example", "owner": "x"}});
        let token = self.token(platform).await;
        let created = self.post("/api/v1/organizations", &token, &body).await.expect(201);
        let admin = &created.body["admin"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (
            Client { id: text(&admin["clientId"]), secret: text(&admin["clientSecret"]) },
            created.get("organizationId"),
        )
    }

    /// Registers an agent with these scopes and gives it a credential; returns also the credential's id.
    pub async fn agent(&self, admin: &Client, scopes: &[&str]) -> (Client, String) {
        let token = self.token(admin).await;
        let agent = self.post("/api/v1/agents", &token, &new_agent(scopes)).await.expect(201).get("agentId");
        let path = format!("/api/v1/agents/{agent}/credentials");
        let credential = self.post(&path, &token, &json!({})).await.expect(201);
        (Client { id: agent, secret: credential.get("clientSecret") }, credential.get("credentialId"))
    }

    pub async fn ask_token(&self, client: &Client) -> Answer {
        self.ask_token_from(client, "192.0.2.1").await
    }

    pub async fn ask_token_from(&self, client: &Client, address: &str) -> Answer {
        let basic = STANDARD.encode(format!("{}:{}", client.id, client.secret));
        let request = Request::post("/oauth2/token")
            .header("authorization", format!("Basic {basic}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from("grant_type=client_credentials"))
            .unwrap();
        self.send_from(request, address).await
    }

    pub async fn token(&self, client: &Client) -> String {
        self.ask_token(client).await.expect(200).get("access_token")
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(authorized("GET", path, token).body(Body::empty()).unwrap()).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        self.send(authorized("DELETE", path, token).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.json("POST", path, token, body, None).await
    }

    pub async fn json(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &Value,
        idempotency_key: Option<&str>,
    ) -> Answer {
        let mut request = authorized(method, path, token).header("content-type", "application/json");
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn form(&self, path: &str, token: &str, form: &str) -> Answer {
        let request =
            authorized("POST", path, token).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// As the edge, which says it holds `acknowledged`.
    pub async fn feed(&self, path: &str, acknowledged: Option<u64>) -> Answer {
        let mut request = authorized("GET", path, EDGE_KEY).header("x-edge-name", EDGE_NAME);
        if let Some(sequence) = acknowledged {
            request = request.header("x-edge-sequence", sequence.to_string());
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from(request, "192.0.2.1").await
    }

    async fn send_from(&self, mut request: Request<Body>, address: &str) -> Answer {
        let peer = SocketAddr::new(address.parse().unwrap(), 1);
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = app::router(&self.app).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 10_000_000).await.unwrap().to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }
}

fn authorized(method: &str, path: &str, token: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"))
}

pub fn new_agent(scopes: &[&str]) -> Value {
    json!({
        "email": format!("agent-{}@tests.example", unique()), "agentType": "custom", "version": "1.0.0",
        "capabilities": [], "owner": "the tests", "deploymentEnv": "development", "scopes": scopes,
    })
}

/// The claims of a token, or the batch in a feed's JWS.
pub fn payload(jws: &str) -> Value {
    serde_json::from_slice(&decode_base64url(jws.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

async fn start(
    database: &TestDatabase,
    clock: &Arc<ManualClock>,
    settings: &[(&str, &str)],
) -> Result<App, app::StartError> {
    let mut values: BTreeMap<String, String> = [
        ("DATABASE_URL", database.login_url.as_str()),
        ("DATABASE_MAX_CONNECTIONS", "8"),
        ("AGENTIDP_ISSUER", ISSUER),
        ("AGENTIDP_KEYSTORE_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("AGENTIDP_FEED_KEY", FEED_KEY),
        ("AGENTIDP_EDGE_KEYS", &format!("{EDGE_NAME}:{EDGE_KEY}")),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    values.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut config = Config::from_values(values).unwrap();
    config.database.kept_connections = 0;
    App::start(config, clock.clone(), Arc::new(SystemRng)).await
}

/// A database made from a template with the migrations in it; dropped with its owner.
pub struct TestDatabase {
    name: String,
    /// Of the login role.
    pub login_url: String,
}

impl TestDatabase {
    pub async fn create() -> Self {
        let name = format!("agentidp_database_{}", unique());
        let mut connection = superuser(None).await;
        let template = template(&mut connection).await;
        run(&mut connection, format!("create database {name} template {template}")).await;
        connection.close().await.unwrap();
        let mut database = Self { name, login_url: String::new() };
        database.login_url = database.url_of(LOGIN);
        database
    }

    /// Of a role whose password is its name.
    pub fn url_of(&self, role: &str) -> String {
        options(Some(&self.name)).username(role).password(role).to_url_lossy().to_string()
    }

    /// Past every policy, to see what no request can.
    pub async fn superuser(&self) -> PgConnection {
        superuser(Some(&self.name)).await
    }

    pub fn superuser_url(&self) -> String {
        options(Some(&self.name)).to_url_lossy().to_string()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let statement = format!("drop database if exists {} with (force)", self.name);
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { run(&mut superuser(None).await, statement).await });
        };
        let _ = std::thread::spawn(work).join();
    }
}

/// The name of the template for the present migrations, made by whoever comes first.
async fn template(connection: &mut PgConnection) -> String {
    let migrations = sqlx::migrate!("./migrations");
    let version: String = migrations
        .iter()
        .flat_map(|step| step.checksum.iter().take(4))
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let name = format!("agentidp_template_{version}");
    sqlx::query("select pg_advisory_lock($1)").bind(SETUP_LOCK).execute(&mut *connection).await.unwrap();
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1 and datistemplate)")
            .bind(&name)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
    if !exists {
        run(connection, format!("drop database if exists {name} with (force)")).await;
        run(connection, format!("create database {name}")).await;
        let url = || Secret::new(options(Some(&name)).to_url_lossy().to_string());
        let database = Database { url: url(), owner_url: url(), max_connections: 2, kept_connections: 0 };
        Db::migrate(&database).await.unwrap();
        run(
            connection,
            format!(
                "do $$ begin create role {LOGIN} login noinherit password '{LOGIN}'; \
                 exception when duplicate_object then null; end $$"
            ),
        )
        .await;
        run(connection, format!("grant agentidp_app, agentidp_system to {LOGIN}")).await;
        run(connection, format!("alter database {name} is_template true")).await;
    }
    sqlx::query("select pg_advisory_unlock($1)").bind(SETUP_LOCK).execute(connection).await.unwrap();
    name
}

fn options(database: Option<&str>) -> PgConnectOptions {
    let options = PgConnectOptions::from_str(&environment::database_url()).unwrap();
    match database {
        Some(database) => options.database(database),
        None => options,
    }
    .disable_statement_logging()
}

async fn superuser(database: Option<&str>) -> PgConnection {
    options(database).connect().await.unwrap()
}

/// Runs one statement of our own making; names cannot be parameters.
pub async fn run(connection: &mut PgConnection, statement: String) {
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}
