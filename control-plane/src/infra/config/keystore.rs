//! Where the keystore's keys come from.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Secret;
use super::reader::Reader;

const KEY: &str = "AGENTIDP_KEYSTORE_KEY";
const KEY_FILE: &str = "AGENTIDP_KEYSTORE_FILE";
const PREVIOUS: &str = "AGENTIDP_KEYSTORE_PREVIOUS_KEYS";
const PREVIOUS_FILE: &str = "AGENTIDP_KEYSTORE_PREVIOUS_KEYS_FILE";

#[derive(Debug, Clone)]
pub struct KeystoreConfig {
    pub backend: KeystoreBackend,
    /// Keys that open and do not seal.
    pub previous: Vec<Secret<[u8; 32]>>,
}

#[derive(Debug, Clone)]
pub enum KeystoreBackend {
    Local(Secret<[u8; 32]>),
    Vault(VaultConfig),
}

/// A Vault or OpenBao: where, and how to get in.
#[derive(Debug, Clone)]
pub struct VaultConfig {
    /// Without a trailing slash.
    pub address: String,
    pub login: VaultLogin,
    pub namespace: Option<String>,
    /// Of the KV engine.
    pub mount: String,
    /// The folder of the keys.
    pub path: String,
    /// Between two looks for newer keys.
    pub refresh: Duration,
    /// How long a start waits for a Vault that is away or sealed.
    pub wait: Duration,
}

#[derive(Debug, Clone)]
pub enum VaultLogin {
    Token(VaultSecret),
    AppRole { role_id: String, secret_id: VaultSecret },
}

/// A secret, or the file that holds it, which is read each time it is needed.
#[derive(Debug, Clone)]
pub enum VaultSecret {
    Value(Secret<String>),
    File(PathBuf),
}

impl Reader {
    pub(super) fn keystore(&mut self) -> KeystoreConfig {
        let address = self.vault_address();
        let backend = match address {
            Some(address) => {
                for name in [KEY, KEY_FILE] {
                    if self.text(name).is_some() {
                        self.problem(
                            name,
                            "set this or VAULT_ADDR, not both; the key of a database that moves to Vault goes into AGENTIDP_KEYSTORE_PREVIOUS_KEYS",
                        );
                    }
                }
                KeystoreBackend::Vault(self.vault(address))
            }
            None => KeystoreBackend::Local(self.keystore_key()),
        };
        KeystoreConfig { backend, previous: self.previous_keys() }
    }

    fn keystore_key(&mut self) -> Secret<[u8; 32]> {
        let what = "32 random bytes in base64, for example from `openssl rand -base64 32`; or keep keys in Vault and set VAULT_ADDR";
        let Some(text) = self.direct_or_file(KEY, KEY_FILE, what) else { return Secret::new([0; 32]) };
        key_of(&text).unwrap_or_else(|| {
            self.problem(KEY, "must be exactly 32 bytes in base64");
            Secret::new([0; 32])
        })
    }

    /// Separated by commas or, in a file, by lines.
    fn previous_keys(&mut self) -> Vec<Secret<[u8; 32]>> {
        let Some(text) = self.optional_direct_or_file(PREVIOUS, PREVIOUS_FILE) else { return Vec::new() };
        let items = text.split([',', '\n']).map(str::trim).filter(|item| !item.is_empty());
        let keys: Option<Vec<_>> = items.map(key_of).collect();
        keys.unwrap_or_else(|| {
            self.problem(PREVIOUS, "each must be exactly 32 bytes in base64, separated by commas");
            Vec::new()
        })
    }

    fn vault_address(&mut self) -> Option<String> {
        const NAME: &str = "VAULT_ADDR";
        let address = self.text(NAME)?.trim_end_matches('/').to_owned();
        let url = reqwest::Url::parse(&address).ok().filter(|url| {
            url.has_host() && url.username().is_empty() && url.password().is_none() && url.query().is_none()
        });
        let is_loopback = url.as_ref().and_then(|url| url.host_str()).is_some_and(|host| {
            let host = host.trim_matches(['[', ']']);
            host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        });
        match url.as_ref().map(reqwest::Url::scheme) {
            Some("https") => {}
            Some("http") if is_loopback => {}
            Some("http") => self.problem(NAME, "must be https; http is for a Vault on this machine only"),
            _ => self
                .problem(NAME, "must be an https URL without user and query, for example https://vault:8200"),
        }
        Some(address)
    }

    fn vault(&mut self, address: String) -> VaultConfig {
        let token = self.vault_secret("VAULT_TOKEN", "VAULT_TOKEN_FILE");
        let role_id = self.text("VAULT_ROLE_ID");
        let secret_id = self.vault_secret("VAULT_SECRET_ID", "VAULT_SECRET_ID_FILE");
        let login = match (token, role_id, secret_id) {
            (Some(token), None, None) => VaultLogin::Token(token),
            (None, Some(role_id), Some(secret_id)) => VaultLogin::AppRole { role_id, secret_id },
            (None, None, None) => {
                self.problem(
                    "VAULT_TOKEN",
                    "required (or VAULT_TOKEN_FILE, or VAULT_ROLE_ID with VAULT_SECRET_ID)",
                );
                VaultLogin::Token(VaultSecret::Value(Secret::new(String::new())))
            }
            (Some(token), ..) => {
                self.problem("VAULT_TOKEN", "set this or VAULT_ROLE_ID with VAULT_SECRET_ID, not both");
                VaultLogin::Token(token)
            }
            (None, role_id, secret_id) => {
                let lacking = if role_id.is_none() { "VAULT_ROLE_ID" } else { "VAULT_SECRET_ID" };
                self.problem(lacking, "required: an AppRole login takes VAULT_ROLE_ID and VAULT_SECRET_ID");
                let secret_id = secret_id.unwrap_or_else(|| VaultSecret::Value(Secret::new(String::new())));
                VaultLogin::AppRole { role_id: role_id.unwrap_or_default(), secret_id }
            }
        };
        let namespace = self.vault_path("VAULT_NAMESPACE", "");
        VaultConfig {
            address,
            login,
            namespace: (!namespace.is_empty()).then_some(namespace),
            mount: self.vault_path("VAULT_MOUNT", "secret"),
            path: self.vault_path("VAULT_PATH", "agentidp"),
            refresh: Duration::from_secs(self.number("VAULT_REFRESH_SECONDS", 15, 1, 3_600).into()),
            wait: Duration::from_secs(self.number("VAULT_WAIT_SECONDS", 30, 0, 600).into()),
        }
    }

    fn vault_secret(&mut self, name: &str, file_name: &str) -> Option<VaultSecret> {
        match (self.text(name), self.text(file_name)) {
            (Some(value), Some(_)) => {
                self.problem(name, &format!("set this or {file_name}, not both"));
                Some(VaultSecret::Value(Secret::new(value)))
            }
            (Some(value), None) => Some(VaultSecret::Value(Secret::new(value))),
            (None, Some(path)) => Some(VaultSecret::File(path.into())),
            (None, None) => None,
        }
    }

    fn vault_path(&mut self, name: &str, default: &str) -> String {
        let path = self.text(name).unwrap_or_else(|| default.to_owned());
        let path = path.trim_matches('/').to_owned();
        let is_good = |part: &str| {
            !part.is_empty()
                && !part.bytes().all(|b| b == b'.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        let is_absent = path.is_empty() && default.is_empty();
        if !is_absent && !path.split('/').all(is_good) {
            self.problem(
                name,
                "must be letters, digits, hyphens, dots and underscores, in parts separated by slashes",
            );
        }
        path
    }
}

fn key_of(text: &str) -> Option<Secret<[u8; 32]>> {
    let bytes = zeroize::Zeroizing::new(STANDARD.decode(text).ok()?);
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use crate::infra::config::tests::usable;
    use crate::infra::config::{Config, ConfigError};

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
}
