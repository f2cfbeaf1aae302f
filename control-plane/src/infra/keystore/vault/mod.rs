//! Keys kept in Vault or OpenBao: KV version 2, one secret with the envelope keys (each version is one) and one with the root of
//! the HMACs. They are read at start and stay in memory, so a Vault that is sealed or away later stops nothing.

mod client;
mod keys;
pub(super) mod refresh;
mod token;

use std::sync::PoisonError;

use time::OffsetDateTime;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use self::client::Client;
pub(super) use self::keys::Listing;
use self::token::Token;
use crate::infra::config::{Secret, VaultConfig};

/// What went wrong with Vault, and what to do. Never what it answered: an address that is not Vault's could answer anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error(
        "Vault does not answer at {address}: {reason}; check VAULT_ADDR, that Vault runs, and that its certificate is trusted here (SSL_CERT_FILE)"
    )]
    Unreachable { address: String, reason: String },
    #[error("Vault at {address} is sealed or not initialised: unseal it (`vault operator unseal`)")]
    Sealed { address: String },
    #[error("Vault at {address} answered {status}: it is not ready, or not the active node; see its own log")]
    NotReady { address: String, status: u16 },
    #[error(
        "Vault does not take the token: it is wrong, has expired, was revoked or lacks the policy `default`; put a good one into VAULT_TOKEN or VAULT_TOKEN_FILE"
    )]
    Token,
    #[error("the file of {variable} cannot be read: {reason}")]
    File { variable: &'static str, reason: String },
    #[error(
        "Vault refuses the AppRole login: check that AppRole is enabled at auth/approle, and VAULT_ROLE_ID and VAULT_SECRET_ID; a secret id may have expired or been used up"
    )]
    AppRole,
    #[error(
        "the policy of Vault's token does not allow {capability} on {path}; docs/operations.md has the policy"
    )]
    Denied { capability: &'static str, path: String },
    #[error(
        "there is no KV version 2 engine at VAULT_MOUNT={mount}: `vault secrets enable -path={mount} kv-v2`"
    )]
    NoEngine { mount: String },
    #[error("{path}, version {version}, is not a key: its field `key` must be 32 bytes in base64")]
    NotAKey { path: String, version: u64 },
    #[error("{path} is not what was put there: restore its first version (`vault kv rollback -version=1`)")]
    NotARoot { path: String },
    #[error("every version of {path} was deleted in Vault: bring one back with `vault kv undelete`")]
    AllDeleted { path: String },
    #[error("Vault gave an answer at {path} that this version does not understand")]
    Answer { path: String },
}

impl VaultError {
    /// Whether waiting may help.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Sealed { .. } | Self::NotReady { .. })
    }
}

/// A Vault that was reached once.
#[derive(Debug)]
pub struct Vault {
    config: VaultConfig,
    client: Client,
    token: Mutex<Option<Token>>,
    look: Notify,
    seen: std::sync::Mutex<Seen>,
}

/// How the last look went.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// When Vault last answered.
    pub at: Option<OffsetDateTime>,
    /// What has been wrong since.
    pub failure: Option<VaultError>,
}

impl Vault {
    pub(super) fn new(config: VaultConfig) -> Result<Self, VaultError> {
        let client = Client::new(&config)?;
        Ok(Self {
            config,
            client,
            token: Mutex::new(None),
            look: Notify::new(),
            seen: std::sync::Mutex::default(),
        })
    }

    /// Asks for a look at once.
    pub(super) fn look_again(&self) {
        self.look.notify_one();
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, seen: Seen) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    /// A token that is good for a while: renewed or taken anew when half of its life is over.
    async fn token(&self) -> Result<Secret<String>, VaultError> {
        let mut held = self.token.lock().await;
        let now = Instant::now();
        let renewed = match held.as_ref() {
            Some(token) if !token.is_due(now) => return Ok(token.value.clone()),
            Some(token) if token.renewable => token.renew(&self.client, now).await.ok(),
            _ => None,
        };
        let token = match renewed {
            Some(token) if !token.is_due(now) => token,
            // Not renewable, refused, or near the longest life it may have.
            _ => match Token::log_in(&self.client, &self.config.login, now).await {
                Ok(token) => token,
                Err(error) => match held.as_ref() {
                    Some(token) if token.is_alive(now) => return Ok(token.value.clone()),
                    _ => return Err(error),
                },
            },
        };
        let value = token.value.clone();
        *held = Some(token);
        Ok(value)
    }

    /// Forgets a token that was refused. Returns whether it was: a refusal may also be the policy's.
    async fn is_token_dead(&self, token: &Secret<String>) -> bool {
        let dead =
            matches!(Token::look_up(&self.client, token, Instant::now()).await, Err(VaultError::Token));
        if dead {
            *self.token.lock().await = None;
        }
        dead
    }
}
