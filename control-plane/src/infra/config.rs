//! Configuration: environment variables, or the same names in a TOML file. The environment wins. Every problem is found at
//! start and reported together, each with the name of its variable.

mod jobs;
mod keystore;
mod reader;
mod secret;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentidp_shared::freshness::FreshnessLimits;
use agentidp_shared::jwk::Algorithm;
use agentidp_shared::rate_limit::RateLimits;

pub use self::jobs::{Jobs, SCHEDULES};
pub use self::keystore::{KeystoreBackend, KeystoreConfig, VaultConfig, VaultLogin, VaultSecret};
use self::reader::Reader;
pub use self::secret::Secret;
use super::http::network::Network;

/// The longest life a token may be configured to have.
pub const MAX_TOKEN_TTL_SECONDS: u32 = 86_400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    Development,
    Production,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Pretty,
}

#[derive(Debug, Clone)]
pub struct Database {
    /// The application's login role.
    pub url: Secret<String>,
    /// The schema's owner, for migrations only.
    pub owner_url: Secret<String>,
    pub max_connections: u32,
    /// Connections opened at start and kept open. A server keeps all: to open one takes the driver hundreds of turns on the
    /// runtime (SCRAM), which under load is seconds. A command that does one thing keeps none.
    pub kept_connections: u32,
}

/// An edge that may read the feed.
#[derive(Debug, Clone)]
pub struct EdgeKey {
    pub name: String,
    pub secret: Secret<String>,
}

#[derive(Debug, Clone)]
pub struct Config {
    pub environment: Environment,
    pub listen: SocketAddr,
    pub metrics_listen: SocketAddr,
    /// The public URL of the edge, without a trailing slash: `iss` of every token.
    pub issuer: String,
    pub database: Database,
    pub keystore: KeystoreConfig,
    pub token_ttl_seconds: u32,
    pub signing_algorithm: Algorithm,
    /// After how long a signing key is replaced; `None` is never.
    pub key_rotation: Option<time::Duration>,
    pub edge_keys: Vec<EdgeKey>,
    pub edge_push_urls: Vec<String>,
    /// How old what an edge knows may be.
    pub freshness: FreshnessLimits,
    /// How many requests the edges let through.
    pub rate_limits: RateLimits,
    /// Ed25519 private key, PKCS#8 DER.
    pub feed_key_pkcs8: Secret<Vec<u8>>,
    pub policy_dir: Option<PathBuf>,
    pub trusted_proxies: Vec<Network>,
    pub tls_redirect: bool,
    pub log: String,
    pub log_format: LogFormat,
    pub shutdown: Duration,
    pub request_timeout: Duration,
    pub max_concurrency: usize,
    pub jobs: Jobs,
    /// So long before a credential expires, its organization is told: each once.
    pub expiry_notices: Vec<time::Duration>,
    /// The age from which on a secret should have been replaced; `None` is never.
    pub secret_max_age: Option<time::Duration>,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not usable:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}

/// Every variable: its name, whether it is required or what stands in for it, and what it means.
pub const VARIABLES: &[(&str, &str, &str)] = &[
    (
        "DATABASE_URL",
        "required",
        "PostgreSQL URL of the application's login role (no superuser, no BYPASSRLS, owner of nothing)",
    ),
    ("DATABASE_OWNER_URL", "DATABASE_URL", "PostgreSQL URL of the schema's owner, used by `migrate`"),
    ("DATABASE_MAX_CONNECTIONS", "20", "connections in the pool, 2 to 1000"),
    ("AGENTIDP_ENV", "production", "development or production"),
    ("AGENTIDP_LISTEN", "127.0.0.1:8080", "address of the API"),
    ("AGENTIDP_METRICS_LISTEN", "127.0.0.1:9464", "address of the Prometheus metrics"),
    ("AGENTIDP_ISSUER", "required", "public URL of the edge: the issuer of every token; https in production"),
    (
        "AGENTIDP_KEYSTORE_KEY",
        "required, or _FILE, or VAULT_ADDR",
        "256-bit key in base64 that seals private keys at rest",
    ),
    ("AGENTIDP_KEYSTORE_FILE", "", "file that holds AGENTIDP_KEYSTORE_KEY"),
    (
        "AGENTIDP_KEYSTORE_PREVIOUS_KEYS",
        "",
        "further keys that open what they sealed, separated by commas; while a key is replaced",
    ),
    ("AGENTIDP_KEYSTORE_PREVIOUS_KEYS_FILE", "", "file that holds them, one a line"),
    ("VAULT_ADDR", "", "keep the keys in Vault or OpenBao there; https, or http on this machine"),
    ("VAULT_TOKEN", "", "token for it"),
    ("VAULT_TOKEN_FILE", "", "file that holds VAULT_TOKEN, read again when the token is used up"),
    ("VAULT_ROLE_ID", "", "AppRole to log in with, instead of a token"),
    ("VAULT_SECRET_ID", "", "secret of that AppRole"),
    ("VAULT_SECRET_ID_FILE", "", "file that holds VAULT_SECRET_ID, read at each login"),
    ("VAULT_NAMESPACE", "", "namespace in Vault"),
    ("VAULT_MOUNT", "secret", "where its KV version 2 engine is"),
    ("VAULT_PATH", "agentidp", "folder of the keys in the engine"),
    ("VAULT_REFRESH_SECONDS", "15", "how often newer keys are looked for, 1 to 3600"),
    ("VAULT_WAIT_SECONDS", "30", "how long a start waits for a Vault that is away or sealed, 0 to 600"),
    ("AGENTIDP_FEED_KEY", "required, or _FILE", "Ed25519 private key (PKCS#8 PEM) that signs the edge feed"),
    ("AGENTIDP_FEED_KEY_FILE", "", "file that holds AGENTIDP_FEED_KEY"),
    ("AGENTIDP_TOKEN_TTL_SECONDS", "3600", "life of an access token, 60 to 86400"),
    ("AGENTIDP_SIGNING_ALGORITHM", "ES256", "ES256, EdDSA or RS256"),
    (
        "AGENTIDP_KEY_ROTATION_DAYS",
        "90",
        "after so many days a signing key is replaced, 1 to 3650; 0 is never",
    ),
    (
        "AGENTIDP_EDGE_KEYS",
        "",
        "edges that may read the feed: name:secret, separated by commas; secrets of 32 characters or more",
    ),
    (
        "AGENTIDP_EDGE_PUSH_URLS",
        "",
        "push endpoints of edges (https://edge/edge/v1/push), separated by commas",
    ),
    (
        "AGENTIDP_MAX_STALENESS_SECONDS",
        "60",
        "up to this age of what an edge knows everything is as usual, 5 to 3600",
    ),
    (
        "AGENTIDP_STALE_IF_ERROR_SECONDS",
        "86400",
        "up to this age edges still take tokens that can only read, AGENTIDP_MAX_STALENESS_SECONDS to 604800",
    ),
    (
        "AGENTIDP_RATE_LIMIT_ADDRESS",
        "100/1:200",
        "requests without a good token from one address at the edge: REQUESTS/SECONDS:BURST, or off",
    ),
    ("AGENTIDP_RATE_LIMIT_CLIENT", "200/1:400", "requests of one client at the edge"),
    ("AGENTIDP_RATE_LIMIT_FREE", "500/1:1000", "requests of one organization of the free tier at the edge"),
    ("AGENTIDP_RATE_LIMIT_PRO", "5000/1:10000", "the same of the pro tier"),
    ("AGENTIDP_RATE_LIMIT_ENTERPRISE", "50000/1:100000", "the same of the enterprise tier"),
    (
        "AGENTIDP_POLICY_DIR",
        "built in",
        "folder with authz.rego and data/scopes.json, reloaded when they change",
    ),
    ("AGENTIDP_TRUSTED_PROXIES", "", "address blocks whose X-Forwarded-For is believed, separated by commas"),
    (
        "AGENTIDP_TLS_REDIRECT",
        "false",
        "redirect requests a trusted proxy marks as http (X-Forwarded-Proto) to https",
    ),
    ("AGENTIDP_LOG", "info,sqlx=warn", "log filter, for example info,sqlx=warn"),
    ("AGENTIDP_LOG_FORMAT", "json (pretty in development)", "json or pretty"),
    ("AGENTIDP_SHUTDOWN_SECONDS", "20", "longest wait for running requests at shutdown, 1 to 300"),
    ("AGENTIDP_REQUEST_TIMEOUT_SECONDS", "15", "longest request, 12 to 300"),
    ("AGENTIDP_MAX_CONCURRENCY", "1024", "requests at once, 1 to 100000"),
    ("AGENTIDP_JOBS", "on", "on: `serve` runs jobs too; off: it leaves them to `agentidp worker`"),
    (
        "AGENTIDP_JOB_CONCURRENCY",
        "4",
        "jobs a process runs at once, 1 to 1000, and at most half of its connections",
    ),
    (
        "AGENTIDP_JOB_LEASE_SECONDS",
        "30",
        "a job whose worker was not heard of for so long is taken over by another, 1 to 3600",
    ),
    (
        "AGENTIDP_SCHEDULES",
        "housekeeping=10m, audit.verify=1h, keys.rotate=10m, credentials.expiring=1d, compliance.check=1h",
        "how often recurring jobs run, by name: NAME=NUMBER with s, m, h or d, or NAME=off, separated by commas",
    ),
    (
        "AGENTIDP_CREDENTIAL_EXPIRY_DAYS",
        "14",
        "so many days before a credential expires that is recorded, each once: 1 to 365, separated by commas",
    ),
    (
        "AGENTIDP_SECRET_MAX_AGE_DAYS",
        "365",
        "an older client secret fails the compliance control of rotation, 1 to 3650; 0 is never",
    ),
];

impl Config {
    /// Reads the process environment over the TOML file, if one is given.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::from_values(values(file)?)
    }

    /// Reads named values. An empty value counts as absent.
    pub fn from_values(values: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(values);
        let environment = match reader.text("AGENTIDP_ENV").as_deref() {
            None | Some("production") => Environment::Production,
            Some("development") => Environment::Development,
            Some(_) => {
                reader.problem("AGENTIDP_ENV", "must be development or production");
                Environment::Production
            }
        };
        let database = reader.database();
        let config = Self {
            environment,
            jobs: reader.jobs(&database),
            expiry_notices: reader.expiry_notices(),
            secret_max_age: match reader.number("AGENTIDP_SECRET_MAX_AGE_DAYS", 365, 0, 3_650) {
                0 => None,
                days => Some(time::Duration::days(days.into())),
            },
            listen: reader.parsed("AGENTIDP_LISTEN", "127.0.0.1:8080", "an address like 127.0.0.1:8080"),
            metrics_listen: reader.parsed(
                "AGENTIDP_METRICS_LISTEN",
                "127.0.0.1:9464",
                "an address like 127.0.0.1:9464",
            ),
            issuer: reader.issuer(environment),
            database,
            keystore: reader.keystore(),
            token_ttl_seconds: reader.number("AGENTIDP_TOKEN_TTL_SECONDS", 3_600, 60, MAX_TOKEN_TTL_SECONDS),
            signing_algorithm: reader.parsed("AGENTIDP_SIGNING_ALGORITHM", "ES256", "ES256, EdDSA or RS256"),
            key_rotation: match reader.number("AGENTIDP_KEY_ROTATION_DAYS", 90, 0, 3_650) {
                0 => None,
                days => Some(time::Duration::days(days.into())),
            },
            edge_keys: reader.edge_keys(),
            edge_push_urls: reader.push_urls(environment),
            freshness: reader.freshness(),
            rate_limits: reader.rate_limits(),
            feed_key_pkcs8: reader.feed_key(),
            policy_dir: reader.text("AGENTIDP_POLICY_DIR").map(PathBuf::from),
            trusted_proxies: reader.networks("AGENTIDP_TRUSTED_PROXIES"),
            tls_redirect: reader.parsed("AGENTIDP_TLS_REDIRECT", "false", "true or false"),
            log: reader.log_filter(),
            log_format: reader.log_format(environment),
            shutdown: Duration::from_secs(reader.number("AGENTIDP_SHUTDOWN_SECONDS", 20, 1, 300).into()),
            request_timeout: Duration::from_secs(
                reader.number("AGENTIDP_REQUEST_TIMEOUT_SECONDS", 15, 12, 300).into(),
            ),
            max_concurrency: usize::try_from(reader.number("AGENTIDP_MAX_CONCURRENCY", 1_024, 1, 100_000))
                .unwrap_or(1_024),
        };
        reader.finish(config)
    }
}

impl Database {
    /// Only what `migrate` needs: whoever applies migrations need not hold the keys.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut values = values(file)?;
        if let Some(owner) = values.get("DATABASE_OWNER_URL").cloned() {
            values.entry("DATABASE_URL".to_owned()).or_insert(owner);
        }
        let mut reader = Reader::new(values);
        let database = reader.database();
        reader.finish(database)
    }
}

/// Only the feed's private key (PKCS#8 DER): to print its public half takes nothing else.
pub fn feed_key(file: Option<&Path>) -> Result<Secret<Vec<u8>>, ConfigError> {
    let mut reader = Reader::new(values(file)?);
    let key = reader.feed_key();
    reader.finish(key)
}

/// The settings of the file, if one is given, under those of the process environment.
pub fn values(file: Option<&Path>) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut values = match file {
        Some(path) => read_file(path)?,
        None => BTreeMap::new(),
    };
    values.extend(environment_values()?);
    Ok(values)
}

/// The variables of the process environment that are ours.
fn environment_values() -> Result<BTreeMap<String, String>, ConfigError> {
    let mut values = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, ..) in VARIABLES {
        match std::env::var(name) {
            Ok(value) => {
                values.insert((*name).to_owned(), value);
            }
            Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => problems.push(format!("{name}: must be UTF-8")),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(ConfigError(problems)) }
}

fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let problem = |reason: String| ConfigError(vec![format!("{}: {reason}", path.display())]);
    let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| problem(error.message().to_owned()))?;
    let mut values = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, value) in table {
        if !VARIABLES.iter().any(|(known, ..)| *known == name) {
            problems.push(format!("{name}: there is no such setting"));
        }
        match value {
            toml::Value::String(text) => values.insert(name, text),
            toml::Value::Integer(number) => values.insert(name, number.to_string()),
            toml::Value::Boolean(value) => values.insert(name, value.to_string()),
            _ => {
                problems.push(format!("{name}: must be a string, a whole number or a boolean"));
                None
            }
        };
    }
    if problems.is_empty() { Ok(values) } else { Err(ConfigError(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

    fn usable() -> BTreeMap<String, String> {
        [
            ("DATABASE_URL", "postgres://app@localhost/agentidp"),
            ("AGENTIDP_ISSUER", "https://id.example/"),
            ("AGENTIDP_KEYSTORE_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ("AGENTIDP_FEED_KEY", FEED_KEY),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn four_values_are_enough_and_the_rest_has_defaults() {
        let config = Config::from_values(usable()).unwrap();
        assert_eq!(config.issuer, "https://id.example");
        assert_eq!(config.token_ttl_seconds, 3_600);
        assert_eq!(config.signing_algorithm, Algorithm::ES256);
        assert_eq!(config.freshness, FreshnessLimits::default());
        assert_eq!(config.rate_limits.client, "200/1:400".parse().ok());
        assert_eq!(config.log_format, LogFormat::Json);
    }

    #[test]
    fn every_problem_is_reported_at_once_under_its_variable() {
        let mut values = usable();
        values.remove("DATABASE_URL");
        for (name, value) in [
            ("AGENTIDP_ENV", "test"),
            ("AGENTIDP_LISTEN", "here"),
            ("AGENTIDP_ISSUER", "http://id.example"),
            ("AGENTIDP_KEYSTORE_KEY", "c2hvcnQ="),
            ("AGENTIDP_FEED_KEY", "nonsense"),
            ("AGENTIDP_TOKEN_TTL_SECONDS", "59"),
            ("AGENTIDP_SIGNING_ALGORITHM", "HS256"),
            ("AGENTIDP_EDGE_KEYS", "edge:short"),
            ("AGENTIDP_EDGE_PUSH_URLS", "http://edge/edge/v1/push"),
            ("AGENTIDP_KEY_ROTATION_DAYS", "3651"),
            ("AGENTIDP_MAX_STALENESS_SECONDS", "4"),
            ("AGENTIDP_STALE_IF_ERROR_SECONDS", "1"),
            ("AGENTIDP_RATE_LIMIT_ADDRESS", "none"),
            ("AGENTIDP_RATE_LIMIT_CLIENT", "0/1"),
            ("AGENTIDP_TRUSTED_PROXIES", "everyone"),
            ("AGENTIDP_TLS_REDIRECT", "yes"),
            ("AGENTIDP_LOG", "a=b=c"),
            ("AGENTIDP_LOG_FORMAT", "xml"),
            ("AGENTIDP_JOBS", "yes"),
            ("AGENTIDP_JOB_CONCURRENCY", "0"),
            ("AGENTIDP_JOB_LEASE_SECONDS", "0"),
            ("AGENTIDP_SCHEDULES", "housekeeping"),
            ("AGENTIDP_CREDENTIAL_EXPIRY_DAYS", "14,0"),
            ("AGENTIDP_SECRET_MAX_AGE_DAYS", "3651"),
        ] {
            values.insert(name.to_owned(), value.to_owned());
        }
        let expected: Vec<String> = values.keys().cloned().chain(["DATABASE_URL".to_owned()]).collect();
        let ConfigError(problems) = Config::from_values(values).unwrap_err();
        for name in &expected {
            assert!(
                problems.iter().any(|problem| problem.starts_with(&format!("{name}:"))),
                "{name}: {problems:#?}"
            );
        }
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    }

    #[test]
    fn secrets_show_neither_in_debug_output_nor_in_problems() {
        let mut values = usable();
        values.insert("AGENTIDP_EDGE_KEYS".into(), format!("edge:{}", "k3y".repeat(20)));
        values.insert("DATABASE_URL".into(), "postgres://app:hunter2@localhost/agentidp".into());
        let shown = format!("{:?}", Config::from_values(values.clone()).unwrap());
        values.insert("AGENTIDP_LISTEN".into(), "hunter2".into());
        let problems = Config::from_values(values).unwrap_err().to_string();
        for text in [shown, problems] {
            assert!(
                !text.contains("hunter2") && !text.contains("k3yk3y") && !text.contains("MC4CAQ"),
                "{text}"
            );
        }
    }
    #[test]
    fn a_file_may_hold_the_same_names_and_nothing_else() {
        let path = std::env::temp_dir().join(format!("agentidp-config-{}.toml", std::process::id()));
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let outcome = read_file(&path);
            std::fs::remove_file(&path).unwrap();
            outcome
        };
        let values = read(
            "AGENTIDP_TOKEN_TTL_SECONDS = 600\nAGENTIDP_TLS_REDIRECT = true\nAGENTIDP_ENV = 'production'",
        )
        .unwrap();
        assert_eq!(values["AGENTIDP_TOKEN_TTL_SECONDS"], "600");
        assert_eq!(values["AGENTIDP_TLS_REDIRECT"], "true");
        let ConfigError(problems) =
            read("AGENTIDP_TOKEN_TLL = 600\nAGENTIDP_LISTEN = [1]\nAGENTIDP_ENV = 'production'").unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(read("not toml").is_err() && read_file(Path::new("/nonexistent/file")).is_err());
    }

    /// The variables that something is wrong with, when keys are kept in Vault and these are set.
    fn problems_in_vault(settings: &[(&str, &str)]) -> Vec<String> {
        let mut values = usable();
        values.remove("AGENTIDP_KEYSTORE_KEY");
        values.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let problems = Config::from_values(values).err().map_or_else(Vec::new, |ConfigError(all)| all);
        problems.iter().map(|problem| problem.split(':').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn vault_needs_an_address_that_cannot_be_listened_to_and_one_way_to_log_in() {
        let token = ("VAULT_TOKEN", "t");
        for address in ["https://vault:8200", "https://vault/", "http://127.0.0.1:8200", "http://[::1]:8200"]
        {
            assert!(problems_in_vault(&[("VAULT_ADDR", address), token]).is_empty(), "{address}");
        }
        for address in [
            "http://vault:8200",
            "http://127.0.0.1.example:8200",
            "https://user:password@vault",
            "https://vault/?a=b",
            "vault:8200",
            "ftp://127.0.0.1",
        ] {
            assert_eq!(problems_in_vault(&[("VAULT_ADDR", address), token]), ["VAULT_ADDR"], "{address}");
        }
        let (address, role) = (("VAULT_ADDR", "https://vault"), ("VAULT_ROLE_ID", "r"));
        let secret = ("VAULT_SECRET_ID", "s");
        assert!(problems_in_vault(&[address, role, secret]).is_empty());
        assert!(problems_in_vault(&[address, role, ("VAULT_SECRET_ID_FILE", "/run/secret")]).is_empty());
        for (settings, variable) in [
            (vec![address], "VAULT_TOKEN"),
            (vec![address, role], "VAULT_SECRET_ID"),
            (vec![address, secret], "VAULT_ROLE_ID"),
            (vec![address, token, role, secret], "VAULT_TOKEN"),
            (vec![address, token, ("VAULT_TOKEN_FILE", "/run/token")], "VAULT_TOKEN"),
            (vec![address, token, ("AGENTIDP_KEYSTORE_FILE", "/run/key")], "AGENTIDP_KEYSTORE_FILE"),
            (vec![address, token, ("VAULT_MOUNT", "a//b")], "VAULT_MOUNT"),
            (vec![address, token, ("VAULT_PATH", "../other")], "VAULT_PATH"),
            (vec![address, token, ("VAULT_PATH", "a?version=1")], "VAULT_PATH"),
            (vec![address, token, ("VAULT_NAMESPACE", "a b")], "VAULT_NAMESPACE"),
            (vec![address, token, ("VAULT_REFRESH_SECONDS", "0")], "VAULT_REFRESH_SECONDS"),
            (vec![address, token, ("VAULT_WAIT_SECONDS", "601")], "VAULT_WAIT_SECONDS"),
            (
                vec![address, token, ("AGENTIDP_KEYSTORE_PREVIOUS_KEYS", "c2hvcnQ=")],
                "AGENTIDP_KEYSTORE_PREVIOUS_KEYS",
            ),
        ] {
            assert_eq!(problems_in_vault(&settings), [variable], "{settings:?}");
        }
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        let mut values = usable();
        values.insert("DATABASE_URL".into(), " ".into());
        values.insert("AGENTIDP_TOKEN_TTL_SECONDS".into(), String::new());
        let ConfigError(problems) = Config::from_values(values).unwrap_err();
        assert!(problems.len() == 1 && problems[0].starts_with("DATABASE_URL:"), "{problems:?}");
    }
}
