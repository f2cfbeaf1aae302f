//! `agentidp dev`: everything a newcomer needs, from nothing. A private PostgreSQL (unless `DATABASE_URL` is set), keys and
//! secrets in a folder of the project, migrations, the first administrator, and then the same server as in production.

mod admin;
mod announce;
mod postgres;
mod state;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use agentidp_shared::jwk::Algorithm;
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

pub use admin::credential_json;
pub use postgres::supervise::{Supervised, supervise};
pub use state::{check_writable, write_private};

use self::postgres::Postgres;
use self::state::StateDir;
use crate::app::App;
use crate::edge_feed;
use crate::infra::clock::SystemClock;
use crate::infra::config::{self, Config};
use crate::infra::db::Db;
use crate::infra::rng::SystemRng;
use crate::infra::{metrics, telemetry};
use crate::keys::Signer;
use crate::serve::{self, Listeners};

/// The name of the one edge a development instance knows.
const EDGE_NAME: &str = "dev";

#[derive(Debug, Clone)]
pub struct Options {
    /// 0: a free one.
    pub port: u16,
    /// 0: a free one.
    pub metrics_port: u16,
    pub state_dir: PathBuf,
    /// The control plane's own URL if absent.
    pub issuer: Option<String>,
    pub edge_push_urls: Vec<String>,
    pub announce_json: bool,
    pub config_file: Option<PathBuf>,
}

/// Runs everything until it is told to stop.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listeners = Listeners::bind(loopback(options.port), loopback(options.metrics_port))
        .await
        .context("choose other ports with --port and --metrics-port; 0 takes a free one")?;
    let state = StateDir::open(&options.state_dir)?;
    let mut values = config::values(options.config_file.as_deref())?;
    let private = if given(&values, "DATABASE_URL") {
        None
    } else {
        let postgres = Postgres::start(&state).await?;
        let urls = postgres.create_database().await?;
        values.insert("DATABASE_URL".into(), urls.login);
        values.insert("DATABASE_OWNER_URL".into(), urls.owner);
        Some(postgres)
    };
    let outcome = serve_with(options, &state, values, listeners).await;
    if let Some(postgres) = private {
        postgres.stop().await?;
    }
    outcome
}

async fn serve_with(
    options: Options,
    state: &StateDir,
    mut values: BTreeMap<String, String>,
    listeners: Listeners,
) -> anyhow::Result<()> {
    let (api, metrics_address) = (listeners.api.local_addr()?, listeners.metrics.local_addr()?);
    let url = format!("http://{api}");
    values.insert("AGENTIDP_ENV".into(), "development".into());
    values.insert("AGENTIDP_LISTEN".into(), api.to_string());
    values.insert("AGENTIDP_METRICS_LISTEN".into(), metrics_address.to_string());
    if let Some(issuer) = options.issuer {
        values.insert("AGENTIDP_ISSUER".into(), issuer);
    }
    values.entry("AGENTIDP_ISSUER".into()).or_insert_with(|| url.clone());
    if !options.edge_push_urls.is_empty() {
        values.insert("AGENTIDP_EDGE_PUSH_URLS".into(), options.edge_push_urls.join(","));
    }
    let keys = ["AGENTIDP_KEYSTORE_KEY", "AGENTIDP_KEYSTORE_FILE", "VAULT_ADDR"];
    if !keys.iter().any(|name| given(&values, name)) {
        let file = state.secret("keystore-key", || Ok(STANDARD.encode(state::random::<32>())))?;
        values.insert("AGENTIDP_KEYSTORE_FILE".into(), file.path);
    }
    if !given(&values, "AGENTIDP_FEED_KEY") && !given(&values, "AGENTIDP_FEED_KEY_FILE") {
        let file = state.secret("feed-key.pem", new_feed_key)?;
        values.insert("AGENTIDP_FEED_KEY_FILE".into(), file.path);
    }
    let edge_key = state.secret("edge-key", || Ok(state::random_hex()))?;
    let edge_keys = values.entry("AGENTIDP_EDGE_KEYS".into()).or_default();
    *edge_keys = format!("{EDGE_NAME}:{},{edge_keys}", edge_key.contents);
    let config = Config::from_values(values)?;

    telemetry::init(&config)?;
    let recorder = metrics::install().context("the metrics recorder cannot be installed")?;
    Db::migrate(&config.database).await?;
    let app = App::start(config, Arc::new(SystemClock), Arc::new(SystemRng)).await?;
    let admin_credential_file = admin::ensure_credential(&app, state).await?;
    serve::listen_to_signals(&app)?;
    let ready = announce::Ready {
        url,
        metrics_url: format!("http://{metrics_address}/metrics"),
        issuer: app.config.issuer.clone(),
        edge_name: EDGE_NAME,
        edge_key_file: edge_key.path,
        feed_public_keys: edge_feed::public_keys(&app.config.feed_key_pkcs8)?,
        admin_credential_file,
    };
    ready.print(options.announce_json)?;
    serve::run(app, listeners, recorder).await
}

/// Runs only the private PostgreSQL; the URL announced is its superuser's.
pub async fn run_postgres(state_dir: PathBuf) -> anyhow::Result<()> {
    let state = StateDir::open(&state_dir)?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut postgres = Postgres::start(&state).await?;
    let event = json!({ "event": "ready", "databaseUrl": postgres.superuser_url().expose() });
    writeln!(std::io::stdout(), "{event}")?;
    let ended = tokio::select! {
        _ = terminate.recv() => None,
        interrupted = tokio::signal::ctrl_c() => { interrupted?; None }
        ended = postgres.wait() => Some(ended),
    };
    match ended {
        Some(ended) => anyhow::bail!("PostgreSQL ended by itself: {}", ended?),
        None => postgres.stop().await,
    }
}

fn given(values: &BTreeMap<String, String>, name: &str) -> bool {
    values.get(name).is_some_and(|value| !value.trim().is_empty())
}

fn new_feed_key() -> anyhow::Result<String> {
    let (pkcs8, _) = Signer::generate(Algorithm::EdDSA)?;
    Ok(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
        STANDARD.encode(pkcs8.as_slice())
    ))
}
