//! Configuration: environment variables, or the same names in a TOML file. The environment wins. Every problem is found at
//! start and reported together, each with the name of its variable.

mod checkpoints;
mod jobs;
mod keystore;
mod outbound;
mod reader;
mod secret;
mod variables;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentidp_shared::freshness::FreshnessLimits;
use agentidp_shared::jwk::Algorithm;
use agentidp_shared::rate_limit::RateLimits;
use agentidp_shared::verify::LEEWAY_SECONDS;

pub use self::checkpoints::{CheckpointUrl, CheckpointWebhook, Checkpoints};
pub use self::jobs::{Jobs, SCHEDULES};
pub use self::keystore::{KeystoreBackend, KeystoreConfig, VaultConfig, VaultLogin, VaultSecret};
pub use self::outbound::OutboundConfig;
use self::reader::Reader;
pub use self::secret::Secret;
pub use self::variables::VARIABLES;
use super::http::network::Network;

/// The longest life a token may be configured to have.
pub const MAX_TOKEN_TTL_SECONDS: u32 = 86_400;
/// After so long no token is accepted, whatever the settings were when it was issued or delegated: its longest life, the clock difference
/// that verification forgives, and ten minutes to spare.
#[expect(clippy::as_conversions, reason = "widens, where `From` is not const")]
pub const LONGEST_TOKEN: Duration = Duration::from_secs(MAX_TOKEN_TTL_SECONDS as u64 + LEEWAY_SECONDS + 600);

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

/// Where old months of the audit log go.
#[derive(Debug, Clone)]
pub struct AuditArchive {
    /// So long after its end a month is moved; `None` is never.
    pub after: Option<time::Duration>,
    /// Of PostgreSQL; where the database is, unless it is named.
    pub tablespace: Option<String>,
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
    /// What each tier allows; what this version was built with unless it is named.
    pub tiers_file: Option<PathBuf>,
    pub trusted_proxies: Vec<Network>,
    pub tls_redirect: bool,
    pub log: String,
    pub log_format: LogFormat,
    pub shutdown: Duration,
    pub request_timeout: Duration,
    /// Of checks of the audit log, which read as much as there is.
    pub audit_verify_timeout: Duration,
    pub audit_archive: AuditArchive,
    pub max_concurrency: usize,
    pub jobs: Jobs,
    pub checkpoints: Checkpoints,
    pub outbound: OutboundConfig,
    /// Whose tokens are GitHub's: `iss`, byte for byte.
    pub github_issuer: String,
    /// So long before a credential expires, its organization is told: each once.
    pub expiry_notices: Vec<time::Duration>,
    /// The age from which on a secret should have been replaced; `None` is never.
    pub secret_max_age: Option<time::Duration>,
    /// How many credentials an agent may have that are neither revoked nor expired.
    pub max_credentials_per_agent: u32,
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

impl Config {
    /// Reads the process environment over the TOML file, if one is given.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::from_values(values(file)?)
    }

    /// Reads named values. An empty value counts as absent.
    pub fn from_values(values: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(values);
        let environment = reader.environment();
        let database = reader.database(environment);
        let config = Self {
            environment,
            jobs: reader.jobs(&database),
            checkpoints: reader.checkpoints(environment),
            outbound: reader.outbound(environment),
            github_issuer: reader.github_issuer(),
            expiry_notices: reader.expiry_notices(),
            secret_max_age: reader.days_or_never("AGENTIDP_SECRET_MAX_AGE_DAYS", 365),
            max_credentials_per_agent: reader.number("AGENTIDP_MAX_CREDENTIALS_PER_AGENT", 10, 1, 1_000),
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
            key_rotation: reader.days_or_never("AGENTIDP_KEY_ROTATION_DAYS", 90),
            edge_keys: reader.edge_keys(),
            edge_push_urls: reader.push_urls(environment),
            freshness: reader.freshness(),
            rate_limits: reader.rate_limits(),
            feed_key_pkcs8: reader.feed_key(),
            policy_dir: reader.text("AGENTIDP_POLICY_DIR").map(PathBuf::from),
            tiers_file: reader.text("AGENTIDP_TIERS_FILE").map(PathBuf::from),
            trusted_proxies: reader.networks("AGENTIDP_TRUSTED_PROXIES"),
            tls_redirect: reader.parsed("AGENTIDP_TLS_REDIRECT", "false", "true or false"),
            log: reader.log_filter(),
            log_format: reader.log_format(environment),
            shutdown: Duration::from_secs(reader.number("AGENTIDP_SHUTDOWN_SECONDS", 20, 1, 300).into()),
            request_timeout: Duration::from_secs(
                reader.number("AGENTIDP_REQUEST_TIMEOUT_SECONDS", 15, 12, 300).into(),
            ),
            audit_verify_timeout: Duration::from_secs(
                reader.number("AGENTIDP_AUDIT_VERIFY_TIMEOUT_SECONDS", 300, 15, 3_600).into(),
            ),
            audit_archive: AuditArchive {
                after: reader.days_or_never("AGENTIDP_AUDIT_ARCHIVE_DAYS", 90),
                tablespace: reader.text("AGENTIDP_AUDIT_ARCHIVE_TABLESPACE"),
            },
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
        let environment = reader.environment();
        let database = reader.database(environment);
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

    pub(super) fn usable() -> BTreeMap<String, String> {
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
    fn downgrade_attack_production_demands_tls_of_a_database_on_another_machine() {
        let problem = |name: &str, url: &str, environment: &str| {
            let mut values = usable();
            values.insert("AGENTIDP_ENV".into(), environment.into());
            values.insert(name.into(), url.into());
            Config::from_values(values).err().map(|error| error.to_string())
        };
        for mode in ["", "?sslmode=prefer", "?sslmode=allow", "?sslmode=disable"] {
            for host in ["db.example", "10.0.0.5:5432", "[fd00::5]", "127.0.0.1.example"] {
                let url = format!("postgres://app:pw@{host}/agentidp{mode}");
                for name in ["DATABASE_URL", "DATABASE_OWNER_URL"] {
                    let said = problem(name, &url, "production").unwrap_or_default();
                    assert!(said.contains(name) && said.contains("sslmode=verify-full"), "{url}: {said}");
                }
                assert_eq!(problem("DATABASE_URL", &url, "development"), None, "{url}");
            }
            for host in ["localhost", "127.0.0.1:5432", "[::1]", "%2Fvar%2Frun%2Fpostgresql"] {
                let url = format!("postgres://app:pw@{host}/agentidp{mode}");
                assert_eq!(problem("DATABASE_URL", &url, "production"), None, "{url}");
            }
        }
        for mode in ["require", "verify-ca", "verify-full"] {
            let url = format!("postgres://app:pw@db.example/agentidp?sslmode={mode}");
            assert_eq!(problem("DATABASE_URL", &url, "production"), None, "{url}");
        }
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
            ("AGENTIDP_MAX_CREDENTIALS_PER_AGENT", "0"),
            ("AGENTIDP_OUTBOUND_ALLOW_LOOPBACK", "true"),
            ("AGENTIDP_OUTBOUND_CA_FILE", "/nonexistent/file"),
            ("AGENTIDP_GITHUB_ISSUER", "http://github.example"),
            ("AGENTIDP_AUDIT_ARCHIVE_DAYS", "3651"),
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

    #[test]
    fn an_empty_value_counts_as_absent() {
        let mut values = usable();
        values.insert("DATABASE_URL".into(), " ".into());
        values.insert("AGENTIDP_TOKEN_TTL_SECONDS".into(), String::new());
        let ConfigError(problems) = Config::from_values(values).unwrap_err();
        assert!(problems.len() == 1 && problems[0].starts_with("DATABASE_URL:"), "{problems:?}");
    }
}
