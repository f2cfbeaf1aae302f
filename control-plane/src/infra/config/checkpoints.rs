//! Where signed heads of the audit log are carried to.

use std::net::IpAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::reader::Reader;
use super::{Environment, Secret};

const DIR: &str = "AGENTIDP_CHECKPOINT_DIR";
const URL: &str = "AGENTIDP_CHECKPOINT_URL";
const TOKEN: &str = "AGENTIDP_CHECKPOINT_TOKEN";
const TOKEN_FILE: &str = "AGENTIDP_CHECKPOINT_TOKEN_FILE";
const WEBHOOK_URL: &str = "AGENTIDP_CHECKPOINT_WEBHOOK_URL";
const WEBHOOK_SECRET: &str = "AGENTIDP_CHECKPOINT_WEBHOOK_SECRET";
const WEBHOOK_SECRET_FILE: &str = "AGENTIDP_CHECKPOINT_WEBHOOK_SECRET_FILE";
/// What a secret of Standard Webhooks begins with, and how many bytes it has.
const SECRET_PREFIX: &str = "whsec_";
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Places outside the database.
#[derive(Debug, Clone, Default)]
pub struct Checkpoints {
    pub folder: Option<PathBuf>,
    pub url: Option<CheckpointUrl>,
    pub webhook: Option<CheckpointWebhook>,
}

#[derive(Debug, Clone)]
pub struct CheckpointUrl {
    /// Without a trailing slash.
    pub url: String,
    /// Sent as a bearer token.
    pub token: Option<Secret<String>>,
}

#[derive(Debug, Clone)]
pub struct CheckpointWebhook {
    pub url: String,
    pub secret: Secret<Vec<u8>>,
}

impl Reader {
    pub(super) fn checkpoints(&mut self, environment: Environment) -> Checkpoints {
        let folder = self.text(DIR).map(PathBuf::from);
        if folder.as_ref().is_some_and(|folder| !folder.is_absolute()) {
            self.problem(DIR, "must be an absolute path");
        }
        let url = self.outbound_url(URL, environment);
        let token = self.optional_direct_or_file(TOKEN, TOKEN_FILE);
        if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            self.problem(TOKEN, "must be printable ASCII without spaces");
        }
        if token.is_some() && url.is_none() {
            self.problem(TOKEN, &format!("is for {URL}, which is not set"));
        }
        let webhook = self.outbound_url(WEBHOOK_URL, environment);
        let secret = self.optional_direct_or_file(WEBHOOK_SECRET, WEBHOOK_SECRET_FILE).map(Secret::new);
        let key = secret.as_ref().and_then(|secret| {
            let key = STANDARD.decode(secret.expose().strip_prefix(SECRET_PREFIX)?).ok()?;
            SECRET_BYTES.contains(&key.len()).then(|| Secret::new(key))
        });
        if webhook.is_some() != secret.is_some() {
            self.problem(WEBHOOK_SECRET, &format!("must be set together with {WEBHOOK_URL}"));
        } else if secret.is_some() && key.is_none() {
            self.problem(WEBHOOK_SECRET, "must be whsec_ and 24 to 64 random bytes in base64");
        }
        Checkpoints {
            folder,
            url: url.map(|url| CheckpointUrl { url, token: token.map(Secret::new) }),
            webhook: webhook.zip(key).map(|(url, secret)| CheckpointWebhook { url, secret }),
        }
    }

    /// https; in development also http, to this machine alone.
    fn outbound_url(&mut self, name: &str, environment: Environment) -> Option<String> {
        let url = self.text(name)?.trim_end_matches('/').to_owned();
        let uri: Option<http::Uri> = url.parse().ok();
        let plain = |uri: &http::Uri| {
            let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
            uri.host().is_some() && !user && uri.query().is_none() && !url.contains('#')
        };
        let loopback = |uri: &http::Uri| {
            uri.host().is_some_and(|host| {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            })
        };
        let good = uri.filter(plain).is_some_and(|uri| match uri.scheme_str() {
            Some("https") => true,
            Some("http") => environment == Environment::Development && loopback(&uri),
            _ => false,
        });
        if !good {
            let expected = "must be an https URL without user, query and fragment (http to this machine is allowed in development)";
            self.problem(name, expected);
        }
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(environment: Environment, values: &[(&str, &str)]) -> Result<Checkpoints, String> {
        let values: BTreeMap<_, _> =
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(values);
        let checkpoints = reader.checkpoints(environment);
        reader.finish(checkpoints).map_err(|error| error.to_string())
    }

    #[test]
    fn clear_text_attack_only_https_leaves_this_machine() {
        use Environment::{Development, Production};
        let asks = |environment, url| read(environment, &[(URL, url)]).is_ok();
        assert!(
            asks(Production, "https://store.example/heads/") && asks(Development, "http://127.0.0.1:9/x")
        );
        assert!(asks(Development, "http://[::1]:9") && asks(Development, "http://localhost:9"));
        for url in
            ["http://127.0.0.1:9", "ftp://a.example", "https://u:p@a.example", "https://a.example?x=1", "a"]
        {
            assert!(!asks(Production, url), "{url}");
        }
        for url in ["http://a.example", "http://127.0.0.1.a.example", "http://10.0.0.1"] {
            assert!(!asks(Development, url), "{url}");
        }
    }

    #[test]
    fn secrets_belong_to_a_place_and_are_not_shown() {
        let secret = format!("whsec_{}", STANDARD.encode([7; 32]));
        let webhook = (WEBHOOK_URL, "https://hooks.example/x");
        let good = [webhook, (WEBHOOK_SECRET, &*secret), (URL, "https://a.example/"), (TOKEN, "t0k3n")];
        let found = read(Environment::Production, &good).unwrap();
        assert_eq!(found.url.as_ref().unwrap().url, "https://a.example");
        let shown = format!("{found:?}");
        assert!(!shown.contains("t0k3n") && !shown.contains("[7, 7"), "{shown}");
        for wrong in [
            &[webhook][..],
            &[(WEBHOOK_SECRET, &*secret)],
            &[webhook, (WEBHOOK_SECRET, "whsec_c2hvcnQ=")],
            &[webhook, (WEBHOOK_SECRET, "not-a-secret-hunter2")],
            &[(TOKEN, "hunter2")],
            &[(URL, "https://a.example"), (TOKEN, "hunter2 x")],
            &[(DIR, "relative")],
        ] {
            let problem = read(Environment::Production, wrong).unwrap_err();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
