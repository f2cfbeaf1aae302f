//! Reading settings one by one, noting every problem instead of stopping at the first.

use std::collections::BTreeMap;
use std::net::IpAddr;

use agentidp_shared::freshness::FreshnessLimits;
use agentidp_shared::rate_limit::{InvalidLimit, RateLimit, RateLimits};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{ConfigError, Database, EdgeKey, Environment, LogFormat, Secret};
use crate::infra::http::network::Network;

/// Whether nobody between here and the database can read along: the driver demands TLS, or the database is on this machine. `prefer`
/// and `allow` speak in the clear with whoever says that there is no TLS. A URL that cannot be read is another problem.
fn is_protected(url: &str) -> bool {
    let Ok(options) = url.parse::<PgConnectOptions>() else { return true };
    let demands_tls =
        matches!(options.get_ssl_mode(), PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull);
    let host = options.get_host().trim_start_matches('[').trim_end_matches(']');
    let is_local = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    demands_tls || is_local
}

pub(super) struct Reader {
    values: BTreeMap<String, String>,
    problems: Vec<String>,
}

impl Reader {
    pub(super) fn new(values: BTreeMap<String, String>) -> Self {
        Self { values, problems: Vec::new() }
    }

    /// `read`, unless something was wrong.
    pub(super) fn finish<T>(self, read: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() { Ok(read) } else { Err(ConfigError(self.problems)) }
    }

    /// Where this runs; `production` unless it says otherwise.
    pub(super) fn environment(&mut self) -> Environment {
        match self.text("AGENTIDP_ENV").as_deref() {
            None | Some("production") => Environment::Production,
            Some("development") => Environment::Development,
            Some(_) => {
                self.problem("AGENTIDP_ENV", "must be development or production");
                Environment::Production
            }
        }
    }

    /// Values are never part of a problem: any of them may be a secret put into the wrong variable.
    pub(super) fn problem(&mut self, name: &str, reason: &str) {
        self.problems.push(format!("{name}: {reason}"));
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.values.remove(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(super) fn parsed<T: std::str::FromStr>(&mut self, name: &str, default: &str, expected: &str) -> T {
        let text = self.text(name).unwrap_or_else(|| default.to_owned());
        text.parse().unwrap_or_else(|_| {
            self.problem(name, &format!("must be {expected}"));
            #[expect(
                clippy::expect_used,
                reason = "defaults are constants of this file and covered by a test"
            )]
            default.parse().ok().expect("the default is valid")
        })
    }

    pub(super) fn number(&mut self, name: &str, default: u32, least: u32, most: u32) -> u32 {
        let number =
            self.text(name).map(|text| text.parse().ok().filter(|number| (least..=most).contains(number)));
        match number {
            None => default,
            Some(Some(number)) => number,
            Some(None) => {
                self.problem(name, &format!("must be a whole number from {least} to {most}"));
                default
            }
        }
    }

    fn database_url(&mut self, name: &str, environment: Environment) -> Option<String> {
        let url = self.text(name)?;
        if environment == Environment::Production && !is_protected(&url) {
            self.problem(
                name,
                "must demand TLS in production, for the database is on another machine: end it with ?sslmode=verify-full (with &sslrootcert=FILE for a CA of your own), or ?sslmode=require",
            );
        }
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            self.problem(name, "must be a URL like postgres://user:password@host:5432/database");
        }
        Some(url)
    }

    pub(super) fn database(&mut self, environment: Environment) -> Database {
        let url = self.required_database_url("DATABASE_URL", environment);
        let owner_url = self.database_url("DATABASE_OWNER_URL", environment).unwrap_or_else(|| url.clone());
        let max_connections = self.number("DATABASE_MAX_CONNECTIONS", 20, 2, 1_000);
        Database {
            url: Secret::new(url),
            owner_url: Secret::new(owner_url),
            max_connections,
            kept_connections: max_connections,
        }
    }

    fn required_database_url(&mut self, name: &str, environment: Environment) -> String {
        self.database_url(name, environment).unwrap_or_else(|| {
            self.problem(
                name,
                "required: the PostgreSQL database, postgres://user:password@host:5432/database",
            );
            String::new()
        })
    }

    pub(super) fn issuer(&mut self, environment: Environment) -> String {
        const NAME: &str = "AGENTIDP_ISSUER";
        let Some(issuer) = self.text(NAME) else {
            self.problem(NAME, "required: the public URL of the edge, for example https://id.example.com");
            return String::new();
        };
        let issuer = issuer.trim_end_matches('/').to_owned();
        let uri: Option<http::Uri> = issuer.parse().ok();
        let scheme = uri.as_ref().and_then(http::Uri::scheme_str);
        let has_host = uri.as_ref().is_some_and(|uri| uri.authority().is_some() && uri.query().is_none());
        if !has_host || issuer.contains(['#', '@']) || !matches!(scheme, Some("https" | "http")) {
            self.problem(NAME, "must be an http(s) URL without user, query and fragment");
        } else if environment == Environment::Production && scheme != Some("https") {
            self.problem(NAME, "must be https in production");
        }
        issuer
    }

    /// The value of `name`, or the contents of the file named by `file_name`; a problem if there is neither.
    pub(super) fn direct_or_file(&mut self, name: &str, file_name: &str, what: &str) -> Option<String> {
        let problems = self.problems.len();
        let value = self.optional_direct_or_file(name, file_name);
        if value.is_none() && self.problems.len() == problems {
            self.problem(name, &format!("required (or {file_name}): {what}"));
        }
        value
    }

    pub(super) fn optional_direct_or_file(&mut self, name: &str, file_name: &str) -> Option<String> {
        let (direct, file) = (self.text(name), self.text(file_name));
        match (direct, file) {
            (Some(_), Some(_)) => {
                self.problem(name, &format!("set this or {file_name}, not both"));
                None
            }
            (Some(value), None) => Some(value),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(value) => Some(value.trim().to_owned()),
                Err(error) => {
                    self.problem(file_name, &format!("the file cannot be read: {error}"));
                    None
                }
            },
            (None, None) => None,
        }
    }

    pub(super) fn feed_key(&mut self) -> Secret<Vec<u8>> {
        const NAME: &str = "AGENTIDP_FEED_KEY";
        let what = "an Ed25519 private key in PEM, for example from `openssl genpkey -algorithm ed25519`";
        let Some(pem) = self.direct_or_file(NAME, "AGENTIDP_FEED_KEY_FILE", what) else {
            return Secret::new(Vec::new());
        };
        let der = pem
            .trim()
            .strip_prefix("-----BEGIN PRIVATE KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PRIVATE KEY-----"))
            .and_then(|body| STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok());
        let der = der.filter(|der| aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(der).is_ok());
        Secret::new(der.unwrap_or_else(|| {
            self.problem(NAME, "must be an Ed25519 PRIVATE KEY in PEM (PKCS#8)");
            Vec::new()
        }))
    }

    /// Up to ten years; zero is never.
    pub(super) fn days_or_never(&mut self, name: &str, default: u32) -> Option<time::Duration> {
        let days = self.number(name, default, 0, 3_650);
        (days > 0).then(|| time::Duration::days(days.into()))
    }

    pub(super) fn list(&mut self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn edge_keys(&mut self) -> Vec<EdgeKey> {
        const NAME: &str = "AGENTIDP_EDGE_KEYS";
        let mut keys = Vec::new();
        for item in self.list(NAME) {
            let key = item.split_once(':').filter(|(name, secret)| {
                let named = (1..=64).contains(&name.len())
                    && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                named && secret.len() >= 32 && secret.bytes().all(|b| b.is_ascii_graphic())
            });
            match key {
                Some((name, secret)) => {
                    keys.push(EdgeKey { name: name.to_owned(), secret: Secret::new(secret.to_owned()) });
                }
                None => self.problem(
                    NAME,
                    "each must be name:secret; a name has lower-case letters, digits and hyphens, a secret 32 characters or more",
                ),
            }
        }
        keys
    }

    pub(super) fn push_urls(&mut self, environment: Environment) -> Vec<String> {
        const NAME: &str = "AGENTIDP_EDGE_PUSH_URLS";
        let urls = self.list(NAME);
        for url in &urls {
            let uri: Option<http::Uri> = url.parse().ok().filter(|uri: &http::Uri| {
                uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            });
            let scheme = uri.as_ref().and_then(http::Uri::scheme_str);
            if scheme != Some("https") && (environment == Environment::Production || scheme != Some("http")) {
                self.problem(NAME, "each must be an https URL without user (http is allowed in development)");
            }
        }
        urls
    }

    pub(super) fn freshness(&mut self) -> FreshnessLimits {
        let max_staleness = self.number("AGENTIDP_MAX_STALENESS_SECONDS", 60, 5, 3_600);
        let stale_if_error = self.number("AGENTIDP_STALE_IF_ERROR_SECONDS", 86_400, max_staleness, 604_800);
        FreshnessLimits {
            max_staleness_ms: u64::from(max_staleness) * 1_000,
            stale_if_error_ms: u64::from(stale_if_error) * 1_000,
        }
    }

    pub(super) fn rate_limits(&mut self) -> RateLimits {
        RateLimits {
            address: self.rate_limit("AGENTIDP_RATE_LIMIT_ADDRESS", "100/1:200"),
            client: self.rate_limit("AGENTIDP_RATE_LIMIT_CLIENT", "200/1:400"),
            free: self.rate_limit("AGENTIDP_RATE_LIMIT_FREE", "500/1:1000"),
            pro: self.rate_limit("AGENTIDP_RATE_LIMIT_PRO", "5000/1:10000"),
            enterprise: self.rate_limit("AGENTIDP_RATE_LIMIT_ENTERPRISE", "50000/1:100000"),
        }
    }

    fn rate_limit(&mut self, name: &str, default: &str) -> Option<RateLimit> {
        let text = self.text(name).unwrap_or_else(|| default.to_owned());
        if text == "off" {
            return None;
        }
        let limit = text.parse();
        if let Err(error) = limit {
            let error: InvalidLimit = error;
            self.problem(name, &format!("must be off, or written like 200/1:400; {error}"));
        }
        limit.ok()
    }

    pub(super) fn networks(&mut self, name: &str) -> Vec<Network> {
        let mut networks = Vec::new();
        for item in self.list(name) {
            match item.parse() {
                Ok(network) => networks.push(network),
                Err(_) => self.problem(name, "each must be an address block like 10.0.0.0/8"),
            }
        }
        networks
    }

    pub(super) fn log_filter(&mut self) -> String {
        const NAME: &str = "AGENTIDP_LOG";
        let filter = self.text(NAME).unwrap_or_else(|| "info,sqlx=warn".into());
        if tracing_subscriber::EnvFilter::try_new(&filter).is_err() {
            self.problem(NAME, "must be a log filter, for example info,sqlx=warn");
        }
        filter
    }

    pub(super) fn log_format(&mut self, environment: Environment) -> LogFormat {
        const NAME: &str = "AGENTIDP_LOG_FORMAT";
        match self.text(NAME).as_deref() {
            Some("pretty") => LogFormat::Pretty,
            None if environment == Environment::Development => LogFormat::Pretty,
            Some("json") | None => LogFormat::Json,
            Some(_) => {
                self.problem(NAME, "must be json or pretty");
                LogFormat::Json
            }
        }
    }
}
