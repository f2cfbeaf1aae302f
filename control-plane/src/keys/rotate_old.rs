//! Replacing the keys that sign when they have signed for long enough, on schedule.

use agentidp_shared::jwk::{Algorithm, MAX_KEYS};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::lifecycle::add_key;
use super::model::KeyStatus;
use super::signer::KeyError;
use super::store::{self, StoredKey};
use super::{ChangedBy, system_event};
use crate::app::App;
use crate::audit::{self, Action};
use crate::infra::db::SystemTx;
use crate::infra::jobs::{Effects, Job, JobError, Work};

/// Publishes a new key of each algorithm for which it is time.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct RotateOld {}

impl Job for RotateOld {
    const KIND: &'static str = "keys.rotate";

    async fn run(self, work: Work) -> Result<Effects, JobError> {
        let mut tx = work.system().await?;
        rotate_old(&mut tx, &work.app).await?;
        Ok(tx.into())
    }
}

async fn rotate_old(tx: &mut SystemTx, app: &App) -> Result<(), KeyError> {
    store::lock(tx).await?;
    for algorithm in Algorithm::ALL {
        if !is_due(app, &store::live_keys(tx).await?, algorithm) {
            continue;
        }
        let added = add_key(tx, app, algorithm, KeyStatus::Next).await?;
        let mut waiting = added.iter().filter(|key| key.info.status == KeyStatus::Next);
        let next = waiting.find(|key| key.info.algorithm == algorithm).map(|key| key.info.kid.clone());
        let metadata = json!({ "kid": next, "algorithm": algorithm.as_str() });
        if let Some(event) = system_event(tx, Action::KeyRotated, metadata, ChangedBy::Schedule).await? {
            audit::record(tx, app, event).await?;
        }
        tracing::info!(kid = next, %algorithm, "a signing key is replaced because of its age");
    }
    Ok(())
}

/// Whether the key of `algorithm` that signs has signed for long enough, and no other waits already.
fn is_due(app: &App, keys: &[StoredKey], algorithm: Algorithm) -> bool {
    let Some(interval) = app.config.key_rotation else { return false };
    let of_algorithm = || keys.iter().filter(|key| key.info.algorithm == algorithm);
    let is_old = |key: &StoredKey| {
        key.info.status == KeyStatus::Active
            && key.info.activated_at.is_some_and(|since| app.now() - since >= interval)
    };
    keys.len() < MAX_KEYS
        && of_algorithm().any(is_old)
        && !of_algorithm().any(|key| key.info.status == KeyStatus::Next)
}
