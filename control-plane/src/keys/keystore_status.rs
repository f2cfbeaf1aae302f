//! The keystore's keys, and what each still seals: so it is known when an old one can go.

use serde::Serialize;
use time::OffsetDateTime;

use crate::app::App;
use crate::infra::keystore::{SealedColumn, store};

/// The keystore as a process sees it. Nothing in it is secret.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeystoreStatus {
    /// Where the keys are kept.
    pub backend: Backend,
    /// The one that seals comes first.
    pub keys: Vec<KeystoreKey>,
    /// Names the root of the HMACs, which stays when keys are replaced.
    pub hmac_key_id: String,
    /// When Vault last answered this process, if the keys are kept there.
    #[serde(with = "time::serde::rfc3339::option")]
    pub vault_answered_at: Option<OffsetDateTime>,
    /// What has been wrong with Vault since.
    pub vault_problem: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// A setting or a file.
    Local,
    Vault,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeystoreKey {
    pub id: String,
    /// The setting or the version in Vault.
    pub origin: String,
    /// Whether it seals.
    pub is_current: bool,
    /// What is sealed under it; empty if nothing is.
    pub seals: Vec<KeySeals>,
}

impl KeystoreKey {
    /// How many secrets are sealed under it.
    pub fn secrets(&self) -> u64 {
        self.seals.iter().map(|seals| seals.secrets).sum()
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySeals {
    pub table: &'static str,
    pub column: &'static str,
    pub secrets: u64,
}

/// Counts every secret in the database by its key.
pub async fn keystore_status(app: &App) -> Result<KeystoreStatus, sqlx::Error> {
    let uses = store::count_by_key(&mut *app.db.system().await?).await?;
    let seen = app.keystore.vault_seen();
    let keys = app.keystore.keys().into_iter().map(|key| {
        let of_key = uses.iter().filter(|usage| usage.key_id == key.id.as_str());
        let seals = of_key.map(|usage| {
            let SealedColumn { table, column, .. } = usage.column;
            KeySeals { table, column, secrets: usage.rows }
        });
        KeystoreKey {
            id: key.id.to_string(),
            origin: key.origin.to_string(),
            is_current: key.is_current,
            seals: seals.collect(),
        }
    });
    Ok(KeystoreStatus {
        backend: if seen.is_some() { Backend::Vault } else { Backend::Local },
        keys: keys.collect(),
        hmac_key_id: app.keystore.hmac_key_id().to_owned(),
        vault_answered_at: seen.as_ref().and_then(|seen| seen.at),
        vault_problem: seen.and_then(|seen| seen.failure).map(|failure| failure.to_string()),
    })
}
